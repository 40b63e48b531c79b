/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Devices and kernels of a pmaports tree, read without running anything of it, and a verdict for
 * each pair: can modules be built for it, and how. Formats: pmbootstrap's pmb/parse/deviceinfo.py,
 * pmb/parse/_apkbuild.py (kernels), pmb/core/pkgrepo.py (which folders are walked),
 * pmb/helpers/devices.py, pmb/install/_install.py (get_kernel_package).
 */
#ifndef PMKMOD_PMAPORTS_H
#define PMKMOD_PMAPORTS_H

#include <stdbool.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/kernel/kernel.h"

/* From best to worst: a device shows the best of its kernels. */
enum verdict {
	VERDICT_READY, /* a real -dev package */
	VERDICT_SOURCE, /* headers are made from source */
	VERDICT_SYMVERS, /* ... and exact symbol versions are needed (MODVERSIONS) */
	VERDICT_SIGNED, /* takes signed modules alone */
	VERDICT_NO_MODULES,
	VERDICT_ARCH, /* architecture not supported */
	VERDICT_NO_KERNEL, /* names a kernel that is nowhere, or none */
	N_VERDICTS
};
extern const char *const verdict_names[N_VERDICTS]; /* "ready", "source", ... as --verdict takes */
extern const char *const verdict_titles[N_VERDICTS]; /* for people, a few words each */
bool verdict_by_name(const char *name, enum verdict *out);

struct pmaports; /* a tree that was read */

/* One (device, kernel). Borrowed from the tree; texts that are not known are NULL. */
struct pmaports_kernel {
	const char *variant; /* "mainline"; NULL: the device has one kernel alone */
	const char *package; /* "linux-postmarketos-qcom-sdm845"; NULL: none */
	const char *aport; /* folder of its aport; NULL: Alpine's, or nowhere */
	enum verdict verdict;
	bool firmware_decides; /* VERDICT_SIGNED, but no signature of ours helps (Samsung's TIMA) */
	const char *lines; /* those of its configuration that decide, one a line */
	const char *why; /* a sentence */
	const char *remedy; /* what the porter can do */
	const char *made_by; /* the aport's own package, where `package` is one more that it makes
				or provides */
	const char *renamed; /* the package it was most likely renamed to */
	/* of the aport, for the device's architecture */
	const char *version; /* "6.16.7-r0" */
	const char *flavor, *config, *compiler, *outdir;
	const char *karch; /* kbuild's ARCH= */
	const char *sources; /* URLs, one a line */
	const char *patches; /* files, one a line */
	const char *release; /* what `uname -r` should say; derived, see release_from */
	const char *release_from; /* of what it was derived */
	const char *notes; /* what could not be evaluated or is odd, one a line */
};

struct pmaports_device {
	const char *name; /* as pmbootstrap calls it: "oneplus-enchilada" */
	const char *title; /* "OnePlus 6" */
	const char *category; /* "community" */
	const char *path; /* folder of the device's aport */
	const struct arch_info *arch; /* NULL: not one pmkmod has */
	const char *arch_name; /* "" if deviceinfo does not say */
	const struct pmaports_kernel *kernels; /* in the order of its APKBUILD */
	size_t n_kernels; /* at least 1 */
	enum verdict verdict; /* the best */
	const char *notes; /* what was odd, one a line; NULL: nothing */
};

struct pmaports_query {
	const struct strvec *folders; /* of aports; the first that has an aport wins */
	bool systemd; /* extra-repos/systemd of a folder comes before the folder itself */
	const char *cache; /* paths.cache: what was read is kept there; NULL: nowhere */
	const char *kernel; /* with `only`: a kernel package that it is to have as one more choice,
			       if there is an aport for it or it is Alpine's; NULL: none */
	const char *only; /* one device alone is read (its kernels are judged all); NULL: all */
};

/*
 * Read and judge. What is wrong with one device or kernel is in its notes and its verdict; only a
 * query without any folder that has devices is an error (-ENOENT, with what to do). The cache is
 * used if each file and folder that went into it is unchanged (inode, size, times), so that an edit
 * of one file is seen at once.
 */
int pmaports_load(struct pmaports **out, const struct pmaports_query *q, struct err *e);
/* Is a file of that cache as this pmkmod wrote it? (Whether it still holds is another question.) */
bool pmaports_cache_whole(const char *path);
void pmaports_free(struct pmaports *t);

/* Names of the devices there are, sorted, each once; nothing of them is read. */
void pmaports_names(const struct strvec *folders, struct strvec *out);

/* All devices, sorted by name; *n of them. Borrowed. */
const struct pmaports_device *pmaports_devices(const struct pmaports *t, size_t *n);
const struct pmaports_device *pmaports_find(const struct pmaports *t, const char *name);
/* What is odd about the tree as a whole: a missing folder, a package in two folders. */
const struct strvec *pmaports_notes(const struct pmaports *t);
bool pmaports_from_cache(const struct pmaports *t);

/*
 * The kernel of a device: the one called `wanted` (a variant, or a package's name), or with NULL
 * the only one (several variants of the same package are one). -EINVAL (there is no such one) and
 * -ENOTUNIQ (several, and none is wanted) list those there are (exit code 2).
 */
int pmaports_choose_kernel(const struct pmaports_kernel **out, const struct pmaports_device *d,
	const char *wanted, struct err *e);

/* Is that a kernel which Alpine itself makes, with a headers package? */
bool pmaports_is_alpine(const char *package);

/* ---- deviceinfo.c ---- */
struct deviceinfo {
	char *text; /* the file, cut into keys and values in place */
	const char **keys, **values;
	size_t n;
};
/* -EINVAL names the line that pmbootstrap would refuse, too. */
int deviceinfo_parse(struct deviceinfo *d, const char *text, size_t len, struct err *e);
/* "arch" for deviceinfo_arch; that of the kernel's `variant` (may be NULL) first. Borrowed. */
const char *deviceinfo_get(const struct deviceinfo *d, const char *key, const char *variant);
void deviceinfo_free(struct deviceinfo *d);

/* ---- judge.c: what a kernel's configuration says ---- */
struct judgement {
	enum verdict verdict;
	bool firmware_decides;
	char *lines, *why, *remedy; /* NULL: nothing to say */
};
/* `release`: a version such as "6.1.2", for what depends on it; may be NULL. */
void judge_config(struct judgement *j, const struct kconfig *c, const char *release);
void judgement_free(struct judgement *j);
/* The symbols that judge_config() and derive_release() look at. */
extern const char *const judged_symbols[];

/* "# Linux/arm64 6.1.2-rc1 Kernel Configuration" -> "6.1.2-rc1"; NULL: no such line. Caller frees.
 */
char *config_header_version(const char *text);

#endif
