// SPDX-License-Identifier: GPL-3.0-or-later
/* Which devices and modules words mean. */
#include <fnmatch.h>
#include <glob.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/all_devices.h"
#include "pmkmod/matrix/matrix.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/nearest.h"

#define FILE_MAX (1 << 20)

/* ---- words ---- */

static int read_words_file(struct strvec *out, const char *path, const char *mark, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_strvec_ struct strvec lines = {0};
	int r = fs_read(path, FILE_MAX, &text, NULL, e);

	if (r < 0) {
		if (e)
			e->exit_code = EXIT_USAGE;
		return r;
	}
	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		char *word = str_strip(lines.v[i]);

		if (*word && *word != '#')
			strvec_addf(out, "%s%s", mark, word);
	}
	return 0;
}

/* Those of files in place of the files' names. */
static int read_words(struct strvec *out, const char *text, struct err *e)
{
	_cleanup_strvec_ struct strvec words = {0};
	int r = 0;

	/* lines are words as they stand */
	strvec_split(&words, text, strchr(text, '\n') ? "\n" : ", \t");
	for (size_t i = 0; r == 0 && i < words.n; i++) {
		const char *word = words.v[i], *mark = *word == '!' ? "!" : "";

		if (word[strlen(mark)] == '@')
			r = read_words_file(out, word + strlen(mark) + 1, mark, e);
		else
			strvec_add(out, word);
	}
	return r;
}

static bool is_pattern(const char *word)
{
	return strpbrk(word, "*?[") != NULL;
}

/* What is chosen so far; a word that means nothing is kept, to be told with all others. */
struct choice {
	struct strvec *out;
	struct strvec unknown;
};

static void drop(struct strvec *from, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < from->n; i++) {
		if (streq(from->v[i], name))
			free(from->v[i]);
		else
			from->v[kept++] = from->v[i];
	}
	from->n = kept;
	if (from->v)
		from->v[kept] = NULL;
}

static void apply(struct choice *c, const char *word, const struct strvec *meant)
{
	if (!meant->n)
		strvec_add(&c->unknown, *word == '!' ? word + 1 : word);
	for (size_t i = 0; i < meant->n; i++) {
		if (*word == '!')
			drop(c->out, meant->v[i]);
		else if (!strvec_has(c->out, meant->v[i]))
			strvec_add(c->out, meant->v[i]);
	}
}

static int tell_unknown(
	const struct choice *c, const char *what, const struct strvec *names, struct err *e)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	if (!c->unknown.n)
		return 0;
	for (size_t i = 0; i < c->unknown.n; i++) {
		const char *near[3];
		size_t n = nearest_names(c->unknown.v[i], names, near, ARRAY_SIZE(near));

		strbuf_addf(&b, "%s'%s'", i ? "\n" : "", c->unknown.v[i]);
		for (size_t k = 0; k < n; k++)
			strbuf_addf(&b, "%s%s", k ? ", " : " (did you mean ", near[k]);
		if (n)
			strbuf_addc(&b, ')');
	}
	return err_exit(e, EXIT_UNKNOWN_NAME, -ENOENT,
		"no %s is meant by %s\n"
		"`pmkmod list %ss` shows those there are",
		what, b.s, what);
}

static int nothing_left(const char *what, const char *words, struct err *e)
{
	return err_exit(e, EXIT_USAGE, -EINVAL, "'%s' leaves no %s to be built for", words, what);
}

/* ---- devices ---- */

/* One device, or each of its kernels where none is chosen; with `only`, those of that verdict. */
static void mean_device(struct strvec *meant, struct device_list *all, const struct device_row *r,
	const enum verdict *only)
{
	struct device d = {0};
	bool several = r->pm && r->pm->n_kernels > 1 && !r->d.name && !r->problem &&
		       device_list_load(all, &d, r->name, NULL) == -ENOTUNIQ;

	device_free(&d);
	if (!several) {
		if (!only || (r->judged && r->verdict == *only))
			strvec_add(meant, r->name);
		return;
	}
	for (size_t i = 0; i < r->pm->n_kernels; i++) {
		const struct pmaports_kernel *k = &r->pm->kernels[i];
		const char *name = k->variant ? k->variant : k->package;

		if (name && (!only || device_list_verdict(all, r->pm, k) == *only))
			strvec_addf(meant, "%s:%s", r->name, name);
	}
}

