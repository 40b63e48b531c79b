// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A Makefile may be the kernel's kind alone (obj-m and nothing else), or one that calls the
 * kernel's make itself, with settings of its own. Which of them, and by what target, make is asked:
 * with -q and -p it prints what it has read and runs nothing.
 */
#include <ctype.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"

#define MAKEFILE_MAX (1U << 20)
#define DATABASE_MAX (8U << 20)

/* No rule is for it, so that nothing is brought up to date. */
#define NO_TARGET ".pmkmod-no-target"

/* Does a rule begin here: "name:", not "name :=", "name::=" or an assignment with ':' in its value?
 */
static bool is_rule(const char *line)
{
	size_t n = strcspn(line, ":=#");

	if (n == 0 || line[n] != ':' || isspace((unsigned char)line[0]))
		return false;
	n += strspn(line + n, ":");
	return line[n] != '=';
}

/* The Makefile that make itself would take; NULL: there is none. Caller frees. */
static char *makefile_text(const char *dir)
{
	static const char *const names[] = {"GNUmakefile", "makefile", "Makefile"};
	char *text = NULL;

	for (size_t i = 0; !text && i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = path_join(dir, names[i]);

		fs_read(path, MAKEFILE_MAX, &text, NULL, NULL);
	}
	return text;
}

/* A Makefile that only says what kbuild shall build needs no guess, and no make to be run for it.
 */
static bool only_kbuild(const char *text)
{
	_cleanup_strvec_ struct strvec lines = {0};

	strvec_split(&lines, text, "\r\n");
	for (size_t k = 0; k < lines.n; k++)
		if (is_rule(lines.v[k]) || starts_with(lines.v[k], "include"))
			return false;
	return true;
}

/* Does it call the kernel's make? */
static bool calls_kernel(const char *text)
{
	return strstr(text, "M=") || strstr(text, "SUBDIRS=");
}

/* What the answer says of targets and of variables that the Makefile itself sets. */
struct answer {
	struct strvec targets;
	struct strvec names, values;
	bool kbuild; /* it has obj-m */
};

static void answer_free(struct answer *a)
{
	strvec_free(&a->targets);
	strvec_free(&a->names);
	strvec_free(&a->values);
}

/* "NAME = value", "NAME := value" of make's print. */
static void take_variable(struct answer *a, const char *line)
{
	size_t n = strcspn(line, " :=");
	const char *value = line + n + strspn(line + n, " :");

	if (n == 0 || *value != '=')
		return;
	value++;
	value += strspn(value, " ");
	strvec_take(&a->names, xstrndup(line, n));
	strvec_add(&a->values, value);
	if (starts_with(line, "obj-m ") && *value)
		a->kbuild = true;
}

static void parse(struct answer *a, const char *text)
{
	_cleanup_strvec_ struct strvec lines = {0};
	bool of_makefile = false, no_target = false;

	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		const char *line = lines.v[i];

		if (line[0] == '#') {
			of_makefile = starts_with(line, "# makefile (from");
			no_target = starts_with(line, "# Not a target");
			continue;
		}
		/* make sets the goal itself, to the first target it reads */
		if (of_makefile || starts_with(line, ".DEFAULT_GOAL "))
			take_variable(a, line);
		else if (!no_target && is_rule(line) && line[0] != '.' &&
			 !starts_with(line, "make: "))
			strvec_take(&a->targets, xstrndup(line, strcspn(line, ":")));
		of_makefile = no_target = false;
	}
}

static const char *value_of(const struct answer *a, const char *name)
{
	for (size_t i = 0; i < a->names.n; i++)
		if (streq(a->names.v[i], name))
			return a->values.v[i];
	return NULL;
}

static int ask(struct job *j, struct answer *a, struct err *e)
{
	_cleanup_free_ char *dir = job_inside(j);
	_cleanup_strvec_ struct strvec argv = {0};
	_cleanup_strbuf_ struct strbuf said = {0};
	int status;

	strvec_add(&argv, "make");
	strvec_add(&argv, "-rRpq");
	strvec_add(&argv, NO_TARGET);
	status = job_run(j, &argv, dir, &said, e);
	if (status < 0)
		return status;
	strbuf_addc(&said, '\0');
	parse(a, said.s);
	return 0;
}

/* ---- variables ---- */

