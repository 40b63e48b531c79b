// SPDX-License-Identifier: GPL-3.0-or-later
/* A recipe's [package]: what its package has beside the modules. */
#include <ctype.h>

#include "chroot/apk/apk.h"
#include "chroot/apk/pkg_field.h"
#include "pmkmod/module/module_parts.h"

#define SECTION "package"

static int bad(const struct module *m, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int bad(const struct module *m, struct err *e, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	return module_bad(m, b.s, e);
}

static bool is_module_name(const char *s)
{
	if (!isalnum((unsigned char)*s) && *s != '_')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-_.", *s))
			return false;
	return true;
}

/* ---- options: lines of modprobe.d ---- */

/* modprobe.d(5) of kmod; its parser is kmod_config_parse() in libkmod/libkmod-config.c. */
static const struct command {
	const char *word;
	size_t min, max; /* words with this one; max 0: any number */
	size_t module; /* which of them is a module's name */
	const char *form;
	const char *refused; /* NULL: it may be in a package */
} commands[] = {
	{"options", 3, 0, 1, "options MODULE NAME=VALUE...", NULL},
	{"blacklist", 2, 2, 1, "blacklist MODULE", NULL},
	{"alias", 3, 3, 2, "alias WILDCARD MODULE", NULL},
	{"softdep", 4, 0, 1, "softdep MODULE pre: OTHER... post: OTHER...", NULL},
	{"weakdep", 3, 0, 1, "weakdep MODULE OTHER...", NULL},
	{"install", 0, 0, 0, NULL, "it runs a command as root whenever a module is loaded"},
	{"remove", 0, 0, 0, NULL, "it runs a command as root whenever a module is unloaded"},
};

static const struct command *find_command(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (streq(commands[i].word, word))
			return &commands[i];
	return NULL;
}

static bool is_softdep(const struct strvec *words)
{
	bool any = false;

	for (size_t i = 2; i < words->n; i++) {
		bool marker = streq(words->v[i], "pre:") || streq(words->v[i], "post:");

		if (!marker && (i == 2 || !is_module_name(words->v[i])))
			return false;
		any = any || !marker;
	}
	return any;
}

static bool has_form(const struct command *c, const struct strvec *words)
{
	if (words->n < c->min || (c->max && words->n > c->max) ||
		!is_module_name(words->v[c->module]))
		return false;
	return !streq(c->word, "softdep") || is_softdep(words);
}

static int check_option(const struct module *m, const char *line, struct err *e)
{
	_cleanup_strvec_ struct strvec words = {0};
	const struct command *c;

	strvec_split(&words, line, " \t");
	for (const char *s = line; *s; s++)
		if ((unsigned char)*s < ' ' && *s != '\t')
			return bad(m, e, "options: the line '%s' has a control character", line);
	if (ends_with(line, "\\"))
		return bad(m, e, "options: '%s': each line must be whole, without a \\ at its end",
			line);
	c = find_command(words.v[0]);
	if (!c)
		return bad(m, e,
			"options: '%s' begins with no command of modprobe.d: a line may be options, "
			"blacklist, alias, softdep or weakdep (\"options %s NAME=VALUE\")",
			line, m->name);
	if (c->refused)
		return bad(m, e, "options: '%s' cannot be in a package: %s", line, c->refused);
	if (!has_form(c, &words))
		return bad(m, e, "options: '%s' should be: %s", line, c->form);
	return 0;
}

static int read_options(struct module *m, struct config *p, struct err *e)
{
	const char *text = config_get(p, SECTION, "options");
	_cleanup_strvec_ struct strvec lines = {0};
	int r = 0;

	if (text)
		strvec_split(&lines, text, "\r\n");
	for (size_t i = 0; r == 0 && i < lines.n; i++) {
		const char *line = str_strip(lines.v[i]);

		if (!*line)
			continue;
		r = check_option(m, line, e);
		strvec_add(&m->options, line);
	}
	return r;
}

/* ---- lists ---- */

static int read_load(struct module *m, struct config *p, struct err *e)
{
	config_list(p, SECTION, "load", &m->load);
	for (size_t i = 0; i < m->load.n; i++)
		if (!is_module_name(m->load.v[i]))
			return bad(m, e, "load: '%s' is no name of a module", m->load.v[i]);
	return 0;
}

/* Packages, as apk writes them; what they mean is the caller's. */
static int read_packages(
	struct module *m, struct config *p, const char *key, struct strvec *out, struct err *e)
{
	config_list(p, SECTION, key, out);
	for (size_t i = 0; i < out->n; i++) {
		struct apk_dep d = {0};
		bool good = apk_dep_parse(&d, out->v[i], NULL) == 0 && !d.conflict && !d.tag &&
			    apk_name_safe(d.name);

		apk_dep_free(&d);
		if (!good)
			return bad(m, e, "%s: '%s' is no name of a package", key, out->v[i]);
	}
	return 0;
}

/* ---- overlays ---- */

/* Relative, without "", "." and "..", and of characters that need no quoting anywhere. */
static bool is_inside(const char *path)
{
	_cleanup_strvec_ struct strvec parts = {0};

	if (!*path || *path == '/' || ends_with(path, "/") || strstr(path, "//"))
		return false;
	for (const char *s = path; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-_.+,@/", *s))
			return false;
	strvec_split(&parts, path, "/");
	for (size_t i = 0; i < parts.n; i++)
		if (streq(parts.v[i], ".") || streq(parts.v[i], "..") || parts.v[i][0] == '-')
			return false;
	return true;
}

static int read_overlays_dir(struct module *m, struct config *p, struct err *e)
{
	const char *dir = config_get(p, SECTION, "overlays_dir");

	if (!dir && m->overlays.n)
		return bad(m, e,
			"overlays needs overlays_dir = the folder where the phone's boot loader looks "
			"for .dtbo files, such as boot/overlays");
	if (!dir)
		return 0;
	m->overlays_dir = xstrdup(dir + (*dir == '/'));
	for (size_t n = strlen(m->overlays_dir); n && m->overlays_dir[n - 1] == '/'; n--)
		m->overlays_dir[n - 1] = '\0';
	return is_inside(m->overlays_dir)
		       ? 0
		       : bad(m, e,
				 "overlays_dir: '%s' is no folder of the phone (letters, digits and "
				 "-_.+,@/, without ..)",
				 dir);
}

static int read_overlays(struct module *m, struct config *p, struct err *e)
{
	config_list(p, SECTION, "overlays", &m->overlays);
	for (size_t i = 0; i < m->overlays.n; i++) {
		const char *s = m->overlays.v[i];

		if (!is_inside(s))
			return bad(m, e,
				"overlays: '%s' must be a file inside the source (letters, digits "
				"and -_.+,@/, without ..)",
				s);
		if (!ends_with(s, ".dts") && !ends_with(s, ".dtso"))
			return bad(m, e,
				"overlays: '%s' must be a device-tree source: .dts or .dtso", s);
	}
	return read_overlays_dir(m, p, e);
}

/* ---- the whole ---- */

static int read_switch(
	struct module *m, struct config *p, const char *key, bool *out, struct err *e)
{
	struct err why = ERR_INIT;

	return config_bool(p, SECTION, key, false, out, &why) < 0 ? module_bad(m, why.text, e) : 0;
}

/* A key that nobody reads would leave out of the package what its author thinks is in it. */
static int check_keys(const struct module *m, struct config *p, struct err *e)
{
	static const char *const known[] = {"load", "options", "firmware", "firmware_note",
		"initramfs", "overlays", "overlays_dir", "conflicts", "split"};
	_cleanup_strvec_ struct strvec keys = {0};

	config_keys(p, SECTION, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		bool found = false;

		for (size_t k = 0; !found && k < ARRAY_SIZE(known); k++)
			found = streq(keys.v[i], known[k]);
		if (!found)
			return bad(m, e,
				"[package] has no key '%s': there are load, options, firmware, "
				"firmware_note, initramfs, overlays, overlays_dir, conflicts and split",
				keys.v[i]);
	}
	return 0;
}

int recipe_read_package(struct module *m, struct config *p, struct err *e)
{
	const char *note = config_get(p, SECTION, "firmware_note");
	int r = check_keys(m, p, e);

	m->firmware_note = xstrdup(note);
	if (r == 0)
		r = read_load(m, p, e);
	if (r == 0)
		r = read_options(m, p, e);
	if (r == 0)
		r = read_packages(m, p, "firmware", &m->firmware, e);
	if (r == 0)
		r = read_packages(m, p, "conflicts", &m->conflicts, e);
	if (r == 0)
		r = read_overlays(m, p, e);
	if (r == 0)
		r = read_switch(m, p, "initramfs", &m->initramfs, e);
	return r < 0 ? r : read_switch(m, p, "split", &m->split, e);
}

/* ---- for the plan ---- */

static void print_lines(struct strbuf *b, const char *word, const char *text)
{
	_cleanup_strvec_ struct strvec lines = {0};

	if (text)
		strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		strbuf_addf(b, "%s %s\n", word, lines.v[i]);
}

void module_print_package(const struct module *m, struct strbuf *b)
{
	const struct {
		const char *word;
		const struct strvec *list;
	} lists[] = {{"load", &m->load}, {"modprobe.d", &m->options}, {"firmware", &m->firmware},
		{"conflicts", &m->conflicts}, {"overlay", &m->overlays}};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (size_t k = 0; k < lists[i].list->n; k++)
			strbuf_addf(b, "%s %s\n", lists[i].word, lists[i].list->v[k]);
	print_lines(b, "firmware-note", m->firmware_note);
	print_lines(b, "overlays-dir", m->overlays_dir);
	print_lines(b, "initramfs", m->initramfs ? "yes" : NULL);
	print_lines(b, "split", m->split ? "yes" : NULL);
}
