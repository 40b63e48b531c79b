// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The text of an index that gets a record put in and taken out again: all else must be there
 * afterwards, byte for byte.
 */
#include "chroot/apk/apk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct apk_index_text t = {0};
	struct apk_pkg p = {.name = xstrdup("m"), .version = xstrdup("1-r0")};
	_cleanup_strbuf_ struct strbuf before = {0};
	size_t len;

	if (size)
		strbuf_add(&t.text, data, size);
	strbuf_addc(&t.text, '\n');
	while (apk_index_text_find(&t, p.name, p.version, &len))
		apk_index_text_remove(&t, p.name, p.version);
	if (t.text.len)
		strbuf_add(&before, t.text.s, t.text.len);
	apk_index_text_put(&t, &p);
	if (!apk_index_text_find(&t, p.name, p.version, &len))
		abort();
	apk_index_text_put(&t, &p); /* in its own place */
	apk_index_text_remove(&t, p.name, p.version);
	/* but for the blank line that a last record may have lacked */
	if (t.text.len < before.len || t.text.len > before.len + 1)
		abort();
	if (t.text.len == before.len && before.len && memcmp(t.text.s, before.s, before.len) != 0)
		abort();
	apk_index_text_free(&t);
	apk_pkg_free(&p);
	return 0;
}