/* What Makefiles call the kernel's folder and its release. */
static const char *const folder_names[] = {"KERNEL_SRC", "KERNELDIR", "KERNEL_DIR", "KDIR", "KSRC",
	"KERNEL_SOURCE", "KERNEL_SOURCE_DIR", "KERNELSRC", "KERNEL_PATH", "KERNEL_BUILD",
	"KERNEL_BUILD_PATH", "KERNEL_TREE", "LINUX_SRC", "LINUX_DIR", "LINUXDIR", "KBUILD_DIR",
	"KHDIR", "KBASE", "KPATH", "KERN_DIR", "KERNEL", "KERNELPATH", "kernel_source_dir", "kdir"};
static const char *const release_names[] = {"KVER", "KVERSION", "KVERS", "KREL", "KERNEL_RELEASE",
	"KERNEL_VERSION", "kernelver", "kver"};

static bool named(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (streq(names[i], name))
			return true;
	return false;
}

/* A folder that somebody's machine has, or that is asked of the running kernel. */
static bool wrong_folder(const struct job *j, const char *value)
{
	if (streq(value, j->headers.build_dir) || starts_with(value, JOB_SOURCE))
		return false;
	return value[0] == '/' || value[0] == '~' || starts_with(value, "$(HOME)") ||
	       strstr(value, "/lib/modules/") || strstr(value, "/usr/src/");
}

/* "6.1.21-v7+" of another machine; not a part of the right one, and not what is asked for. */
static bool wrong_release(const struct job *j, const char *value)
{
	return isdigit((unsigned char)value[0]) && strchr(value, '.') && strchr(value, '-') &&
	       !starts_with(j->headers.release, value);
}

static void find_overrides(struct job *j, const struct answer *a)
{
	for (size_t i = 0; i < a->names.n; i++) {
		const char *name = a->names.v[i], *value = a->values.v[i];
		const char *right = NULL;

		if (named(folder_names, ARRAY_SIZE(folder_names), name) && wrong_folder(j, value))
			right = j->headers.build_dir;
		if (named(release_names, ARRAY_SIZE(release_names), name) &&
			wrong_release(j, value))
			right = j->headers.release;
		if (right)
			strvec_addf(&j->steps.overrides, "%s=%s", name, right);
	}
}

/* ---- targets ---- */

/* The .ko that obj-m promises, as a target of the Makefile's own. */
static const char *ko_target(const struct answer *a)
{
	for (size_t i = 0; i < a->targets.n; i++)
		if (ends_with(a->targets.v[i], ".ko") && !strchr(a->targets.v[i], '%'))
			return a->targets.v[i];
	return NULL;
}

static const char *choose_target(const struct answer *a)
{
	static const char *const order[] = {"modules", "module", "default", "all"};
	const char *ko;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		/* what obj-m names comes before what else `all` may build */
		if (streq(order[i], "all") && (ko = ko_target(a)))
			return ko;
		if (strvec_has(&a->targets, order[i]))
			return order[i];
	}
	return NULL;
}

/* VERSION of the Makefile, where nothing else says one. */
static void take_version(struct job *j, const struct answer *a)
{
	const char *version = value_of(a, "VERSION");

	if (!j->plan->version && version && isdigit((unsigned char)version[0]) &&
		!strpbrk(version, " $("))
		j->plan->version = xstrdup(version);
}

int steps_guess_make(struct job *j, struct err *e)
{
	const struct module *m = &j->plan->module;
	_cleanup_(answer_free) struct answer a = {0};
	_cleanup_free_ char *configure = path_join(j->kbuild_dir, "configure");
	_cleanup_free_ char *text = makefile_text(j->kbuild_dir);
	const char *target, *goal;
	int r;

	j->steps.kind = STEPS_KBUILD;
	if (m->target) {
		j->steps.kind = STEPS_MAKE;
		j->steps.target = xstrdup(m->target);
	} else if (text ? only_kbuild(text) : !fs_exists(configure)) {
		return 0;
	}
	r = surroundings_make(j, e);
	if (r == 0)
		r = ask(j, &a, e);
	if (r < 0)
		return r;
	take_version(j, &a);
	j->steps.configure = !a.targets.n && !a.kbuild && fs_exists(configure);
	find_overrides(j, &a);
	/* what it will make is not known before */
	if (j->steps.configure)
		j->steps.kind = STEPS_MAKE;
	if (m->target || j->steps.configure)
		return 0;
	target = choose_target(&a);
	goal = value_of(&a, ".DEFAULT_GOAL");
	/* rules beside obj-m may be for a file or two of the module alone */
	if (!target && (!goal || !*goal || (a.kbuild && !calls_kernel(text ? text : ""))))
		return 0;
	j->steps.kind = STEPS_MAKE;
	j->steps.target = target ? xstrdup(target) : NULL;
	dprintf(j->log_fd, "# the Makefile's own target: %s\n", target ? target : goal);
	return 0;
}
