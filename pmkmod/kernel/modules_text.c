// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * First line: what this is. Then one thing a line, its parts separated by tabs: "builtin 1" if the
 * aliases of what is built in are known; "module NAME PATH DEPENDS SOFTDEPS"; and, sorted, "alias
 * PATTERN NUMBER", with the number of its module. Sealed.
 */
#include "pmkmod/kernel/modules.h"

#include "chroot/base/sealed.h"
#include "pmkmod/kernel/ko_image.h"

#define FIRST_LINE "pmkmod kernel modules 1\n"
#define MODULES_MAX 65534 /* depmod cannot number more */
#define TEXT_MAX (64u << 20)
#define ALIAS_MAX 1024 /* depmod ignores some that are longer than this, no kernel has one */
#define VALUE_MAX (256u << 10)

/* ---- making it ---- */

void softdep_names(const char *value, struct strvec *out)
{
	_cleanup_strvec_ struct strvec words = {0};
	bool wanted = false;

	strvec_split(&words, value, " \t\r\n,");
	for (size_t i = 0; i < words.n; i++) {
		if (streq(words.v[i], "pre:") || streq(words.v[i], "post:"))
			wanted = true;
		else if (wanted)
			strvec_add(out, words.v[i]);
	}
}

/* Nothing of a module's may be taken for the end of a part or a line. */
static void add_safe(struct strbuf *b, const char *s, size_t max)
{
	for (size_t i = 0; s[i] && i < max; i++)
		strbuf_addc(b, (unsigned char)s[i] < ' ' || s[i] == 0x7f ? '?' : s[i]);
}

static void add_names(struct strbuf *b, const struct strvec *names)
{
	for (size_t i = 0; i < names->n && b->len < VALUE_MAX; i++) {
		_cleanup_free_ char *name = module_name_of(names->v[i]);

		if (i)
			strbuf_addc(b, ',');
		add_safe(b, name, VALUE_MAX);
	}
}

static bool is_full(const struct modules_builder *b)
{
	return b->modules.n >= MODULES_MAX || b->bytes > TEXT_MAX;
}

static int add_line(struct modules_builder *b, const char *name, const char *path,
	const char *depends, const char *softdeps)
{
	struct strbuf line = {0};

	if (is_full(b))
		return -EFBIG;
	add_safe(&line, name, VALUE_MAX);
	strbuf_addc(&line, '\t');
	add_safe(&line, path, VALUE_MAX);
	strbuf_addf(&line, "\t%s\t%s", depends, softdeps);
	b->bytes += line.len;
	strvec_take(&b->modules, strbuf_steal(&line));
	return 0;
}

static int add_alias(struct modules_builder *b, const char *alias, size_t module)
{
	_cleanup_free_ char *normal = NULL;
	struct strbuf line = {0};

	if (strlen(alias) > ALIAS_MAX || !*alias)
		return 0;
	if (is_full(b))
		return -EFBIG;
	normal = alias_normal(alias);
	add_safe(&line, normal, ALIAS_MAX);
	strbuf_addf(&line, "\t%zu", module);
	b->bytes += line.len;
	strvec_take(&b->aliases, strbuf_steal(&line));
	return 0;
}

int modules_builder_add(struct modules_builder *b, const char *path, char *take, size_t len)
{
	_cleanup_free_ char *name = module_name_of(path);
	_cleanup_strbuf_ struct strbuf depends = {0}, softdeps = {0};
	_cleanup_strvec_ struct strvec owners = {0}, softs = {0};
	struct err ignored = ERR_INIT;
	struct ko_image im;
	const char *v;
	size_t pos = 0, module = b->modules.n;
	int r;

	if (ko_image_open(&im, take, len, &ignored) < 0) {
		ko_image_close(&im);
		return add_line(b, name, path, "?", "");
	}
	v = ko_image_modinfo(&im, "depends", &pos);
	strvec_split(&owners, v ? v : "", ",");
	pos = 0;
	v = ko_image_modinfo(&im, "softdep", &pos);
	softdep_names(v ? v : "", &softs);
	add_names(&depends, &owners);
	add_names(&softdeps, &softs);
	r = add_line(b, name, path, depends.len ? depends.s : "", softdeps.len ? softdeps.s : "");
	for (pos = 0; r == 0 && (v = ko_image_modinfo(&im, "alias", &pos));)
		r = add_alias(b, v, module);
	ko_image_close(&im);
	return r;
}

