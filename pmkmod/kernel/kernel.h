/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of one phone's kernel: its release, configuration, exports and shipped modules. */
#ifndef PMKMOD_KERNEL_H
#define PMKMOD_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "chroot/base/err.h"
#include "chroot/base/hash.h"
#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"

/* ---- kconfig.c: a kernel's .config ---- */
struct kconfig; /* symbol -> value, without CONFIG_ */
int kconfig_read(struct kconfig **out, const char *path, struct err *e); /* plain or gzip */
int kconfig_parse(struct kconfig **out, const char *text, size_t len, struct err *e);
/*
 * As kconfig_parse(), but only what is said of `symbols` (a NULL-terminated list) is kept: several
 * times faster, for who looks into hundreds of configurations. None of them in it is no error, but
 * a text without any CONFIG_ line is.
 */
int kconfig_parse_only(struct kconfig **out, const char *text, size_t len,
	const char *const *symbols, struct err *e);
/* "y", "m", a number or the text of a string without its quotes; NULL: not set. Borrowed. */
const char *kconfig_get(const struct kconfig *c, const char *symbol);
bool kconfig_yes(const struct kconfig *c, const char *symbol); /* =y */
bool kconfig_on(const struct kconfig *c, const char *symbol); /* =y or =m */
/* Is the symbol named at all, also as "is not set"? Tells kernels that know it from those before.
 */
bool kconfig_known(const struct kconfig *c, const char *symbol);
void kconfig_free(struct kconfig *c);

enum ko_compression { KO_PLAIN, KO_GZIP, KO_XZ, KO_ZSTD };
extern const char *const ko_compression_suffix[]; /* "", ".gz", ".xz", ".zst" */
/* Length of a module file's path without ".ko" and what compression adds; 0: it is no module. */
size_t ko_stem(const char *path);
/* How this kernel's modules_install compresses (all spellings from 3.x to 6.12+). */
enum ko_compression kconfig_module_compression(const struct kconfig *c);
/*
 * What the kernel's vermagic must be, from release and configuration (include/linux/vermagic.h and
 * asm/vermagic.h of that version); NULL with *why where the architecture's part cannot be derived.
 */
char *kconfig_vermagic(
	const struct kconfig *c, const char *release, const struct arch_info *arch, char **why);
/* "6.1.0-50-arm64" -> 0x060100 (major, minor, patch; 255 at most each); 0 if it is no release. */
uint32_t kernel_version_code(const char *release);
#define KERNEL_VERSION_CODE(major, minor) (((uint32_t)(major) << 16) | ((uint32_t)(minor) << 8))

/* ---- symvers.c: Module.symvers of any age (3 to 5 columns) ---- */
struct symvers_entry {
	const char *name;
	uint32_t crc;
	const char *owner; /* "vmlinux" or a module path */
	const char *export; /* "EXPORT_SYMBOL_GPL", ...; "" if the file has no such column */
	const char *ns; /* symbol namespace, "" if none */
};
struct symvers;
/* Several files may be read into one table; a later definition of a name is kept beside. */
int symvers_new(struct symvers **out);
int symvers_read(struct symvers *s, const char *path, struct err *e);
const struct symvers_entry *symvers_find(const struct symvers *s, const char *name);
/* The definition of the same name that was kept beside `entry`; NULL: no more. */
const struct symvers_entry *symvers_next(
	const struct symvers *s, const struct symvers_entry *entry);
/* As symvers_read(), from bytes; `shown` names them in messages. */
int symvers_parse(
	struct symvers *s, const char *shown, const char *text, size_t len, struct err *e);
/* The same, but the bytes, with a NUL behind them, are taken over, also on an error. */
int symvers_take(struct symvers *s, const char *shown, char *text, size_t len, struct err *e);
size_t symvers_count(const struct symvers *s);
/* One of them, in the order they were read. */
const struct symvers_entry *symvers_at(const struct symvers *s, size_t i);
/* True when every CRC is zero: the kernel has no MODVERSIONS. */
bool symvers_all_zero(const struct symvers *s);
void symvers_free(struct symvers *s);

