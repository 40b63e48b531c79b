// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A layer's manifest: the seal is put behind the bytes given, so that what it guards is reached.
 * What is taken names only what can be in a tree, and printed and read again it is the same.
 */
#include "chroot/base/sealed.h"
#include "chroot/layer/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *path)
{
	if (*path == '/' || !*path || strstr(path, "//") || strstr(path, "/../") ||
		strncmp(path, "../", 3) == 0 || strcmp(path, "..") == 0 || ends_with(path, "/.."))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	_cleanup_strvec_ struct strvec said = {0};
	_cleanup_free_ char *text = NULL;
	struct manifest m, again;
	size_t len;

	if (manifest_parse(&m, (const char *)data, size) == 0)
		manifest_free(&m);
	strbuf_adds(&b, "pmkmod manifest 1\n");
	strbuf_add(&b, data, size);
	sealed_end(&b);
	if (manifest_parse(&m, b.s, b.len) < 0)
		return 0;
	for (size_t i = 0; i < m.n; i++)
		check_path(m.v[i].path);
	text = manifest_print(&m, &len);
	if (manifest_parse(&again, text, len) < 0 || again.n != m.n)
		abort();
	if (manifest_compare(&m, &again, 5, &said) != 0)
		abort();
	manifest_free(&m);
	manifest_free(&again);
	return 0;
}
