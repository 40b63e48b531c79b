/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes small type information (BTF), for the tests. */
#ifndef PMKMOD_BTF_BUILDER_H
#define PMKMOD_BTF_BUILDER_H

#include <stdint.h>

#include "chroot/base/str.h"

struct bb {
	struct strbuf types, strings;
};

static inline void bb_u32(struct strbuf *b, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		strbuf_addc(b, (char)(v >> (8 * i)));
}

/* One type: name, vlen, kind and kind_flag, size, and words behind it up to 0xdeadbeef. */
#define BB_END 0xdeadbeefu
static inline void bb_type(struct bb *b, uint32_t name, uint32_t kind, uint32_t n, uint32_t size,
	const uint32_t *words)
{
	bb_u32(&b->types, name);
	bb_u32(&b->types, (kind & 0x1f) << 24 | (kind & 0x80000000) | n);
	bb_u32(&b->types, size);
	for (; *words != BB_END; words++)
		bb_u32(&b->types, *words);
}

static inline uint32_t bb_string(struct bb *b, const char *s)
{
	uint32_t at = (uint32_t)b->strings.len;

	strbuf_add(&b->strings, s, strlen(s) + 1);
	return at;
}

/* The whole; the caller frees it. */
static inline char *bb_finish(struct bb *b, size_t *len)
{
	struct strbuf out = {0};

	strbuf_add(&out, "\x9f\xeb\x01\0", 4);
	bb_u32(&out, 24);
	bb_u32(&out, 0);
	bb_u32(&out, (uint32_t)b->types.len);
	bb_u32(&out, (uint32_t)b->types.len);
	bb_u32(&out, (uint32_t)b->strings.len);
	strbuf_add(&out, b->types.s ? b->types.s : "", b->types.len);
	strbuf_add(&out, b->strings.s ? b->strings.s : "", b->strings.len);
	strbuf_free(&b->types);
	strbuf_free(&b->strings);
	*len = out.len;
	return strbuf_steal(&out);
}

/*
 * A kernel's: 1 int, 2 const int, 3 struct list { next }; its names take BB_BASE_STRINGS bytes:
 * "" at 0, "int" at 1, "list" at 5, "next" at 10, "4 words" at 15.
 */
#define BB_BASE_TYPES 3
#define BB_BASE_STRINGS 23
static inline char *bb_base(size_t *len)
{
	static const uint32_t none[] = {BB_END}, of_int[] = {0x01000020, BB_END};
	static const uint32_t member[] = {10, 2, 0, BB_END};
	struct bb b = {0};

	bb_string(&b, "");
	bb_string(&b, "int");
	bb_string(&b, "list");
	bb_string(&b, "next");
	bb_string(&b, "4 words");
	bb_type(&b, 1, 1, 0, 4, of_int);
	bb_type(&b, 0, 10, 0, 1, none);
	bb_type(&b, 5, 4, 1, 8, member);
	return bb_finish(&b, len);
}

#endif