char *module_depends(char *take, size_t len)
{
	_cleanup_strvec_ struct strvec owners = {0};
	struct err ignored = ERR_INIT;
	struct strbuf out = {0};
	struct ko_image im;
	const char *v;
	size_t pos = 0;
	bool read = ko_image_open(&im, take, len, &ignored) == 0;

	v = read ? ko_image_modinfo(&im, "depends", &pos) : NULL;
	strvec_split(&owners, v ? v : "", ",");
	add_names(&out, &owners);
	ko_image_close(&im);
	return read ? strbuf_steal(&out) : NULL;
}

/* Lines of modules.softdep, "softdep NAME pre: a b post: c": where the first of each name is. */
static void read_softdeps(char *text, struct name_index *first)
{
	char *save = NULL;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char *name = l + strlen("softdep "), *value;

		if (!starts_with(l, "softdep ") || !(value = strchr(name, ' ')))
			continue;
		*value++ = '\0';
		for (char *p = name; *p; p++)
			if (*p == '-')
				*p = '_';
		name_index_add(first, name, (uint32_t)(value - text));
	}
}

static int add_listed(struct modules_builder *b, const char *path,
	const struct name_index *softdeps, const char *texts, struct name_index *numbers,
	struct strvec *names)
{
	_cleanup_strvec_ struct strvec softs = {0};
	_cleanup_strbuf_ struct strbuf line = {0};
	char *name = module_name_of(path);
	const uint32_t *at;

	strvec_take(names, name);
	at = name_index_get(softdeps, name);
	softdep_names(at ? texts + *at : "", &softs);
	add_names(&line, &softs);
	name_index_add(numbers, name, (uint32_t)b->modules.n);
	return add_line(b, name, path, "?", line.len ? line.s : "");
}

int modules_builder_add_lists(
	struct modules_builder *b, const struct strvec *paths, char *softdep, char *alias)
{
	_cleanup_names_ struct name_index softdeps = {0}, numbers = {0};
	_cleanup_strvec_ struct strvec names = {0};
	char *save = NULL;
	int r = 0;

	read_softdeps(softdep, &softdeps);
	for (size_t i = 0; r == 0 && i < paths->n; i++)
		r = add_listed(b, paths->v[i], &softdeps, softdep, &numbers, &names);
	for (char *l = strtok_r(alias, "\n", &save); r == 0 && l; l = strtok_r(NULL, "\n", &save)) {
		char *name = strrchr(l, ' '), *pattern = l + strlen("alias ");
		const uint32_t *number;

		if (!starts_with(l, "alias ") || name < pattern)
			continue;
		*name++ = '\0';
		number = name_index_get(&numbers, name);
		if (number)
			r = add_alias(b, pattern, *number);
	}
	return r;
}

/* The entry's module, which is new or was the one before; SIZE_MAX: too many. */
static int builtin_number(
	struct modules_builder *b, struct name_index *known, char *name, size_t *number)
{
	const uint32_t *at = name_index_get(known, name);
	int r = 0;

	if (at) {
		*number = *at;
		return 0;
	}
	*number = b->modules.n;
	r = add_line(b, name, "", "", "");
	name_index_add(known, name, (uint32_t)*number);
	return r;
}

static int add_entry(struct modules_builder *b, struct name_index *known, struct strvec *names,
	const char *entry)
{
	const char *dot = strchr(entry, '.'), *alias = dot ? dot + strlen(".alias=") : NULL;
	_cleanup_free_ char *head = NULL;
	size_t number;
	int r;

	if (!dot || dot == entry || !starts_with(dot, ".alias="))
		return 0;
	head = xstrndup(entry, (size_t)(dot - entry));
	strvec_take(names, module_name_of(head));
	r = builtin_number(b, known, names->v[names->n - 1], &number);
	return r == 0 ? add_alias(b, alias, number) : r;
}

int modules_builder_add_builtin(
	struct modules_builder *b, const struct strvec *builtin, const char *modinfo, size_t len)
{
	_cleanup_strvec_ struct strvec names = {0};
	_cleanup_names_ struct name_index known = {0};
	size_t number;
	int r = 0;

	b->knows_builtin = modinfo != NULL;
	for (size_t at = 0; modinfo && r == 0 && at < len;
		at += strnlen(modinfo + at, len - at) + 1) {
		_cleanup_free_ char *entry = xstrndup(modinfo + at, len - at);

		r = add_entry(b, &known, &names, entry);
	}
	for (size_t i = 0; r == 0 && i < builtin->n; i++) {
		strvec_take(&names, module_name_of(builtin->v[i]));
		r = builtin_number(b, &known, names.v[names.n - 1], &number);
	}
	return r;
}

