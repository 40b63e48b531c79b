// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/base/sealed.h"

#include "chroot/base/hash.h"

#define LAST_KEY "sha256\t"

static void add_hash(struct strbuf *out, const char *text, size_t len)
{
	char hex[HASH_HEX_MAX];
	struct hash h;

	hash_buf(HASH_SHA256, text, len, &h);
	hash_hex(&h, hex);
	strbuf_addf(out, LAST_KEY "%s\n", hex);
}

void sealed_end(struct strbuf *b)
{
	add_hash(b, b->s, b->len);
}

size_t sealed_body(const char *text, size_t len, const char *first_line)
{
	_cleanup_strbuf_ struct strbuf end = {0};
	size_t tail = strlen(LAST_KEY) + 2 * hash_len(HASH_SHA256) + 1;

	if (len < tail + strlen(first_line) || !starts_with(text, first_line))
		return 0;
	add_hash(&end, text, len - tail);
	return memcmp(end.s, text + len - tail, tail) == 0 ? len - tail : 0;
}
