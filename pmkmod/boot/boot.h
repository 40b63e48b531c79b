/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ninth stage: start the phone's kernel on a virtual board, install the apk, load the module.
 */
#ifndef PMKMOD_BOOT_H
#define PMKMOD_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/fit/trouble.h"

struct boot_result;

enum boot_accel { BOOT_ACCEL_AUTO, BOOT_ACCEL_KVM, BOOT_ACCEL_TCG };

/* Everything is borrowed. */
struct boot_spec {
	const struct arch_info *arch;
	const char *kernel_image; /* host path of vmlinuz/Image/zImage */
	const char *release;
	/*
	 * A root (one host folder, complete, read-only) in which the exported apk was installed
	 * with its triggers run, so modules.dep is there. Only what the modules to load need of
	 * lib/modules/<release> goes into the initramfs; the rest of the root goes in whole.
	 */
	const struct strvec *root_layers; /* topmost first, as overlay lower folders */
	struct strvec modules; /* names for modprobe, in order */
	const char *machine, *cpu, *append; /* NULL: by arch (virt / q35 or microvm, max, "") */
	const char *qemu_system; /* NULL: qemu-system-<arch> on PATH */
	enum boot_accel accel; /* auto: KVM if it is of use, else emulated */
	unsigned memory_mib, timeout_s; /* 0: 1024 and 120 */
	const char *test; /* lines for sh -e in the booted system once all are loaded; NULL: none */
	/*
	 * After all that, a shell in the booted system on our terminal (standard input), without a
	 * time limit; `at_shell` (may be NULL) gets the result before.
	 */
	bool keep;
	void (*at_shell)(void *ctx, const struct boot_result *r);
	void *ctx;
	const char *work_dir; /* for the initramfs; removed by the caller */
	const char *log_path; /* the whole console */
	bool verbose; /* console to stderr as it comes */
};
enum boot_test { BOOT_TEST_NONE, BOOT_TEST_NOT_RUN, BOOT_TEST_PASSED, BOOT_TEST_FAILED };
struct boot_result {
	bool booted; /* our init ran */
	bool loaded; /* every modprobe succeeded and lsmod (or /proc/modules) shows it */
	enum boot_test test;
	char *lsmod; /* lines of the modules asked for */
	char *dmesg; /* what the kernel said from the first modprobe on */
	char *uname; /* uname -r in the booted system */
	char *failure; /* modprobe's words if it did not load, or what the test failed of */
	char *test_output;
	char *board; /* what ran it: qemu's name, machine, processor, KVM or emulated and why */
	struct trouble trouble; /* the first oops or panic, if there was one */
};
/*
 * 0 if all came to an end or a module brought the kernel down (look at the result), else negative
 * errno: no qemu, time limit (-ETIMEDOUT, exit code 38), panic before our init. What is known until
 * then is in the result.
 */
int boot_run(const struct boot_spec *s, struct boot_result *out, struct err *e);
void boot_result_free(struct boot_result *r);

#endif
