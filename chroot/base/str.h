/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Strings, growable buffers and lists of strings, and the cleanup attributes used everywhere.
 * Running out of memory is the one failure that is not reported upwards: the x-functions abort().
 */
#ifndef PMKMOD_STR_H
#define PMKMOD_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_close_ _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)
#define _cleanup_strbuf_ _cleanup_(strbuf_free)
#define _cleanup_strvec_ _cleanup_(strvec_free)
#define _must_check_ __attribute__((warn_unused_result))

/* For the attributes above: each takes the address of the variable, and NULL or -1 is fine. */
void cleanup_free(void *p);
void cleanup_close(int *fd);
void cleanup_fclose(FILE **f);

/* Hand a pointer or descriptor over to somebody else, leaving NULL or -1 behind. */
#define steal_ptr(p)                                                                               \
	({                                                                                         \
		__typeof__(p) steal_tmp_ = (p);                                                    \
		(p) = NULL;                                                                        \
		steal_tmp_;                                                                        \
	})
static inline int steal_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

/* Allocation that aborts when memory runs out; the results belong to the caller (free()). */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n, size_t size);
char *xstrdup(const char *s); /* NULL stays NULL */
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}
bool starts_with(const char *s, const char *prefix);
bool ends_with(const char *s, const char *suffix);
/* What of `s` is behind the first of the prefixes that it begins with; NULL: none of them. */
const char *behind_prefix(const char *s, const char *const *prefixes, size_t n);

/* Cut blanks (space, tab, CR, LF) off both ends in place; returns the first character kept. */
char *str_strip(char *s);

/*
 * Bytes of the UTF-8 sequence at `s`, of which `n` bytes (at least one) may be read, and its
 * character; 0: it is none (RFC 3629: no surrogates, none overlong).
 */
size_t utf8_length(const char *s, size_t n, unsigned *code);

/* A growable byte buffer; `s` is always NUL-terminated once something was added. */
struct strbuf {
	char *s;
	size_t len, cap;
};
void strbuf_reserve(struct strbuf *b, size_t extra); /* room for so many bytes and a NUL */
void strbuf_add(struct strbuf *b, const void *data, size_t len);
void strbuf_adds(struct strbuf *b, const char *s);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vaddf(struct strbuf *b, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
/* `s` in single quotes: one word of a shell, whatever is in it. */
void strbuf_add_quoted(struct strbuf *b, const char *s);
void strbuf_reset(struct strbuf *b); /* empty, memory kept */
void strbuf_free(struct strbuf *b);
char *strbuf_steal(struct strbuf *b); /* never NULL; the caller frees it */

/* A list of owned strings; `v` is always NULL-terminated once something was added. */
struct strvec {
	char **v;
	size_t n, cap;
};
void strvec_add(struct strvec *l, const char *s); /* copies */
void strvec_addf(struct strvec *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strvec_take(struct strvec *l, char *s); /* takes ownership */
void strvec_add_all(struct strvec *l, const struct strvec *from);
void strvec_split(struct strvec *l, const char *s, const char *separators); /* no empty items */
bool strvec_has(const struct strvec *l, const char *s);
void strvec_sort(struct strvec *l); /* byte order */
char *strvec_join(const struct strvec *l, const char *separator);
void strvec_reset(struct strvec *l);
void strvec_free(struct strvec *l);

#endif
