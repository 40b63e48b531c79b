// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/base/fs.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/image/image.h"
#include "pmkmod/util/exit_codes.h"

/* What is wrong with a file that was given has codes of its own; all else is EXIT_GENERAL. */
static int exit_code_of(int r)
{
	switch (r) {
	case -EBADMSG: /* damaged, cut off, or it contradicts itself */
	case -EFBIG:
	case -EKEYREJECTED:
		return EXIT_UNTRUSTED;
	case -ENOTSUP: /* not a kernel's image at all, or of another kernel */
	case -EPROTONOSUPPORT:
	case -EINVAL:
	case -ENOENT:
	case -EISDIR:
		return EXIT_USAGE;
	case -ENOSYS: /* a library is missing */
		return EXIT_SANDBOX;
	}
	return 0;
}

int cmd_symvers(struct context *x, const struct options *o, int *status, struct err *e)
{
	const char *package = o->args.n > 2 ? o->args.v[2] : NULL;
	_cleanup_strbuf_ struct strbuf out = {0}, text = {0};
	struct image_symvers_report rep;
	int r;

	(void)status;
	if (package && !ends_with(package, ".apk"))
		return usage_error(e,
			"the second file must be the kernel's package (linux-*.apk), not '%s'",
			package);
	r = image_symvers(&out, &rep, o->args.v[1], package, e);
	if (r < 0) {
		if (e && !e->exit_code)
			e->exit_code = exit_code_of(r);
		return r;
	}
	fwrite(out.s, 1, out.len, stdout);
	if (!x->progress.quiet) {
		image_symvers_report_print(&rep, &text);
		fputs(text.s, stderr);
	}
	image_symvers_report_free(&rep);
	return 0;
}
