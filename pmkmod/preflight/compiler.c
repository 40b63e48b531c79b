// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/preflight/compiler.h"

const char *const compiler_names[] = {"an unknown compiler", "gcc", "clang"};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static unsigned number(const char **s)
{
	unsigned n = 0;

	for (; is_digit(**s); (*s)++)
		n = n > 99999 ? 99999 : n * 10 + (unsigned)(**s - '0');
	return n;
}

/* "12.2.0", "4.9.x-google", "17". */
static bool read_version(struct compiler *c, const char *s)
{
	unsigned *const parts[] = {&c->major, &c->minor, &c->patch};

	if (!is_digit(*s))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(parts) && is_digit(*s); i++) {
		*parts[i] = number(&s);
		if (*s == '.')
			s++;
	}
	return true;
}

/* "<word> version 4.9", as gcc -v and clang --version have it. */
static bool after_version(struct compiler *c, const char *text, const char *word)
{
	for (const char *at = text; (at = strstr(at, word)); at++) {
		const char *s = at + strlen(word);

		if ((at == text || !is_word(at[-1])) && starts_with(s, " version ") &&
			read_version(c, s + strlen(" version ")))
			return true;
	}
	return false;
}

/*
 * "aarch64-alpine-linux-musl-gcc (Alpine 13.2.1_git20240309) 13.2.1 20240309": the first number
 * that stands outside brackets, after the program's name. gcc's own first line has the form "NAME
 * (PACKAGE) VERSION".
 */
static bool bare_version(struct compiler *c, const char *text)
{
	int depth = 0;

	for (const char *s = text + strcspn(text, " \t("); *s && *s != '\n'; s++) {
		if (s == text)
			continue;
		if (*s == '(')
			depth++;
		else if (*s == ')')
			depth -= depth > 0;
		else if (depth == 0 && (s[-1] == ' ' || s[-1] == ')') && is_digit(*s))
			return read_version(c, s);
	}
	return false;
}

/* Is the word in the text, not as part of another one ("gcc-12", "cross-gcc")? */
static bool has_word(const char *text, const char *word)
{
	for (const char *at = text; (at = strstr(at, word)); at++)
		if ((at == text || !is_word(at[-1])) && !is_word(at[strlen(word)]))
			return true;
	return false;
}

bool compiler_from_text(struct compiler *c, const char *text)
{
	*c = (struct compiler){0};
	if (starts_with(text, "Linux version ")) {
		/* user and host stand in the first brackets, the compiler in the second */
		text = strstr(text, ") (");
		if (!text)
			return false;
		text += strlen(") (");
	}
	if (after_version(c, text, "clang")) {
		c->family = COMPILER_CLANG;
	} else if (after_version(c, text, "gcc")) {
		c->family = COMPILER_GCC;
	} else if (has_word(text, "clang")) {
		c->family = COMPILER_CLANG;
		bare_version(c, text);
	} else if (has_word(text, "gcc") || has_word(text, "GCC") || has_word(text, "cc")) {
		c->family = COMPILER_GCC;
		bare_version(c, text);
	}
	return c->family != COMPILER_UNKNOWN;
}

static bool from_number(struct compiler *c, const struct kconfig *config, const char *symbol,
	enum compiler_family family)
{
	const char *v = kconfig_get(config, symbol);
	unsigned n = v ? number(&v) : 0;

	/* scripts/cc-version.sh: 10000 * major + 100 * minor + patch; 0: the other family */
	if (n < 10000)
		return false;
	*c = (struct compiler){family, n / 10000, n / 100 % 100, n % 100};
	return true;
}

bool compiler_from_config(struct compiler *c, const struct kconfig *config)
{
	static const char *const clang_only[] = {
		"CC_IS_CLANG", "LTO_CLANG", "CFI_CLANG", "THINLTO", "LTO_CLANG_THIN"};
	const char *text = kconfig_get(config, "CC_VERSION_TEXT");

	*c = (struct compiler){0};
	if (from_number(c, config, "CLANG_VERSION", COMPILER_CLANG) ||
		from_number(c, config, "GCC_VERSION", COMPILER_GCC))
		return true;
	if (text && compiler_from_text(c, text))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(clang_only); i++)
		if (kconfig_yes(config, clang_only[i]))
			c->family = COMPILER_CLANG;
	if (!c->family && kconfig_yes(config, "CC_IS_GCC"))
		c->family = COMPILER_GCC;
	return c->family != COMPILER_UNKNOWN;
}

/* The number after "#define <name> ". */
static bool macro(const char *text, const char *name, unsigned *out)
{
	_cleanup_free_ char *line = xasprintf("#define %s ", name);
	const char *at = strstr(text, line);

	if (!at)
		return false;
	at += strlen(line);
	*out = number(&at);
	return true;
}

bool compiler_from_macros(struct compiler *c, const char *text)
{
	*c = (struct compiler){0};
	/* clang defines __GNUC__ too */
	if (macro(text, "__clang_major__", &c->major)) {
		c->family = COMPILER_CLANG;
		macro(text, "__clang_minor__", &c->minor);
		macro(text, "__clang_patchlevel__", &c->patch);
	} else if (macro(text, "__GNUC__", &c->major)) {
		c->family = COMPILER_GCC;
		macro(text, "__GNUC_MINOR__", &c->minor);
		macro(text, "__GNUC_PATCHLEVEL__", &c->patch);
	}
	return c->family != COMPILER_UNKNOWN;
}

bool compiler_matches(const struct compiler *a, const struct compiler *b)
{
	if (a->family != b->family)
		return false;
	if (!a->major || !b->major)
		return true;
	if (a->family == COMPILER_GCC && a->major < 5 && b->major < 5)
		return a->major == b->major && a->minor == b->minor;
	return a->major == b->major;
}

char *compiler_show(const struct compiler *c)
{
	if (!c->major)
		return xstrdup(compiler_names[c->family]);
	return xasprintf("%s %u.%u.%u", compiler_names[c->family], c->major, c->minor, c->patch);
}