/* ---- facts.c: what only the shipped kernel package can say, read from it once ---- */
/* struct module as one module has it; 0: that module does not tell. */
struct module_layout {
	uint64_t size; /* sizeof(struct module) */
	uint64_t init, exit, name; /* offsets of the members that are filled in before loading */
	uint32_t init_hash; /* the word before init_module(): its type's hash with kCFI */
};
struct kernel_facts {
	char *release; /* usr/share/kernel/<flavor>/kernel.release; NULL if there is none */
	char *vermagic; /* of a shipped module; NULL if it ships none */
	char *config_name; /* name inside the package of its boot/config*, NULL if none */
	char *image_name; /* name inside the package of the kernel image, NULL if none */
	char *symvers_name; /* name inside the package of its Module.symvers, NULL if none */
	struct strvec modules; /* path of every shipped module below lib/modules/<release>/ */
	struct strvec builtin; /* modules.builtin lines */
	uint64_t modules_order; /* 1: modules.order is there, without which Alpine runs no depmod */
	/*
	 * "name.parameter", and "name" for a version, of what is built in (modules.builtin.modinfo,
	 * since 5.2): what the kernel makes /sys/module/<name> for
	 */
	struct strvec builtin_attributes;
	uint64_t this_module_size; /* sizeof(struct module), from that shipped module; 0: not known
				    */
	struct module_layout layout; /* of shipped modules; the first may lack a member */
	struct strvec trampolines; /* sections of that module that only the loader uses */
};
/*
 * Where something that was read of a kernel package is kept: its identity says which package, the
 * flavor (may be NULL) which of its kernels. Caller frees.
 */
char *kernel_cache_path(
	const char *dir, const struct hash *identity, const char *flavor, const char *suffix);
/* Those that were kept in `cache_dir` before; -ENOENT: there are none. */
int kernel_facts_cached(struct kernel_facts *f, const struct hash *identity, const char *flavor,
	const char *cache_dir);
/*
 * Facts of the kernel package `apk_path`; `cache_dir` (may be NULL) keeps them under the package's
 * identity, so that the package is only read once. `flavor` may be NULL: any.
 */
int kernel_facts_read(struct kernel_facts *f, const char *apk_path, const struct hash *identity,
	const char *flavor, const char *cache_dir, struct err *e);
/*
 * What one of the kernel's own modules says of all of them; the bytes are taken over. False: it is
 * none. `machine` (may be NULL): ELF's e_machine.
 */
bool kernel_facts_add_module(struct kernel_facts *f, char *take, size_t len, uint16_t *machine);
/* Does the kernel ship a module of that name ('-' and '_' alike)? Built in counts too if asked. */
bool kernel_facts_has_module(const struct kernel_facts *f, const char *name, bool or_builtin);
void kernel_facts_free(struct kernel_facts *f);
/* How usual `base` is as the name of a kernel image, 0: the most; SIZE_MAX: it is none. */
size_t kernel_image_rank(const char *base);

/* ---- headers.c: an installed headers tree inside a layer ---- */
/* UTS_RELEASE in the text of include/generated/utsrelease.h; NULL: it has none. Caller frees. */
char *kernel_uts_release(const char *text);
struct kernel_headers {
	char *release; /* include/config/kernel.release or UTS_RELEASE of the tree */
	char *build_dir; /* path inside the root: /usr/src/linux-headers-... */
	char *config_path; /* host path of .config */
	char *symvers_path; /* host path of Module.symvers, NULL: none */
};
/*
 * Find the headers in the content folder(s) `layers` (topmost first): .../modules/<release>/build.
 * With `release` NULL exactly one must be there. -ENOENT with a sentence (exit code 21).
 */
int kernel_headers_find(
	struct kernel_headers *h, const struct strvec *layers, const char *release, struct err *e);
/*
 * Every program kbuild needs from the tree (scripts/basic/fixdep, scripts/mod/modpost, and by the
 * config: genksyms, recordmcount, sorttable, objtool, ...) must be there and of architecture
 * `arch` by ELF e_machine; otherwise an error that names it and what it is.
 */
int kernel_headers_check_programs(const struct kernel_headers *h, const struct strvec *layers,
	const struct arch_info *arch, const struct kconfig *config, struct err *e);
void kernel_headers_free(struct kernel_headers *h);

#define KERNEL_PROGRAMS_MAX 8
/* Which of a kernel's programs building a module runs, below its tree; returns how many. */
size_t kernel_programs_needed(const struct kconfig *c, const char *names[KERNEL_PROGRAMS_MAX]);

#endif
