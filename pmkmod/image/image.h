/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a shipped kernel image says of itself, without symbols in it: the code inside its wrappings,
 * its banner, its configuration, and the table of symbols it exports to modules.
 */
#ifndef PMKMOD_IMAGE_H
#define PMKMOD_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"

/* Nothing larger is read or comes out of a wrapping; kernels with everything built in reach 100
 * MiB. */
#define KERNEL_IMAGE_MAX (256u << 20)

/* ---- read.c, payload.c: from a file to the kernel's own bytes ---- */
struct kernel_image {
	char *bytes; /* the kernel as it lies in memory, or an ELF vmlinux; one NUL behind it */
	size_t len;
	struct strvec
		wrappings; /* what was taken off, outermost first: "Android boot.img v2", "gzip" */
	size_t trailing; /* bytes behind a packed kernel: its size, appended device trees */
	uint16_t machine; /* ELF's e_machine where a wrapping or the image's header says it; 0: not
			   */
};
/*
 * Read `path`: vmlinux, Image, zImage, bzImage, uImage, EFI zboot, Android boot.img v0 to v4, any
 * of them compressed, or a kernel's apk package. 0, -ENOENT, -EBADMSG damaged or cut off, -EFBIG,
 * -ENOTSUP something else (the sentence says what it is and what to do), -ENOSYS a library for its
 * compression is missing.
 */
int kernel_image_read(struct kernel_image *im, const char *path, struct err *e);
/* As above, from malloc'ed bytes with a NUL behind them, which are taken over even on an error. */
int kernel_image_unwrap(struct kernel_image *im, char *bytes, size_t len, struct err *e);
/* "Linux version 6.1.0 (...) ..." up to its line end, NULL: not found. Caller frees. */
char *kernel_image_banner(const struct kernel_image *im);
/* "Android boot.img v2, gzip": all wrappings in words, "" for none. Caller frees. */
char *kernel_image_wrappings(const struct kernel_image *im);
void kernel_image_free(struct kernel_image *im);

/* ---- unpack.c: one compressed stream ---- */
enum packing {
	PACKING_NONE = -1,
	PACKING_GZIP,
	PACKING_XZ,
	PACKING_ZSTD,
	PACKING_LZ4_LEGACY, /* what `lz4 -l` writes and kbuild uses */
	PACKING_LZ4,
	PACKING_LZMA,
	PACKING_BZIP2,
	PACKING_LZO,
};
/* What the first bytes are a stream of. */
enum packing packing_of(const void *data, size_t len);
const char *packing_name(enum packing p);
/*
 * Unpack one stream; what stands behind its end is no error, *used says how much belonged to it.
 * At most `max` bytes come out; *out belongs to the caller, a NUL is behind it. -EBADMSG damaged or
 * cut off, -EFBIG, -ENOSYS without the library for it (lz4, lzo and bzip2 are loaded when needed).
 * *out_len is set on errors too: so much had come out before.
 */
int packing_unpack(enum packing p, const void *data, size_t len, size_t max, char **out,
	size_t *out_len, size_t *used, struct err *e);

/* ---- zboot.c ---- */
/* Is this an EFI zboot image (an EFI program with the packed kernel inside)? */
bool image_is_zboot(const void *data, size_t len);
/*
 * Unpack a compressed kernel (gzip'ed Image, or an EFI zboot image) from memory, at most `max`
 * bytes. 0: *out is the kernel inside (caller frees); 1: not wrapped in anything; or an error.
 */
int image_unwrap(
	const void *data, size_t len, size_t max, char **out, size_t *out_len, struct err *e);

/* ---- identity.c: who built it, when, and what it demands of modules ---- */
struct image_identity { /* each NULL where the image does not say it */
	char *banner; /* the whole line, "Linux version ..." */
	char *release; /* 6.1.0-56-arm64 */
	char *compiler; /* "gcc (Debian 12.2.0-14) 12.2.0, GNU ld ..." */
	char *build; /* "#1 SMP Debian 6.1.192-2 (2026-06-01)" */
	char *vermagic; /* the kernel's own, every blank kept; NULL also without CONFIG_MODULES */
	const char
		*arch; /* as the kernel's source names it: arm64, arm, x86, riscv, ...; borrowed */
	uint16_t machine; /* ELF's e_machine, 0: not known */
};
/* What is not found stays NULL: nothing here is an error. */
void image_identify(struct image_identity *id, const struct kernel_image *im);
void image_identity_free(struct image_identity *id);
/*
 * The configuration a kernel with CONFIG_IKCONFIG carries, as text with a NUL behind it (caller
 * frees). -ENOENT: it has none (CONFIG_IKCONFIG=m: the module configs.ko has it, not the image);
 * -EBADMSG: damaged.
 */