/* "<device>:<variant>" */
static void mean_variant(struct strvec *meant, struct device_list *all, const char *word)
{
	const char *colon = strchr(word, ':');
	_cleanup_free_ char *name = colon ? xstrndup(word, (size_t)(colon - word)) : NULL;
	const struct device_row *r = name ? device_list_find(all, name) : NULL;

	for (size_t i = 0; r && r->pm && i < r->pm->n_kernels; i++) {
		const struct pmaports_kernel *k = &r->pm->kernels[i];

		if ((k->variant && streq(k->variant, colon + 1)) ||
			(k->package && streq(k->package, colon + 1))) {
			strvec_add(meant, word);
			return;
		}
	}
}

/* Kernels of a device that a pattern such as *:mainline is about. */
static void mean_variants(struct strvec *meant, struct device_list *all, const struct device_row *r,
	const char *pattern)
{
	_cleanup_strvec_ struct strvec each = {0};

	mean_device(&each, all, r, NULL);
	for (size_t i = 0; i < each.n; i++)
		if (fnmatch(pattern, each.v[i], 0) == 0)
			strvec_add(meant, each.v[i]);
}

static void mean_matching(struct strvec *meant, struct device_list *all, const char *word)
{
	enum verdict verdict = VERDICT_READY;
	bool everything = streq(word, "all"), by_verdict = verdict_by_name(word, &verdict);

	for (size_t i = 0; i < all->n; i++) {
		const struct device_row *r = &all->rows[i];

		if (by_verdict)
			mean_device(meant, all, r, &verdict);
		else if (everything || (r->pm && r->pm->category && streq(r->pm->category, word)) ||
			 (is_pattern(word) && fnmatch(word, r->name, 0) == 0))
			mean_device(meant, all, r, NULL);
		else if (is_pattern(word) && strchr(word, ':'))
			mean_variants(meant, all, r, word);
	}
}

int matrix_select_devices(
	struct strvec *out, struct device_list *all, const char *text, struct err *e)
{
	_cleanup_strvec_ struct strvec words = {0}, names = {0};
	struct choice c = {.out = out};
	int r = read_words(&words, text, e);

	for (size_t i = 0; r == 0 && i < words.n; i++) {
		const char *word = words.v[i] + (*words.v[i] == '!');
		_cleanup_strvec_ struct strvec meant = {0};
		const struct device_row *row = device_list_find(all, word);

		if (row)
			mean_device(&meant, all, row, NULL);
		else
			mean_variant(&meant, all, word);
		if (!meant.n)
			mean_matching(&meant, all, word);
		apply(&c, words.v[i], &meant);
	}
	for (size_t i = 0; c.unknown.n && i < all->n; i++)
		strvec_add(&names, all->rows[i].name);
	if (r == 0)
		r = tell_unknown(&c, "device", &names, e);
	if (r < 0 && all->aports.problem.code)
		err_hint(e, "and pmaports is not asked: %s", all->aports.problem.text);
	strvec_free(&c.unknown);
	return r == 0 && !out->n ? nothing_left("device", text, e) : r;
}

/* ---- modules ---- */

/* A source, as module.c has it: what a folder or URL looks like. */
static bool is_source(const char *word)
{
	return strpbrk(word, "/:") || streq(word, ".") || streq(word, "..");
}

/* A pattern means each folder it matches. */
static void mean_sources(struct strvec *meant, const char *word)
{
	glob_t found = {0};

	if (!strchr(word, ':') && is_pattern(word) && glob(word, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			strvec_add(meant, found.gl_pathv[i]);
	else
		strvec_add(meant, word);
	globfree(&found);
}

int matrix_select_modules(struct strvec *out, struct context *x, const char *text, struct err *e)
{
	_cleanup_strvec_ struct strvec words = {0}, names = {0};
	struct choice c = {.out = out};
	int r = read_words(&words, text, e);

	profile_names(x->config, "modules", &names);
	for (size_t i = 0; r == 0 && i < words.n; i++) {
		const char *word = words.v[i] + (*words.v[i] == '!');
		_cleanup_strvec_ struct strvec meant = {0};

		if (is_source(word))
			mean_sources(&meant, word);
		for (size_t k = 0; !is_source(word) && k < names.n; k++)
			if (streq(word, "all") || streq(word, names.v[k]) ||
				(is_pattern(word) && fnmatch(word, names.v[k], 0) == 0))
				strvec_add(&meant, names.v[k]);
		apply(&c, words.v[i], &meant);
	}
	if (r == 0)
		r = tell_unknown(&c, "module", &names, e);
	strvec_free(&c.unknown);
	return r == 0 && !out->n ? nothing_left("module", text, e) : r;
}
