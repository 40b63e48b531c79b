// SPDX-License-Identifier: GPL-3.0-or-later
/* What reports and terminals get of any bytes: UTF-8 that controls nothing, and no element. */
#include "pmkmod/matrix/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct strbuf *b, bool xml, bool lines)
{
	unsigned code;

	for (size_t i = 0, n; i < b->len; i += n) {
		n = utf8_length(b->s + i, b->len - i, &code);
		if (!n || code == 0x7f || (code < 0x20 && (!lines || !strchr("\n\t", (int)code))))
			abort();
		if ((code >= 0x80 && code < 0xa0) || (code >= 0x202a && code <= 0x202e))
			abort();
		if (xml && code < 0x80 && strchr("<>\"'", (int)code))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	_cleanup_free_ char *text = xstrndup(s, size), *first = text_first_line(text), *why = NULL;
	struct matrix_cell c = {.error = text, .diagnosis = text};

	for (int i = 0; i < 4; i++) {
		_cleanup_strbuf_ struct strbuf b = {0}, again = {0};

		text_add(&b, s, size, i & 1 ? TEXT_XML : TEXT_PLAIN, i & 2);
		check(&b, i & 1, i & 2);
		/* what is clean stays as it is */
		text_add(&again, b.s ? b.s : "", b.len, TEXT_PLAIN, i & 2);
		if (again.len != b.len || (b.len && memcmp(again.s, b.s, b.len) != 0))
			abort();
	}
	if (strchr(first, '\n'))
		abort();
	why = cell_explanation(&c);
	return 0;
}
