// SPDX-License-Identifier: GPL-3.0-or-later
/* A kernel's .config, as scripts/kconfig/confdata.c writes it; also include/config/auto.conf. */
#include "pmkmod/kernel/kernel.h"

#include <zlib.h>

#include "chroot/base/fs.h"
#include "pmkmod/kernel/inflate.h"
#include "pmkmod/kernel/name_index.h"

/* Real ones have at most 300 KiB. */
#define CONFIG_MAX (16u << 20)

struct kconfig {
	char *text; /* the file, cut into names and values in place */
	const char **values; /* NULL: named but not set */
	size_t n, cap;
	struct name_index index; /* name without CONFIG_ -> values[] */
};

static void set(struct kconfig *c, const char *name, const char *value)
{
	uint32_t *at = name_index_add(&c->index, name, (uint32_t)c->n);

	if (*at == c->n) {
		if (c->n == c->cap) {
			c->cap = c->cap ? c->cap * 2 : 4096;
			c->values = xrealloc(c->values, c->cap, sizeof(*c->values));
		}
		c->n++;
	}
	c->values[*at] = value; /* a later line wins, as in kconfig */
}

/* Take the quotes and backslashes off a string value, in place. */
static char *unquote(char *v)
{
	char *out = v, *in = v + 1;

	if (*v != '"')
		return v;
	while (*in && *in != '"') {
		if (*in == '\\' && in[1])
			in++;
		*out++ = *in++;
	}
	*out = '\0';
	return v;
}

static void parse_line(struct kconfig *c, char *line)
{
	static const char not_set[] = " is not set";
	char *eq;

	if (starts_with(line, "# CONFIG_") && ends_with(line, not_set)) {
		line[strlen(line) - strlen(not_set)] = '\0';
		set(c, line + strlen("# CONFIG_"), NULL);
		return;
	}
	if (!starts_with(line, "CONFIG_") || !(eq = strchr(line, '=')))
		return;
	*eq++ = '\0';
	set(c, line + strlen("CONFIG_"), streq(eq, "n") ? NULL : unquote(eq));
}

int kconfig_parse(struct kconfig **out, const char *text, size_t len, struct err *e)
{
	struct kconfig *c = xcalloc(1, sizeof(*c));
	char *line, *next;

	c->text = xcalloc(len + 1, 1);
	memcpy(c->text, text, len);
	for (line = c->text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		parse_line(c, str_strip(line));
	}
	if (!c->n) {
		kconfig_free(c);
		return err_set(
			e, -EINVAL, "this is no kernel configuration: no CONFIG_ line in it");
	}
	*out = c;
	return 0;
}

/* The symbols that are asked for, and a quick no for most others: their first two letters. */
struct wanted {
	struct name_index names;
	bool starts[1 << 16];
};

static unsigned first_two(const char *symbol)
{
	return (unsigned)(unsigned char)symbol[0] << 8 | (unsigned char)symbol[1];
}

static bool wants(const struct wanted *w, const char *symbol, const char *end)
{
	char name[128];
	size_t n = 0;

	if (end - symbol < 2 || !w->starts[first_two(symbol)])
		return false;
	while (symbol + n < end && symbol[n] != '=' && symbol[n] != ' ' && n < sizeof(name) - 1) {
		name[n] = symbol[n];
		n++;
	}
	name[n] = '\0';
	return name_index_get(&w->names, name) != NULL;
}

/* Copies the lines that are wanted; false if there is no line of a configuration at all. */
static bool pick_lines(const struct wanted *w, const char *text, size_t len, struct strbuf *out)
{
	static const char set[] = "CONFIG_", unset[] = "# CONFIG_";
	const char *end = text + len, *next;
	bool any = false;

	for (const char *line = text; line < end; line = next + 1) {
		size_t skip;

		next = memchr(line, '\n', (size_t)(end - line));
		if (!next)
			next = end;
		while (line < next && (*line == ' ' || *line == '\t'))
			line++;
		skip = *line == '#' ? sizeof(unset) - 1 : sizeof(set) - 1;
		if ((size_t)(next - line) <= skip ||
			memcmp(line, *line == '#' ? unset : set, skip) != 0)
			continue;
		any = true;
		if (!wants(w, line + skip, next))
			continue;
		strbuf_add(out, line, (size_t)(next - line));
		strbuf_addc(out, '\n');
	}
	return any;
}