int kernel_image_config(const struct kernel_image *im, char **text, size_t *len, struct err *e);

/* ---- param_names.c ---- */
/*
 * Add the names, sorted, under which the kernel shows the parameters that modules.builtin.modinfo
 * lists as `attributes` ("file.parameter"): param_sysfs_builtin() in kernel/params.c makes
 * /sys/module/<name> for each. None: they cannot be found. Layout: struct kernel_param in
 * include/linux/moduleparam.h since 4.2, older kernels have no such list.
 */
void image_param_names(
	const struct kernel_image *im, const struct strvec *attributes, struct strvec *out);

/* ---- exports.c: __ksymtab* and __kcrctab* ---- */
enum export_class { /* in the order of the tables in the image */
	EXPORT_PLAIN,
	EXPORT_GPL,
	EXPORT_UNUSED, /* these three until 5.11 */
	EXPORT_UNUSED_GPL,
	EXPORT_GPL_FUTURE,
	EXPORT_CLASSES
};
extern const char *const export_class_names[EXPORT_CLASSES]; /* "EXPORT_SYMBOL", ... */

struct image_export {
	const char *name, *ns; /* inside the image's memory; ns "" for none */
	uint32_t crc; /* 0 when the image has none */
	uint8_t class; /* enum export_class */
};
struct image_exports {
	struct image_export *v; /* as they lie in memory: each class by name */
	size_t n, count[EXPORT_CLASSES], with_ns;
	bool has_crcs;
	size_t without_crc; /* has_crcs, but this many are 0 */
	char *layout; /* in words, for the report */
	uint64_t base; /* address of the image's first byte; valid if base_known */
	bool base_known;
	bool confirmed; /* the kernel's own list of its tables was found and says the same */
	struct strvec doubts; /* sentences: what is not certain; empty: nothing */
	unsigned char *memory; /* what name and ns point into */
};
/*
 * Layouts known: {value, name} and {value, name, namespace} (since 5.4), words of 32 or 64 bits,
 * absolute or place-relative (since 4.19, CONFIG_HAVE_ARCH_PREL32_RELOCATIONS), absolute ones also
 * when the words are only in .rela (arm64 and riscv with CONFIG_RELOCATABLE); CRCs of 32 bits, of
 * an unsigned long (before 4.10), and as offsets to them (CONFIG_MODULE_REL_CRCS, 4.10 to 5.18); a
 * byte of flags a symbol instead of a table for each class (since 7.1). -ENOENT: no table (a kernel
 * without modules), -EBADMSG: a table that contradicts itself, -ENOTSUP: byte order or file kind.
 */
int image_exports_find(struct image_exports *x, const struct kernel_image *im, struct err *e);
/* Lines of a Module.symvers, owner vmlinux (scripts/mod/modpost.c: write_dump()). */
void image_exports_print(const struct image_exports *x, struct strbuf *out);
void image_exports_free(struct image_exports *x);

/* ---- symvers.c: a whole Module.symvers ---- */
struct image_symvers_report {
	char *image; /* which file it was, in which wrappings */
	struct image_identity id;
	char *layout;
	size_t count[EXPORT_CLASSES], n; /* of the image */
	size_t with_ns;
	bool has_crcs, confirmed;
	bool modules_read; /* a package's modules were looked at */
	size_t modules, exporting; /* modules read, and those that export something */
	size_t module_exports, module_gpl, module_without_crc;
	struct strvec doubts; /* sentences */
};
/*
 * The exports of `path` (an image, or a kernel's apk package: then its modules' too) as the text of
 * a Module.symvers. With `package` not NULL the modules come from that kernel package; it must be
 * of the same release. Errors as kernel_image_read() and image_exports_find(); -EINVAL: the package
 * belongs to another kernel.
 */
int image_symvers(struct strbuf *out, struct image_symvers_report *rep, const char *path,
	const char *package, struct err *e);
/* The report in lines for a person, without what is not known. */
void image_symvers_report_print(const struct image_symvers_report *rep, struct strbuf *out);
void image_symvers_report_free(struct image_symvers_report *rep);

#endif
