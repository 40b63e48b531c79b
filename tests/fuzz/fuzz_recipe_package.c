// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * [package] of a recipe, a line a key: what is taken has only commands that run nothing, and only
 * paths that lead nowhere else.
 */
#include "pmkmod/module/module_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* "key=value" lines; a value's further lines begin with a blank, as in the file. */
static struct config *config_of(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	_cleanup_strbuf_ struct strbuf value = {0};
	_cleanup_strvec_ struct strvec lines = {0};
	_cleanup_free_ char *key = NULL;
	struct config *c = config_new();

	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i <= lines.n; i++) {
		char *line = i < lines.n ? lines.v[i] : NULL, *eq = line ? strchr(line, '=') : NULL;

		if (line && (*line == ' ' || *line == '\t')) {
			strbuf_addf(&value, "\n%s", line);
			continue;
		}
		if (key)
			config_set(c, "package", key, value.s ? value.s : "");
		free(key);
		key = eq ? xstrndup(line, (size_t)(eq - line)) : NULL;
		strbuf_reset(&value);
		if (eq)
			strbuf_adds(&value, eq + 1);
	}
	return c;
}

static void check_path(const char *s)
{
	if (!*s || *s == '/' || strstr(s, "/../") || starts_with(s, "../") || ends_with(s, "/..") ||
		strpbrk(s, " \t\r\n'\"$`\\;"))
		abort();
}

static void check(const struct module *m)
{
	for (size_t i = 0; i < m->options.n; i++)
		if (starts_with(m->options.v[i], "install") ||
			starts_with(m->options.v[i], "remove") || strpbrk(m->options.v[i], "\r\n"))
			abort();
	for (size_t i = 0; i < m->overlays.n; i++)
		check_path(m->overlays.v[i]);
	if (m->overlays_dir)
		check_path(m->overlays_dir);
	for (size_t i = 0; i < m->load.n; i++)
		check_path(m->load.v[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *c = config_of(data, size);
	_cleanup_strbuf_ struct strbuf plan = {0};
	struct module m = {.name = xstrdup("x"), .recipe = xstrdup("x.ini")};
	struct err e = ERR_INIT;
	int r = recipe_read_package(&m, c, &e);

	if (r < 0 && !e.text[0])
		abort(); /* a refusal has a reason */
	if (r == 0) {
		check(&m);
		module_print_package(&m, &plan);
	}
	module_free(&m);
	config_free(c);
	return 0;
}
