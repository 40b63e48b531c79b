// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/matrix/report.h"

#define REPLACEMENT "\xef\xbf\xbd"
#define ESCAPE 0x1b

/* Bytes of a terminal's sequence that begins with ESC at `s` (ECMA-48): "ESC [ ... letter". */
static size_t sequence_length(const char *s, size_t len)
{
	size_t i = 2;

	if (len < 2 || s[1] != '[')
		return 1;
	while (i < len && s[i] >= 0x20 && s[i] < 0x40)
		i++;
	return i < len && s[i] >= 0x40 && s[i] < 0x7f ? i + 1 : 1;
}

/* XML 1.0 (Char): U+FFFE and U+FFFF are none; the others would mislead a reader or a terminal. */
static bool is_unfit(unsigned code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
	       code == 0xfeff || (code & 0xfffe) == 0xfffe;
}

static const char *entity(unsigned code)
{
	switch (code) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static void add_one(
	struct strbuf *b, const char *s, size_t n, unsigned code, enum text_form form, bool lines)
{
	const char *escaped = form == TEXT_XML ? entity(code) : NULL;

	if (code == '\n' || code == '\t')
		strbuf_addc(b, lines ? (char)code : ' ');
	else if (is_unfit(code))
		strbuf_adds(b, REPLACEMENT);
	else if (escaped)
		strbuf_adds(b, escaped);
	else
		strbuf_add(b, s, n);
}

void text_add(struct strbuf *b, const char *s, size_t len, enum text_form form, bool lines)
{
	unsigned code = 0;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_length(s + i, len - i, &code);
		if (n == 0) {
			strbuf_adds(b, REPLACEMENT);
			n = 1;
		} else if (code == ESCAPE && sequence_length(s + i, len - i) > 1) {
			n = sequence_length(s + i, len - i);
		} else if (code == '\r' && i + 1 < len && s[i + 1] == '\n') {
			continue;
		} else {
			add_one(b, s + i, n, code, form, lines);
		}
	}
}

char *text_first_line(const char *s)
{
	struct strbuf b = {0};
	size_t n = s ? strcspn(s, "\n") : 0;

	/* "it cannot be: " and why on the next line */
	if (n && s[n - 1] == ':' && s[n])
		n += 1 + strcspn(s + n + 1, "\n");
	if (s)
		text_add(&b, s, n, TEXT_PLAIN, false);
	return strbuf_steal(&b);
}

char *text_columns(const char *s)
{
	char *text = xstrdup(s ? s : "");

	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return text;
}

void text_write(FILE *f, const char *s, enum text_form form, bool lines)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	if (!s)
		return;
	text_add(&b, s, strlen(s), form, lines);
	fwrite(b.s ? b.s : "", 1, b.len, f);
}

char *text_duration(double seconds)
{
	unsigned long s = seconds > 0 ? (unsigned long)(seconds + 0.5) : 0;

	if (s >= 3600)
		return xasprintf("%lu h %lu min", s / 3600, s / 60 % 60);
	if (s >= 60)
		return xasprintf("%lu min %lu s", s / 60, s % 60);
	return xasprintf("%.1f s", seconds);
}
