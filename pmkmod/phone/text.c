// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/phone/phone.h"

#define CLEAN_MAX 4096
#define WORD_MAX 256

/* One code point from at most `len` bytes; the number of bytes, 0: not UTF-8. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *out)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80		   ? 1
		   : (s[0] & 0xe0) == 0xc0 ? 2
		   : (s[0] & 0xf0) == 0xe0 ? 3
		   : (s[0] & 0xf8) == 0xf0 ? 4
					   : 0;
	uint32_t c;

	if (n == 0 || n > len)
		return 0;
	c = n == 1 ? s[0] : s[0] & (0xffU >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*out = c;
	return n;
}

/* What moves the cursor, sets colours or turns the direction of writing may not come through. */
static bool harmless(uint32_t c)
{
	return c >= 0x20 && c != 0x7f && !(c >= 0x80 && c < 0xa0) &&
	       !(c >= 0x200b && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
	       !(c >= 0x2060 && c <= 0x206f) && c != 0xfeff && !(c >= 0xfff9 && c <= 0xfffb) &&
	       !(c >= 0xe0000 && c < 0xe1000) && !(c >= 0xd800 && c < 0xe000);
}

char *phone_clean(const char *text, size_t len)
{
	struct strbuf b = {0};
	size_t i = 0;

	while (i < len && b.len < CLEAN_MAX) {
		uint32_t c;
		size_t n = decode((const unsigned char *)text + i, len - i, &c);

		if (n == 1 && c == '\t')
			strbuf_addc(&b, ' ');
		else if (n && harmless(c))
			strbuf_add(&b, text + i, n);
		else
			strbuf_addc(&b, '?');
		i += n ? n : 1;
	}
	if (i < len)
		strbuf_adds(&b, "...");
	return strbuf_steal(&b);
}

static bool only(const char *s, const char *allowed)
{
	return *s && s[strspn(s, allowed)] == '\0' && strlen(s) < WORD_MAX;
}

bool phone_word_ok(const char *word)
{
	return *word != '-' && *word != '.' &&
	       only(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+~-");
}

bool phone_path_ok(const char *path)
{
	static const char prefix[] = "/tmp/pmkmod.";

	return starts_with(path, prefix) &&
	       only(path + sizeof(prefix) - 1,
		       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
}
