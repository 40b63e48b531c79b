/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One build under way: what the stages from prepare to publish hand on. */
#ifndef PMKMOD_JOB_H
#define PMKMOD_JOB_H

#include "pmkmod/build/assemble.h"
#include "pmkmod/build/steps.h"
#include "pmkmod/build/diagnose.h"
#include "pmkmod/export/export.h"
#include "pmkmod/fit/fit.h"
#include "pmkmod/preflight/preflight.h"

/* Where things are inside the sandbox. */
#define JOB_SOURCE "/build/src"
#define JOB_OUT "/build/out"

struct job {
	struct plan *plan;
	struct layers layers;
	struct work work;
	char *kernel_apk; /* host path of the phone's kernel package */
	struct kernel_headers headers;
	struct kconfig *kconfig;
	struct kernel_facts facts;
	struct preflight preflight;
	struct compiler compiler; /* that builds; family COMPILER_UNKNOWN: it did not say */
	struct job_symvers { /* the exports that the check has looked at */
		bool of_image; /* not those the module was built with */
		size_t exports, of_modules, without_crc;
	} symvers;
	char *banner; /* of the kernel image; NULL: not asked for or not found */
	char *source_dir; /* host path of the copy that is built: <work>/build/src */
	char *kbuild_dir; /* host path of the folder with dkms.conf, AKMBUILD or Makefile */
	struct steps steps; /* how it is built */
	char *extra_symbols; /* KBUILD_EXTRA_SYMBOLS: paths inside, of the modules it depends on */
	bool has_surroundings; /* the build sees those (surroundings.c) */
	char *out_dir; /* host path of <work>/build/out */
	char *log_path;
	int log_fd;
	bool native_helpers; /* the kernel's helper programs ran without emulation */
	struct strvec ko; /* host paths of the stripped .ko files in out_dir */
	struct job_extras { /* what goes into the package beside them */
		struct strvec overlays; /* host paths of .dtbo files */
		struct export_firmware *firmware; /* files that are known to be in a package */
		size_t n_firmware;
		struct apk_pkg *packages; /* those packages: name, version and architecture */
		size_t n_packages;
		struct strvec
			missing; /* "module: file" of each file that no package is known for */
		struct strvec notes; /* "word      text", for whoever has the package built */
		bool initramfs_firmware; /* see struct export_spec */
	} extras;
	struct fit_report report;
	struct diagnosis diagnosis; /* of the stage that failed; no cause: nobody looked for one */
};

/* prepare.c: the work folder, the source in it, patches applied. */
int job_prepare(struct job *j, struct err *e);
/*
 * patch.c: apply one unified or context diff (-p1) to `folder`, of the source that is built, in the
 * sandbox.
 * `patch`: its host path, in the source or anywhere; `shown` names it in messages. Exit code 5: it
 * is not there, or it or a file it changes is outside of the source; 6: it does not apply, with the
 * file, the hunk and the reject in the message.
 */
int job_patch(
	struct job *j, const char *folder, const char *patch, const char *shown, struct err *e);
/* patch.c: the recipe's patches that are for this kernel, in its order. */
int job_patches(struct job *j, struct err *e);
/*
 * preflight_stage.c: what the kernel's configuration asks, into the log; notes to the porter; what
 * cannot work is refused (-ENOTSUP; exit code 77, 21 without symbol versions) unless --force is
 * given.
 */
int job_preflight(struct job *j, struct err *e);
/* The compiler of the build against the kernel's; needs the work folder. Exit code 33. */
int job_match_compiler(struct job *j, struct err *e);
/* After the check, with --force: what was refused before is part of the report. */
void job_report_forced(struct job *j);
/* kbuild.c: the folder of j->kbuild_dir as the sandbox has it; caller frees. */
char *job_inside(const struct job *j);
/* Was a module of that name (a recipe's, or DKMS's) built for this kernel? */
bool job_has_module(struct job *j, const char *name);
/* kbuild.c: make, find the .ko files, strip and sign them. Exit codes 10 and 7. */
int job_build(struct job *j, struct err *e);
/*
 * Run one command in the build's sandbox; its output goes to the log, or with `kept` there. Returns
 * the exit status, or -ENOENT if there is no such program.
 */
int job_run(struct job *j, const struct strvec *argv, const char *cwd, struct strbuf *kept,
	struct err *e);
/*
 * job_diagnose.c: why the step that just failed did, from the log and all that is known of the
 * build, into j->diagnosis and as hints of `e`; returns the error's code.
 */
int job_diagnose(struct job *j, struct err *e);
/*
 * A failure that nobody has diagnosed: by the log where there is one, else by the exit code. What
 * that adds to the sentence becomes a hint.
 */
void job_diagnose_failure(struct job *j, struct err *e);
/*
 * overlays.c: compile the recipe's device-tree sources into .dtbo files. Exit code 10, and 33 if
 * there is no dtc.
 */
int job_overlays(struct job *j, struct err *e);
/*
 * firmware.c: which packages of the channel have the files that the modules ask for: candidates are
 * fetched and looked into. Exit code 13: a package that the recipe names is in none of the
 * repositories.
 */
int job_firmware(struct job *j, struct err *e);
void job_extras_free(struct job_extras *x);
/* signing.c: sign the stripped modules, if there is a key and the kernel looks at signatures. */
int job_sign(struct job *j, struct err *e);
/* signing.c: whether the phone's kernel image has the certificate of the key in it. */
int job_key_is_trusted(struct job *j, bool *known, bool *trusted, struct err *e);
/* check.c: the fit report; -EBADE with exit code 35 if the kernel would refuse the module. */
int job_check(struct job *j, struct err *e);
/*
 * check_package.c: one more point of the report, by apk's rules, of the package that is being made
 * (export_spec's `judge`; `ctx` is the job); -EBADE with exit code 35 if the phone's apk would not
 * install it, or not let it go.
 */
int job_check_package(void *ctx, const struct apk_pkg *p, const struct apk_pkg *beside,
	size_t n_beside, struct package_summary *summary, struct err *e);
/* export_stage.c: make the package, publish it, remember what came out of the cell. */
struct cell_result;
int job_export(struct job *j, struct cell_result *result, struct err *e);
void job_free(struct job *j);

/* summary.c: what goes into the package, and the report that lies beside it. */
void job_count_symvers(struct job *j, const struct symvers *s, bool of_image);
/* All but the package's name and version; summary_free() is the caller's. */
int job_summary(const struct job *j, struct package_summary *out, struct err *e);
/* The plan's words for the source, as the package has them; caller frees. */
char *plan_source_words(const struct plan *p);
/* Of the fit report, as it is by now. */
void job_summarize_report(const struct job *j, struct package_summary *out);
/* Write the whole fit report beside the package just made; it says whose it is. */
int job_write_report(const struct job *j, const struct export_result *made, struct err *e);

#endif
