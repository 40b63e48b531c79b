/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One build under way: what the stages from prepare to publish hand on. */
#ifndef PMKMOD_JOB_H
#define PMKMOD_JOB_H

#include "pmkmod/build/assemble.h"
#include "pmkmod/fit/fit.h"

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
	char *source_dir; /* host path of the copy that is built: <work>/build/src */
	char *kbuild_dir; /* host path of the folder with the Kbuild file */
	char *out_dir; /* host path of <work>/build/out */
	char *log_path;
	int log_fd;
	bool native_helpers; /* the kernel's helper programs ran without emulation */
	struct strvec ko; /* host paths of the stripped .ko files in out_dir */
	struct fit_report report;
};

/* prepare.c: the work folder, the source in it, patches applied. */
int job_prepare(struct job *j, struct err *e);
/* kbuild.c: make, find the .ko files, strip them. Exit codes 10 and 7. */
int job_build(struct job *j, struct err *e);
/* check.c: the fit report; -EBADE with exit code 35 if the kernel would refuse the module. */
int job_check(struct job *j, struct err *e);
void job_free(struct job *j);

/* diagnose.c: the first thing that went wrong in a kbuild log; the caller frees what is set. */
struct diagnosis {
	char *where; /* "file.c:12" relative to the module's source, NULL: nowhere in particular */
	char *what; /* the compiler's or make's words */
	char *remedy; /* NULL: none known */
};
/* True if something was found. */
bool diagnose_log(const char *text, struct diagnosis *out);
void diagnosis_free(struct diagnosis *d);

#endif
