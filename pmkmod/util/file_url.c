// SPDX-License-Identifier: GPL-3.0-or-later
/* Downloads that are none: file:// */
#include <fcntl.h>
#include <unistd.h>

#include "chroot/base/str.h"
#include "pmkmod/util/download.h"
#include "pmkmod/util/partial.h"

static int hex_value(char c)
{
	const char *digits = "0123456789abcdef";
	const char *p = c ? strchr(digits, c | 0x20) : NULL;

	return p ? (int)(p - digits) : -1;
}

char *file_url_path(const char *url)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	if (!starts_with(url, "file:///"))
		return NULL;
	for (const char *s = url + strlen("file://"); *s; s++) {
		int hi = *s == '%' ? hex_value(s[1]) : -1, lo = hi >= 0 ? hex_value(s[2]) : -1;

		if (lo >= 0) {
			strbuf_addc(&b, (char)(hi << 4 | lo));
			s += 2;
		} else {
			strbuf_addc(&b, *s);
		}
	}
	return strbuf_steal(&b);
}

int partial_copy(struct partial *to, const char *path, uint64_t max, struct err *e)
{
	_cleanup_close_ int in = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char buf[65536];
	ssize_t n;
	int r = 0;

	if (in < 0)
		return err_errno(e, -errno, "cannot open '%s'", path);
	while (r == 0 && (n = read(in, buf, sizeof(buf))) != 0) {
		if (n < 0)
			return err_errno(e, -errno, "cannot read '%s'", path);
		if (max && to->size + (uint64_t)n > max)
			return err_set(e, -EFBIG, "'%s' is longer than expected", path);
		r = partial_write(to, buf, (size_t)n);
	}
	return r < 0 ? err_errno(e, r, "cannot copy '%s'", path) : 0;
}
