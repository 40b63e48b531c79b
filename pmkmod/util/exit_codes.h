/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exit codes; 5, 6, 7, 8, 10, 13, 21 and 77 mean what they mean for DKMS. The README has the table.
 */
#ifndef PMKMOD_EXIT_CODES_H
#define PMKMOD_EXIT_CODES_H

#include "chroot/base/err.h"

enum {
	EXIT_OK = 0,
	EXIT_GENERAL = 1, /* anything without a number of its own */
	EXIT_USAGE = 2, /* wrong option, argument or configuration */
	EXIT_UNKNOWN_NAME = 3, /* no such device or module */
	EXIT_PATCH_PATH = 5, /* DKMS: a patch is missing or outside the source */
	EXIT_PATCH_FAILED = 6, /* DKMS: a patch does not apply */
	EXIT_NO_MODULE = 7, /* DKMS: the build made no .ko, or not the one promised */
	EXIT_BAD_DKMS_CONF = 8, /* DKMS: its description (dkms.conf, AKMBUILD) cannot be used */
	EXIT_BUILD_FAILED = 10, /* DKMS: make failed */
	EXIT_MISSING_DEPEND = 13, /* DKMS: a module it depends on is missing */
	EXIT_NO_HEADERS = 21, /* DKMS: no headers for this kernel */
	EXIT_UNTRUSTED = 30, /* signature, checksum or format of a package or index is wrong */
	EXIT_NETWORK = 31, /* a download failed */
	EXIT_CONFLICT = 32, /* packages cannot be satisfied together */
	EXIT_SANDBOX = 33, /* no user namespaces, no qemu, no binfmt_misc */
	EXIT_NO_SPACE = 34, /* disk full */
	EXIT_NO_FIT = 35, /* built, but the phone's kernel would refuse it */
	EXIT_NOT_LOADED = 36, /* boot, sideload: the kernel runs, the module did not load */
	EXIT_BOOT_FAILED = 37, /* boot: the kernel or the board did not come up */
	EXIT_TIMEOUT = 38, /* a time limit ran out */
	EXIT_PHONE = 39, /* the phone cannot be reached, or ssh failed */
	EXIT_PHONE_DIFFERS = 40, /* the phone has another kernel than the package is for */
	EXIT_SIDELOAD_FAILED = 41, /* the phone did not take the package */
	EXIT_TEST_FAILED = 42, /* boot: the module loaded, but its own test failed */
	EXIT_STALE = 43, /* stale: there is a newer kernel than a published package is for */
	EXIT_CELLS_FAILED = 44, /* matrix: cells failed */
	EXIT_EXCLUDED = 77, /* DKMS: this module is excluded for this kernel */
	/* 128 + signal number: interrupted */
};

/* What the program exits with after a failure. */
int failure_exit_code(int r, const struct err *e);

#endif
