/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Will the phone's kernel take this module? Each point: pass, fail or cannot know. */
#ifndef PMKMOD_FIT_H
#define PMKMOD_FIT_H

#include <stdbool.h>
#include <stdint.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/kernel/kernel.h"
#include "pmkmod/sign/sign.h"

/* ---- ko.c: one .ko file (plain, gz, xz, zst), read with libelf ---- */
struct ko_symbol {
	char *name;
	uint32_t crc; /* from __versions (or __version_ext_*), valid if has_crc */
	bool has_crc, weak;
};
struct ko_version {
	char *name;
	uint64_t crc; /* the kernel compares all bits of its unsigned long */
};
struct ko_export {
	char *name, *ns; /* ns "": in no namespace */
	uint32_t crc; /* valid if has_crc */
	bool has_crc, gpl;
};
/* Relocations of one kind that the loader would look at. */
struct ko_reloc {
	uint32_t type;
	bool rela; /* with addend (SHT_RELA) */
	size_t count;
	char *section; /* which the first of them is for */
};
/* Instructions that tell how the code was compiled; arm64 alone. */
struct ko_code {
	size_t scs_pushes; /* str x30, [x18], #8: a shadow call stack */
	size_t pac; /* paciasp, which CONFIG_UNWIND_PATCH_PAC_INTO_SCS turns into that */
	size_t frames; /* stp x29, x30, [sp, ...]: functions that call others */
	size_t x18_writes; /* other instructions that change x18 */
	size_t kcfi_checks; /* brk #0x8000 to #0x83ff: indirect calls checked by kCFI */
	size_t task_guards; /* reads of sp_el0: the task, where a guard per task is, too */
};
/* What it asks of the kernel's memory. */
struct ko_memory {
	uint64_t size; /* of all that is loaded, per-CPU data apart; UINT64_MAX: more than there is
			*/
	uint64_t align; /* the largest alignment among that */
	uint64_t percpu, percpu_align; /* of .data..percpu; 0: there is none */
	char *writable_code; /* a section that may be both written and executed; NULL: none */
	char *stray; /* the function to start or to end with is nowhere: how; NULL: it is there */
	char *not_code; /* it is in a section that cannot be executed: which; NULL: it can */
	bool init_is_there; /* the function to start with is code that is in the file */
	uint32_t init_begins; /* its first four bytes */
	size_t name_at; /* where struct module has the name, unless structures are randomized */
	bool name_empty, name_endless; /* what is there then */
};
struct ko {
	char *path;
	char *name; /* modinfo name=, else the file's base name with '-' -> '_' */
	uint16_t elf_machine, elf_type;
	uint8_t elf_class, elf_data;
	char *vermagic, *license, *version, *description, *srcversion; /* NULL if absent */
	struct strvec depends; /* modinfo depends= */
	struct strvec softdeps; /* names of the first modinfo softdep=, which alone counts */
	size_t n_softdeps; /* how many of those lines there are */
	struct strvec aliases, firmware, import_ns;
	struct ko_symbol *undefined; /* what the kernel or another module must supply */
	size_t n_undefined;
	struct strvec exports; /* names this module exports (__ksymtab_*) */
	bool has_versions; /* has a __versions section with entries */
	bool has_debug; /* has .debug_* sections */
	uint32_t elf_flags;
	struct ko_version *versions; /* all of them in the file's order, "module_layout" too */
	size_t n_versions;
	bool has_versions_section; /* __versions is there, be it empty: same_magic()'s has_crcs */
	bool has_ext_versions; /* CRCs are from __version_ext_crcs, which the kernel prefers */
	struct ko_export *exported; /* the same as `exports`, with what is known of each */
	size_t n_exported;
	bool is_signed; /* ends with "~Module signature appended~\n" */
	char *signature_flaw; /* why the signature cannot be read (mod_check_sig()), NULL: none */
	char *common_symbol; /* a symbol in SHN_COMMON, which the loader refuses; NULL: none */
	uint64_t this_module_size; /* of .gnu.linkonce.this_module: sizeof(struct module) */
	bool intree;
	struct module_layout layout;
	uint64_t entry; /* e_entry */
	enum ko_compression compression; /* of the file, by its content */
	uint8_t xz_check; /* of a xz file, the kind of its checksum */
	struct ko_reloc *relocs;
	size_t n_relocs;
	char *reloc_flaw; /* a relocation of something outside of the file; NULL: none */
	char *reloc_nonzero; /* x86_64: one whose place is not zero; NULL: none */
	char *reloc_twice; /* arm, x86: the second one of a place, which does harm; NULL: none */
	char *reloc_lost; /* some that the loader leaves out or applies elsewhere; NULL: none */
	char *reloc_overflow; /* one whose value cannot fit; NULL: none */
	uint32_t reloc_overflow_type;
	bool reloc_overflow_unsure; /* that depends on what the kernel's symbol is */
	char *reloc_stray; /* a branch to where there is nothing; NULL: none */
	char *reloc_not_code; /* a branch into a section that cannot be executed; NULL: none */
	struct strvec sections; /* names of all sections, allocated or not */
	struct ko_memory memory;
	struct ko_code code;
	char *btf, *btf_base; /* contents of .BTF and .BTF.base; NULL: there is none */
	size_t btf_len, btf_base_len;
	bool has_cfi_check; /* defines __cfi_check(): clang's CFI before 6.1 */
	bool has_cfi_preamble; /* defines __cfi_init_module: x86's kCFI */
	/* what is in it twice, or not marked as what it is, and newer kernels refuse; NULL: nothing
	 */
	const char *twice, *unmarked;
	bool is_livepatch; /* modinfo livepatch= */
};
/*
 * 0, or a sentence: -EBADMSG not ELF, damaged or cut off; -EINVAL ELF but no kernel module (an
 * executable, an object that modpost has not finished, a stripped one); -EFBIG; or why it cannot be
 * read. Format knowledge: setup_load_info(), simplify_symbols() in kernel/module/main.c, struct
 * modversion_info in include/linux/module.h, include/linux/export-internal.h.
 */
