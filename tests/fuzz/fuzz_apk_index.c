// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Input: 'T' and the text of an APKINDEX, which gets packed; 'A' and a tar archive, whose header
 * checksums are put right first; or, with any other first byte, a file as it is.
 */
#include "tests/fuzz/apk_wrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_strbuf_ struct strbuf tar = {0}, gz = {0};
	struct apk_repo r = {.url = xstrdup("u"), .arch = xstrdup("aarch64")};
	struct err e = ERR_INIT;

	if (size && data[0] == 'T') {
		craft_entry(&tar, '0', "APKINDEX", NULL, data + 1, size - 1);
		craft_gzip(&gz, tar.s, tar.len, 0);
	} else if (size && data[0] == 'A') {
		wrap_tar(&tar, data + 1, size - 1);
		craft_gzip(&gz, tar.s, tar.len, 0);
	} else {
		strbuf_add(&gz, data, size);
	}
	if (apk_index_parse(&r, gz.s, gz.len, "fuzz", NULL, &e) == 0) {
		for (size_t i = 0; i < r.n_pkgs; i++)
			free(apk_pkg_url(&r.pkgs[i]));
	} else if (!e.text[0]) {
		abort(); /* an error without a sentence */
	}
	apk_repo_free(&r);
	return 0;
}
