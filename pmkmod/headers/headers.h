/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Headers for kernels that ship none: from a build folder, or from source and configuration, the
 * two packages `linux-<flavor>-dev` and `kernel-scripts-<flavor>` are made.
 */
#ifndef PMKMOD_HEADERS_H
#define PMKMOD_HEADERS_H

#include <stdbool.h>
#include <stdint.h>

#include "chroot/apk/apk.h"
#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/kernel/kernel.h"
#include "pmkmod/util/progress.h"

/* ---- tree.c: what a folder with kernel source, or a build of it, says of itself ---- */
struct source_tree {
	char *version; /* "6.1.176-rc1": VERSION to EXTRAVERSION of its Makefile */
	uint32_t code; /* kernel_version_code() of it */
	const char *dirty; /* what a build inside it left (".config"), NULL: clean */
};
/* -ENOENT, -EINVAL: no kernel source, or it lacks `arch`; the sentence says what is missing. */
int source_tree_read(
	struct source_tree *t, const char *dir, const struct arch_info *arch, struct err *e);
void source_tree_free(struct source_tree *t);

/* First comment of a .config: "# Linux/arm64 6.1.176 Kernel Configuration"
 * (scripts/kconfig/confdata.c).
 */
struct config_header {
	char *arch, *version; /* NULL: it does not say */
};
void config_header_read(struct config_header *h, const char *text);
void config_header_free(struct config_header *h);

/* ---- make.c: the whole ---- */
struct headers_spec {
	const struct arch_info *arch;
	const char *kernel_package, *kernel_version; /* "6.1.176-r1" */
	const char *dev_name, *scripts_name; /* of the packages to be made */
	const char *release; /* the phone's uname -r, NULL: not known, taken from the source */
	const char
		*packaged; /* a headers package's tree, whose programs are foreign or missing; or */
	const char *kdir; /* a build folder; or */
	const char *source, *config; /* a source folder, and the text of a .config */
	const char *config_from; /* where the configuration is from, in words */
	const char *symvers; /* text of Module.symvers, NULL: none but kdir's own */
	const char *sample; /* "name crc" lines that shipped modules expect, NULL: none is known */
	/* the build machine's tools: content folders of a native root, or the host's own */
	const struct strvec *native_layers;
	bool host_root;
	const char *cross; /* prefix of the phone's compiler, "" for this machine's own */
	bool clang;
	unsigned jobs, timeout_s;
	uint64_t max_file_bytes;
	/* where the work is done and what is told of it */
	const char *work_dir; /* host folder of this run's own */
	int log_fd;
	bool verbose;
	struct progress *progress;
	/* the packages */
	bool usr_merge;
	int64_t source_date;
	const struct apk_signkey *key;
	const char *out_dir;
};
struct headers_result {
	char *dev_path, *scripts_path; /* the two packages */
	char *release;
	bool release_derived; /* the kernel package did not say it */
	struct strvec notes; /* sentences the porter should see */
};
/*
 * Exit codes: 2 the inputs do not belong together (version, architecture, dirty tree), 10 make
 * failed, 21 a needed program could not be built. The porter's folders are only read.
 */
/* What can be said of `kdir`, or else of `source`, before anything is assembled for it. */
int headers_check_folder(
	const char *kdir, const char *source, const struct arch_info *arch, struct err *e);
int headers_make(const struct headers_spec *s, struct headers_result *out, struct err *e);
void headers_result_free(struct headers_result *r);

#endif
