/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a shipped kernel image says of itself, without symbols in it: the code inside its wrappings,
 * its banner, and the table of symbols it exports to modules.
 */
#ifndef PMKMOD_IMAGE_H
#define PMKMOD_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"

/* Nothing larger is read or comes out of a wrapping; kernels with everything built in reach 100 MiB. */
#define KERNEL_IMAGE_MAX (256u << 20)

/* ---- payload.c: from a file to the kernel's own bytes ---- */
struct kernel_image {
	char *bytes; /* the kernel as it lies in memory, or an ELF vmlinux; one NUL behind it */
	size_t len;
	struct strvec wrappings; /* what was taken off, outermost first: "Android boot.img v2", "gzip" */
};
/*
 * Read `path`: vmlinux, Image, zImage, bzImage, uImage, EFI zboot, Android boot.img v0 to v4, any of
 * them compressed, or a kernel's apk package. -EBADMSG damaged or cut off, -ENOTSUP something else
 * (the sentence says what it is and what to do), -ENOENT.
 */
int kernel_image_read(struct kernel_image *im, const char *path, struct err *e);
/* As above, from malloc'ed bytes with a NUL behind them, which are taken over even on an error. */
int kernel_image_unwrap(struct kernel_image *im, char *bytes, size_t len, struct err *e);
/* "Linux version 6.1.0 (...) ..." up to its line end, NULL: not found. Caller frees. */
char *kernel_image_banner(const struct kernel_image *im);
void kernel_image_free(struct kernel_image *im);

/* ---- unpack.c ---- */
/*
 * Unpack one compressed stream with libarchive's `filter` (ARCHIVE_FILTER_GZIP...); `shown` names the
 * compression in messages. *out belongs to the caller, a NUL is behind it. -ENOTSUP, -EBADMSG, -EFBIG.
 */
int image_unpack(const void *data, size_t len, int filter, const char *shown, size_t max, char **out,
	size_t *out_len, struct err *e);

/* ---- exports.c: __ksymtab* and __kcrctab* ---- */
struct image_export {
	const char *name, *ns; /* inside the image's bytes; ns "" for none */
	uint32_t crc; /* 0 when the image has none */
	bool gpl;
};
struct image_exports {
	struct image_export *v; /* as they lie in memory: plain ones first, each class by name */
	size_t n;
	bool has_crcs;
	const char *layout; /* in words, for the report */
	uint64_t base; /* address of the image's first byte; 0 for place-relative layouts */
};
/*
 * Layouts known: {value, name} and {value, name, namespace} (since 5.4, include/linux/export.h),
 * words of 32 or 64 bits, absolute or place-relative (since 4.19, CONFIG_HAVE_ARCH_PREL32_RELOCATIONS);
 * absolute ones also when the words are only in .rela (arm64 with CONFIG_RELOCATABLE); CRCs of 32 bits,
 * of 64 bits (before 4.10), and as offsets to them (CONFIG_MODULE_REL_CRCS, to 5.18).
 * The image is changed where .rela had to be applied. -ENOENT: no table (a kernel without modules),
 * -EBADMSG: a table that contradicts itself; never a guess.
 */
int image_exports_find(struct image_exports *x, struct kernel_image *im, struct err *e);
/* Lines of a Module.symvers, owner vmlinux (scripts/mod/modpost.c: write_dump()). */
void image_exports_print(const struct image_exports *x, struct strbuf *out);
void image_exports_free(struct image_exports *x);

#endif
