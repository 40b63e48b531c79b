/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many devices, many modules. A *slot* is a device and a module; a *cell* is what has to be built
 * for it. Devices that share a kernel share cells, so there are fewer cells than slots.
 */
#ifndef PMKMOD_MATRIX_H
#define PMKMOD_MATRIX_H

#include <stdbool.h>
#include <stdint.h>

#include "chroot/base/err.h"
#include "chroot/base/hash.h"
#include "chroot/base/str.h"
#include "pmkmod/build/context.h"

enum cell_state {
	CELL_WAITING, /* it has to be built */
	CELL_RUNNING,
	CELL_BUILT, /* in this run */
	CELL_REUSED, /* built before, of the same inputs */
	CELL_FAILED, /* in this run, or before of the same inputs (`remembered`) */
	CELL_EXCLUDED, /* this kernel cannot take the module (exit code 77) */
	CELL_REFUSED, /* it cannot be tried: no headers, no such kernel, a profile's mistake */
	CELL_NOT_RUN, /* the run stopped before, or --only-failed was asked for */
	N_CELL_STATES
};
/* "waiting", "built", ... as reports and events say it. */
extern const char *const cell_state_names[N_CELL_STATES];

/* Texts that are not known are NULL. Lines of text end without a newline. */
struct matrix_cell {
	char *hash; /* hex; NULL: not known, because headers or modules it depends on have to be
		     * made first, or it is refused */
	char *plan; /* all that goes in, with m->keep_plans; else NULL */
	bool here; /* it is built where the keys are: it is signed, depends on what is not in the
		    * matrix, or its headers are made of files that lie beside a profile */
	uint32_t device, module; /* by which it is built: the first that has it */
	uint32_t kernel; /* equal numbers: the same kernel */
	enum cell_state state;
	bool remembered; /* of CELL_FAILED and CELL_EXCLUDED: from an earlier build */
	bool headers_first; /* the kernel's headers have to be made before anything is known */
	bool again; /* it is built although it failed before of the same inputs */
	bool tried; /* it failed before, for a reason that may pass (a download, a full disk) */
	int exit_code; /* 0, or as `pmkmod build` would end with */
	char *error; /* the sentence, with its hints as more lines */
	char *stage; /* "fetch", "build", ...: the one under way, or that failed */
	char *package, *version; /* of the package */
	char *apk; /* its file */
	char *release; /* of the kernel */
	char *verdict; /* fit_verdict(): "fits", ... */
	char *diagnosis; /* of a failure, as JSON on one line */
	double seconds; /* that it took in this run */
	double started; /* monotonic_seconds() */
};

struct matrix_device {
	char *name; /* as it is shown: "<device>", or "<device>:<variant>" */
	char *device; /* as `pmkmod build` takes it */
	char *choice; /* its --kernel; NULL: there is no need to choose */
	char *title, *arch, *channel;
	char *kernel, *kernel_version; /* package; version NULL: not known */
	const char *verdict; /* of pmaports ("ready", "source", ...); borrowed; NULL: not judged */
};

struct matrix_module {
	char *asked; /* as `pmkmod build` takes it */
	char *name, *title; /* title NULL: it has no recipe */
	struct strvec depends; /* names of modules that are built before it */
};

struct matrix {
	struct matrix_device *devices;
	size_t n_devices;
	struct matrix_module *modules;
	size_t n_modules;
	uint32_t *slots; /* [device * n_modules + module]: number of the cell */
	struct matrix_cell *cells;
	size_t n_cells;
	bool keep_plans; /* set before the survey */
	double seconds; /* that the run took */
	bool interrupted;
	bool again; /* some of it has to run again on other machines */
};

static inline struct matrix_cell *matrix_slot(const struct matrix *m, size_t device, size_t module)
{
	return &m->cells[m->slots[device * m->n_modules + module]];
}

struct matrix_counts {
	size_t cells[N_CELL_STATES], slots[N_CELL_STATES];
};
void matrix_count(const struct matrix *m, struct matrix_counts *out);
/* Path of the cell's log; NULL: it has none. Caller frees. */
char *matrix_cell_log(const struct context *x, const struct matrix_cell *c);
void matrix_free(struct matrix *m);

/*
 * select.c: what words mean, separated by commas or blanks, or, if there is a line end, a line
 * each. Each is a name, a pattern (`*`, `?`,
 * `[]`), `all`, or @FILE with one word a line; of devices also a category of pmaports (`community`)
 * or a verdict (`source`); with `!` before it what it means is left out. A module may be a source,
 * as `pmkmod build` takes it. Of a device with several kernels, none of them chosen, each is meant:
 * "<device>:<variant>". In the order they were named, each once. -ENOENT names all words that mean
 * nothing, with the nearest names (exit code 3); so does what leaves nothing (exit code 2).
 */
struct device_list;
int matrix_select_devices(
	struct strvec *out, struct device_list *all, const char *words, struct err *e);
int matrix_select_modules(struct strvec *out, struct context *x, const char *words, struct err *e);

/*
 * survey.c: choose devices and modules, plan every slot, look what is known of each cell. Runs
 * nothing, may fetch indexes. What is wrong with one device or slot is in its cell; only what
 * concerns all is an error.
 */
int matrix_survey(struct matrix *m, struct context *x, const char *devices, const char *modules,
	struct err *e);
/* Make the context's configuration choose the device's kernel, for device_load(). */
void matrix_choose_kernel(const struct context *x, const struct matrix_device *d);

/* ---- reports: files for people and programs, each written whole or not at all ---- */

/* report_json.c: one object, see pmkmod(1). */
int matrix_report_json(
	const struct matrix *m, const struct context *x, const char *path, struct err *e);
/* report_junit.c: a <testsuite> a device, a <testcase> a module. */
int matrix_report_junit(
	const struct matrix *m, const struct context *x, const char *path, struct err *e);
/* report_html.c: one page that needs nothing else. */
int matrix_report_html(
	const struct matrix *m, const struct context *x, const char *path, struct err *e);

#endif