int ko_read(struct ko *k, const char *path, struct err *e);
/* As ko_read(), from bytes the caller keeps; `path` only names the module. */
int ko_parse(struct ko *k, const char *path, const void *bytes, size_t len, struct err *e);
void ko_free(struct ko *k);

struct json_object;
struct kernel_modules_source;

enum fit_result { FIT_PASS, FIT_FAIL, FIT_UNKNOWN };
struct fit_point {
	char *module; /* which .ko */
	const char *point; /* "machine", "vermagic", "symbols", "crc", "depends", ... */
	enum fit_result result;
	char *text; /* a sentence; for FAIL what is wrong and what would help */
	size_t path; /* number of the path it is about; SIZE_MAX: of none */
};
struct fit_report {
	struct fit_point *points;
	size_t n_points;
	struct strvec unresolved; /* "module: symbol" of each undefined symbol nobody exports */
	struct strvec loads; /* "module: other" of each that modprobe loads with it, in its order */
	size_t n_fail, n_unknown;
};

/* What is known of the kernel; NULL members are not known. All borrowed. */
struct fit_kernel {
	const struct arch_info *arch;
	const char *release;
	const char *vermagic; /* the kernel's own, from a shipped module */
	const char *vermagic_source; /* where that came from, for the report */
	const struct kconfig *config;
	const struct symvers *symvers; /* the kernel's and its modules' exports */
	bool symvers_partial; /* of the kernel alone: what its modules export is not known */
	const struct symvers *extra; /* exports of other out-of-tree modules it depends on */
	const struct kernel_facts *facts;
	/* Where the modules that the facts name can be read, once at most; needs the facts. */
	const struct kernel_modules_source *modules;
	/*
	 * Path of its image, or of the package with it. Read once at most, when an answer hangs on
	 * it: certificates, names of parameters and type information lie in it.
	 */
	const char *image;
	/* names that its parameters have (kernel/params.c), so that no module can; NULL: not known
	 */
	const struct strvec *taken;
	const struct sign_key *sign_key; /* the key that signed the modules, NULL: none */
	enum fit_result key_is_trusted; /* does the kernel have its certificate? */
};

/*
 * Judge the modules of one build together (they may use each other's symbols). Points: ELF class,
 * machine and type; vermagic piece by piece; every undefined symbol exported by the kernel, a
 * shipped module, or another module here; its CRC where the kernel has MODVERSIONS; GPL-only
 * symbols against the licence; symbol namespaces; the modules that must be loaded before it, as
 * depmod and modprobe find them; aliases that others claim too; signature required
 * (MODULE_SIG_FORCE, lockdown); what unpacks the file; relocations and the sections their
 * trampolines need; memory, and what may be done there; the places in struct module; type
 * information (BTF); control flow integrity, landing pads, shadow call stack and stack protector
 * against the kernel's.
 */
int fit_check(const struct fit_kernel *k, const struct strvec *ko_paths, struct fit_report *out,
	struct err *e);
/* One more point, found by somebody else; `point` must stay, `text` is copied. */
void fit_report_add(struct fit_report *r, const char *module, const char *point,
	enum fit_result result, const char *text);
/* "fits", "does not fit", "fits as far as can be known" */
const char *fit_verdict(const struct fit_report *r);
/* "pass", "FAIL", "unknown" by enum fit_result, for people */
extern const char *const fit_result_words[];
/* The whole report as text, one point a line; caller frees. */
char *fit_report_text(const struct fit_report *r);
/*
 * The same for programs: {"verdict", "pass", "fail", "unknown", "points": [{"module", "point",
 * "result", "text"}], "unresolved": [...], "loads": [...]}. json_object_put() is the caller's.
 */
struct json_object *fit_report_json(const struct fit_report *r);
void fit_report_free(struct fit_report *r);

#endif
