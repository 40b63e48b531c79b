/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The page is complete without this. It adds the filter, keys within the grid, and one cell's
 * details. Texts only ever become text nodes.
 */
'use strict';
(() => {
const $ = id => document.getElementById(id);
const data = JSON.parse($('data').textContent);
const {texts, states, cells, slots} = data;
const rows = [...document.querySelectorAll('#grid tbody tr:not(.group)')];
const heads = [...document.querySelectorAll('#grid thead th')].slice(1);
const columns = heads.length;
const chips = [...document.querySelectorAll('#counts button')];
const cellOf = (row, column) => cells[slots[row * columns + column]];
const rowOf = new Map(rows.map((tr, i) => [tr, i]));

/* What a cell's array holds, in the order in which report_data.c writes it. */
const [STATE, SECONDS, STAGE, CODE, RELEASE, VERDICT, PACKAGE, VERSION, FOLDER, HASH, WHY, REMARKS] =
	Array(12).keys();

/* ---- one cell ---- */

const make = (name, text, into) => {
	const node = document.createElement(name);
	node.textContent = text;
	if (into)
		into.append(node);
	return node;
};
const link = (href, text) => {
	const a = make('a', text);
	a.href = href;
	return a;
};
const encode = path => path.split('/').map(encodeURIComponent).join('/');

/* The words that a cell shares with others, with its own names in them, and then what is its own. */
const explain = (c, into, row) => {
	const anchor = c[WHY] && $(c[WHY]);
	if (!anchor)
		return;
	const error = anchor.closest('details').querySelector('.error');
	const names = {...row.dataset, release: texts[c[RELEASE]], cell: c[HASH]};
	const copy = error.cloneNode(true);
	copy.removeAttribute('id');
	for (const key of ['device', 'kernel', 'version', 'release', 'cell'])
		if (names[key])
			copy.textContent = copy.textContent.replaceAll(`<${key}>`, names[key]);
	into.append(copy);
	if (anchor !== error)
		for (const node of anchor.children)
			if (!node.classList.contains('of-all'))
				into.append(node.cloneNode(true));
};

const show = (row, column) => {
	const c = cellOf(row, column), tr = rows[row], panel = $('panel'), list = $('facts');
	const add = (word, value) => {
		if (!value)
			return;
		make('dt', word, list);
		const dd = make('dd', typeof value === 'string' ? value : '', list);
		if (typeof value !== 'string')
			dd.append(value);
	};
	$('what').textContent = `${heads[column].title} for ${tr.dataset.device}`;
	const tag = $('state');
	tag.textContent = states[c[STATE]][1];
	tag.className = `tag ${states[c[STATE]][0]}`;
	list.replaceChildren();
	$('why').replaceChildren();
	add('time', c[SECONDS] ? `${c[SECONDS]} s` : '');
	add('stage', texts[c[STAGE]]);
	add('exit code', c[CODE] ? String(c[CODE]) : '');
	add('kernel', [tr.dataset.kernel, tr.dataset.version].filter(Boolean).join(' '));
	add('release', texts[c[RELEASE]]);
	add('package', [c[PACKAGE], texts[c[VERSION]]].filter(Boolean).join(' '));
	add('fit', texts[c[VERDICT]]);
	if (c[REMARKS] && c[REMARKS].length) {
		const ul = make('ul', '');
		for (const i of c[REMARKS])
			make('li', texts[i], ul);
		add('not passed', ul);
	}
	if (texts[c[FOLDER]]) {
		const path = `${texts[c[FOLDER]]}/${c[PACKAGE]}-${texts[c[VERSION]]}.apk`;
		add('apk', link(`file://${encode(path)}`, path));
	}
	if (c[HASH] && c[WHY][0] !== 'c')
		add('log', link(`${data.logs}${c[HASH]}/log`, 'the whole log'));
	explain(c, $('why'), tr);
	panel.showModal();
	panel.scrollTop = 0;
	for (const log of panel.querySelectorAll('.log'))
		log.scrollTop = log.scrollHeight; /* what matters is at its end */
};

/* ---- the grid's keys ---- */

let current = null;
const focus = td => {
	if (!td)
		return;
	if (current)
		current.tabIndex = -1;
	current = td;
	td.tabIndex = 0;
	td.focus({preventScroll: true});
	td.scrollIntoView({block: 'nearest', inline: 'nearest'});
};
const shownRow = (row, step) => {
	do
		row += step;
	while (rows[row] && rows[row].hidden);
	return rows[row];
};
const move = (td, rowStep, columnStep) => {
	const tr = rowStep ? shownRow(rowOf.get(td.parentNode), rowStep) : td.parentNode;
	let at = td.cellIndex;
	do
		at += columnStep;
	while (columnStep && heads[at - 1] && heads[at - 1].offsetWidth === 0);
	if (tr && at >= 1)
		focus(tr.cells[at]);
};
const keys = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};
const open = td => {
	focus(td);
	show(rowOf.get(td.parentNode), td.cellIndex - 1);
};

$('grid').addEventListener('click', event => {
	const td = event.target.closest('td');
	if (!td)
		return;
	event.preventDefault();
	open(td);
});
$('grid').addEventListener('keydown', event => {
	const td = event.target.closest('td');
	if (!td || event.ctrlKey || event.altKey || event.metaKey)
		return;
	if (keys[event.key])
		move(td, ...keys[event.key]);
	else if (event.key === 'Enter' || event.key === ' ')
		open(td);
	else
		return;
	event.preventDefault();
});
$('panel').addEventListener('click', event => {
	if (event.target === $('panel') || event.target.id === 'close')
		$('panel').close();
});

/* ---- the filter ---- */

const sheet = document.styleSheets[0];
const base = sheet.cssRules.length;
const dimmed = new Uint8Array(slots.length);
const rowTexts = rows.map(tr => tr.cells[0].title.toLowerCase());
const columnTexts = heads.map(th => `${th.title} ${th.dataset.title || ''}`.toLowerCase());
const explanations = [...document.querySelectorAll('section details')].map(
	details => [details, [...details.querySelectorAll('[id]')].map(node => node.id)]);
let cellTexts = null;

const textOfCells = () => {
	const errors = new Map(explanations.flatMap(([details, ids]) => {
		const said = details.querySelector('.error').textContent;
		return ids.map(id => [id, said]);
	}));
	return cells.map(c => [states[c[STATE]][1], texts[c[VERDICT]], texts[c[STAGE]], c[PACKAGE],
		errors.get(c[WHY]) || ''].join(' ').toLowerCase());
};
const dim = (slot, td, value) => {
	if (dimmed[slot] === value)
		return;
	dimmed[slot] = value;
	td.classList.toggle('dim', value === 1);
};
const hideColumns = seen => {
	while (sheet.cssRules.length > base)
		sheet.deleteRule(base);
	const hidden = heads.map((th, i) => i).filter(i => !seen[i]);
	if (hidden.length && hidden.length < columns)
		sheet.insertRule(`${hidden.map(i => `#grid tr > :nth-child(${i + 2})`)} { display: none; }`, base);
};
const filter = () => {
	const words = $('words').value.toLowerCase().split(/\s+/).filter(Boolean);
	const wanted = new Set(chips.filter(b => b.getAttribute('aria-pressed') === 'true')
		.map(b => Number(b.dataset.state)));
	const any = words.length > 0 || wanted.size > 0;
	if (words.length && !cellTexts)
		cellTexts = textOfCells();
	const hits = words.map(word => [rowTexts, columnTexts, cellTexts].map(
		all => Uint8Array.from(all, text => text.includes(word) ? 1 : 0)));
	const seen = new Uint8Array(columns);
	const reasons = new Set();
	let found = 0;
	rows.forEach((tr, row) => {
		const fits = new Uint8Array(columns);
		let some = 0;
		for (let column = 0; column < columns; column++) {
			const number = slots[row * columns + column];
			if (wanted.size && !wanted.has(cells[number][STATE]))
				continue;
			if (hits.every(([r, c, k]) => r[row] || c[column] || k[number])) {
				fits[column] = seen[column] = 1;
				reasons.add(cells[number][WHY]);
				some++;
			}
		}
		found += some;
		tr.hidden = some === 0;
		if (some)
			for (let column = 0; column < columns; column++)
				dim(row * columns + column, tr.cells[column + 1], fits[column] ? 0 : 1);
	});
	for (const body of document.querySelectorAll('#grid tbody.shared'))
		body.hidden = ![...body.rows].slice(1).some(tr => !tr.hidden);
	hideColumns(seen);
	for (const [details, ids] of explanations)
		details.hidden = any && !ids.some(id => reasons.has(id));
	$('found').textContent = any ? `${found} of ${slots.length}` : '';
};

let timer = 0;
$('words').addEventListener('input', () => {
	clearTimeout(timer);
	timer = setTimeout(filter, 120);
});
for (const chip of chips) {
	chip.disabled = false;
	chip.setAttribute('aria-pressed', 'false');
	chip.addEventListener('click', () => {
		chip.setAttribute('aria-pressed', String(chip.getAttribute('aria-pressed') !== 'true'));
		filter();
	});
}
for (const a of document.querySelectorAll('#grid td a'))
	a.tabIndex = -1;
if (rows.length && columns) {
	current = rows[0].cells[1];
	current.tabIndex = 0;
}
document.documentElement.classList.add('js');
$('filter').hidden = false;
if ($('words').value)
	filter();
})();
