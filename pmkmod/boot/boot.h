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
	unsigned memory_mib, timeout_s; /* 0: 1024 and 120 */
	const char *work_dir; /* for the initramfs; removed by the caller */
	const char *log_path; /* the whole console */
	bool verbose; /* console to stderr as it comes */
};
struct boot_result {
	bool booted; /* our init ran */
	bool loaded; /* every modprobe succeeded and lsmod (or /proc/modules) shows it */
	char *lsmod; /* lines of the modules asked for */
	char *dmesg; /* what the kernel said from the first modprobe on */
	char *uname; /* uname -r in the booted system */
	char *failure; /* modprobe's words if it did not load */
};
/* 0 if the board ran to its end (look at result), else negative errno: no qemu, time out, panic. */
int boot_run(const struct boot_spec *s, struct boot_result *out, struct err *e);
void boot_result_free(struct boot_result *r);

#endif
