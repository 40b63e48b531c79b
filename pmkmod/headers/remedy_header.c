// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Kernels before 4.2 include one header for each major version of gcc, linux/compiler-gcc<N>.h, and
 * have none for a compiler that came later.
 *
 * What such a header defines decides more than warnings: __cold and its like are part of the
 * declarations that genksyms sums up, so that a header with other attributes gives other CRCs than
 * the phone's kernel has, and modules do not load. The one header that has exactly what this kernel
 * had is its own for the newest gcc it knows. It asks for minor versions of that compiler
 * (__GNUC_MINOR__), which mean nothing in a later major version: they are answered with the last
 * minor version there was.
 */
#include <ctype.h>

#include "pmkmod/headers/remedy.h"

/* A phone has its own gcc, maybe a later one; more headers than are used do no harm. */
#define NEWEST_GCC 24
#define OLDEST_GCC 3
#define LAST_MINOR "9"

static char *header_name(unsigned major)
{
	return xasprintf("include/linux/compiler-gcc%u.h", major);
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* `word` as a whole word, everywhere. */
static char *replace_word(const char *text, const char *word, const char *to)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	size_t len = strlen(word);

	for (const char *s = text; *s;) {
		if (starts_with(s, word) && !word_char(s[len]) &&
			(s == text || !word_char(s[-1]))) {
			strbuf_adds(&b, to);
			s += len;
		} else {
			strbuf_addc(&b, *s++);
		}
	}
	return strbuf_steal(&b);
}

int remedy_compiler_header(struct remedy_run *run)
{
	_cleanup_free_ char *chooser = NULL, *text = NULL, *first = NULL, *answered = NULL;
	unsigned known = 0, newest = run->in->clang ? 0 : NEWEST_GCC;
	int r = remedy_read(run, "include/linux/compiler-gcc.h", &chooser, NULL);

	if (r == -ENOENT || (r >= 0 && !strstr(chooser, "__gcc_header") &&
				    !strstr(chooser, "gcc_header(__GNUC__)")))
		return 0;
	if (r < 0)
		return r;
	for (unsigned i = OLDEST_GCC; i <= NEWEST_GCC; i++) {
		_cleanup_free_ char *name = header_name(i);

		if (remedy_exists(run, name))
			known = i;
	}
	if (newest && run->in->cc_major > newest)
		newest = run->in->cc_major;
	/* clang says it is gcc 4 */
	if (!known || newest <= known || run->in->cc_major <= known)
		return 0;

	_cleanup_free_ char *base = header_name(known);

	if ((r = remedy_read(run, base, &text, NULL)) < 0)
		return r == -ENOENT ? 0 : r;
	first = header_name(known + 1);
	answered = replace_word(text, "__GNUC_MINOR__", LAST_MINOR);
	if ((r = remedy_write(run, first, answered, 0644)) < 0)
		return r;
	for (unsigned i = known + 2; i <= newest; i++) {
		_cleanup_free_ char *name = header_name(i);
		_cleanup_free_ char *same =
			xasprintf("#include <%s>\n", first + strlen("include/"));

		if ((r = remedy_write(run, name, same, 0644)) < 0)
			return r;
	}
	strvec_addf(&run->out->names,
		"compiler-header: this kernel includes a header for each major version of gcc and "
		"knows none after gcc %u; later ones are treated as the last gcc %u (%s ...)",
		known, known, first);
	return 0;
}