char *modules_builder_print(struct modules_builder *b, size_t *len)
{
	struct strbuf out = {0};

	strbuf_adds(&out, FIRST_LINE);
	if (b->knows_builtin)
		strbuf_adds(&out, "builtin\t1\n");
	for (size_t i = 0; i < b->modules.n; i++)
		strbuf_addf(&out, "module\t%s\n", b->modules.v[i]);
	strvec_sort(&b->aliases);
	for (size_t i = 0; i < b->aliases.n; i++)
		strbuf_addf(&out, "alias\t%s\n", b->aliases.v[i]);
	sealed_end(&out);
	*len = out.len;
	return strbuf_steal(&out);
}

void modules_builder_free(struct modules_builder *b)
{
	strvec_free(&b->modules);
	strvec_free(&b->aliases);
}

/* ---- taking it ---- */

/* Cut off what is before the next tab (or the end of the line); false: there is none. */
static bool cut(char **line, const char **part)
{
	char *tab;

	if (!*line)
		return false;
	*part = *line;
	tab = strchr(*line, '\t');
	if (tab)
		*tab++ = '\0';
	*line = tab;
	return true;
}

static bool take_module(struct kernel_modules *m, char *line, size_t *cap)
{
	struct kernel_module one;

	if (!cut(&line, &one.name) || !cut(&line, &one.path) || !cut(&line, &one.depends) ||
		!cut(&line, &one.softdeps) || line || m->n == MODULES_MAX)
		return false;
	if (m->n == *cap) {
		*cap = *cap ? *cap * 2 : 512;
		m->v = xrealloc(m->v, *cap, sizeof(*m->v));
	}
	m->v[m->n] = one;
	name_index_add(&m->names, one.name, (uint32_t)m->n++);
	return true;
}

static bool take_alias(struct kernel_modules *m, char *line, size_t *cap)
{
	struct kernel_alias one = {0};
	const char *number;
	char *end;
	unsigned long n;

	if (!cut(&line, &one.pattern) || !cut(&line, &number) || line || !*number)
		return false;
	n = strtoul(number, &end, 10);
	if (*end || n >= m->n)
		return false;
	if (m->n_aliases && strcmp(m->aliases[m->n_aliases - 1].pattern, one.pattern) > 0)
		return false; /* they are searched as sorted */
	one.module = (uint32_t)n;
	if (m->n_aliases == *cap) {
		*cap = *cap ? *cap * 2 : 4096;
		m->aliases = xrealloc(m->aliases, *cap, sizeof(*m->aliases));
	}
	m->aliases[m->n_aliases++] = one;
	return true;
}

static bool take_lines(struct kernel_modules *m, char *line, const char *end)
{
	size_t modules = 0, aliases = 0;
	const char *key;
	char *next;

	for (; line < end; line = next) {
		char *eol = memchr(line, '\n', (size_t)(end - line));
		bool taken = false;

		if (!eol)
			return false;
		*eol = '\0';
		next = eol + 1;
		if (!cut(&line, &key) || !line)
			return false;
		if (streq(key, "module"))
			taken = take_module(m, line, &modules);
		else if (streq(key, "alias"))
			taken = take_alias(m, line, &aliases);
		else if (streq(key, "builtin"))
			taken = m->knows_builtin = true;
		if (!taken)
			return false;
	}
	return true;
}

int kernel_modules_parse(struct kernel_modules *m, char *text, size_t len)
{
	size_t body = memchr(text, '\0', len) ? 0 : sealed_body(text, len, FIRST_LINE);

	*m = (struct kernel_modules){.text = text};
	if (!body || !take_lines(m, text + strlen(FIRST_LINE), text + body)) {
		kernel_modules_free(m);
		return -EBADMSG;
	}
	return 0;
}

const struct kernel_module *kernel_modules_find(const struct kernel_modules *m, const char *name)
{
	const uint32_t *at = name_index_get(&m->names, name);

	return at ? &m->v[*at] : NULL;
}

void kernel_modules_free(struct kernel_modules *m)
{
	free(m->text);
	free(m->v);
	free(m->aliases);
	free(m->heads);
	free(m->lengths);
	free(m->dir);
	strvec_free(&m->late);
	name_index_free(&m->names);
	*m = (struct kernel_modules){0};
}