int kconfig_parse_only(struct kconfig **out, const char *text, size_t len,
	const char *const *symbols, struct err *e)
{
	struct wanted *w = xcalloc(1, sizeof(*w));
	_cleanup_strbuf_ struct strbuf lines = {0};
	bool any;

	for (; *symbols; symbols++) {
		name_index_add(&w->names, *symbols, 0);
		w->starts[first_two(*symbols)] = true;
	}
	any = pick_lines(w, text, len, &lines);
	name_index_free(&w->names);
	free(w);
	if (any && !lines.len) {
		*out = xcalloc(1, sizeof(**out));
		return 0;
	}
	return kconfig_parse(out, lines.s ? lines.s : "", lines.len, e);
}

int kconfig_read(struct kconfig **out, const char *path, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r = fs_read_regular(path, CONFIG_MAX, &text, &len, e);

	if (r < 0)
		return err_prefix(e, "kernel configuration");
	r = inflate_in_place(&text, &len, CONFIG_MAX, e);
	if (r == 0)
		r = kconfig_parse(out, text, len, e);
	return r < 0 ? err_prefix(e, "kernel configuration '%s'", path) : 0;
}

const char *kconfig_get(const struct kconfig *c, const char *symbol)
{
	const uint32_t *at = name_index_get(&c->index, symbol);

	return at ? c->values[*at] : NULL;
}

bool kconfig_known(const struct kconfig *c, const char *symbol)
{
	return name_index_get(&c->index, symbol) != NULL;
}

bool kconfig_yes(const struct kconfig *c, const char *symbol)
{
	const char *v = kconfig_get(c, symbol);

	return v && streq(v, "y");
}

bool kconfig_on(const struct kconfig *c, const char *symbol)
{
	const char *v = kconfig_get(c, symbol);

	return v && (streq(v, "y") || streq(v, "m"));
}

void kconfig_free(struct kconfig *c)
{
	if (!c)
		return;
	name_index_free(&c->index);
	free(c->values);
	free(c->text);
	free(c);
}

const char *const ko_compression_suffix[] = {
	[KO_PLAIN] = "", [KO_GZIP] = ".gz", [KO_XZ] = ".xz", [KO_ZSTD] = ".zst"};

size_t ko_stem(const char *path)
{
	size_t len = strlen(path);

	for (size_t i = KO_PLAIN; i <= KO_ZSTD; i++) {
		_cleanup_free_ char *suffix = xasprintf(".ko%s", ko_compression_suffix[i]);

		if (ends_with(path, suffix))
			return len - strlen(suffix);
	}
	return 0;
}

/*
 * scripts/Makefile.modinst and the Kconfig of modules: 3.18 to 5.12 have MODULE_COMPRESS=y and a
 * choice of GZIP and XZ; 5.13 to 6.11 only the choice, with NONE and ZSTD; since 6.12
 * MODULE_COMPRESS is back, and without MODULE_COMPRESS_ALL modules_install leaves the files plain.
 */
enum ko_compression kconfig_module_compression(const struct kconfig *c)
{
	static const struct {
		const char *symbol;
		enum ko_compression how;
	} choices[] = {
		{"MODULE_COMPRESS_GZIP", KO_GZIP},
		{"MODULE_COMPRESS_XZ", KO_XZ},
		{"MODULE_COMPRESS_ZSTD", KO_ZSTD},
	};

	if (kconfig_known(c, "MODULE_COMPRESS_ALL") && !kconfig_yes(c, "MODULE_COMPRESS_ALL"))
		return KO_PLAIN;
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
		if (kconfig_yes(c, choices[i].symbol))
			return choices[i].how;
	return KO_PLAIN;
}
