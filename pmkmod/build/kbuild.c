// SPDX-License-Identifier: GPL-3.0-or-later
/* The build stage: make in the sandbox, the .ko files that come out, stripped and signed. */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/util/command_output.h"
#include "pmkmod/util/exit_codes.h"

int job_run(struct job *j, const struct strvec *argv, const char *cwd, struct strbuf *kept,
	struct err *e)
{
	_cleanup_free_ char *build = path_join(j->work.dir, "build");
	_cleanup_free_ char *command = strvec_join(argv, " ");
	struct context *x = j->plan->x;
	struct command_output o = {.log_fd = j->log_fd,
		.verbose = x->verbose,
		.progress = &x->progress,
		.kept = kept,
		.kept_max = COMMAND_LOG_MAX};
	struct sandbox_result result = {0};
	struct build_root b;
	int r = build_root_init(&b, j->plan, &j->layers, j->headers.release, e);

	if (r < 0)
		return r;
	j->native_helpers = b.native_helpers;
	dprintf(j->log_fd, "# command: %s\n", command);
	build_root_bind(&b, build, "/build", true);
	b.spec.argv = (const char *const *)argv->v;
	b.spec.cwd = cwd;
	b.spec.output = command_output;
	b.spec.output_ctx = &o;
	r = run_in_sandbox(&b.spec, &result, e);
	if (r == 0)
		dprintf(j->log_fd, "# exit code: %d\n", result.status);
	command_output_free(&o);
	build_root_free(&b);
	if (r == -EFBIG)
		return err_set(e, r, "the build wrote more than %u MiB of output and was stopped",
			COMMAND_LOG_MAX >> 20);
	if (r == -ETIMEDOUT && e)
		e->exit_code = EXIT_TIMEOUT;
	return r < 0 ? r : result.status;
}

static int build_failed(struct job *j, int status, struct err *e)
{
	err_exit(e, EXIT_BUILD_FAILED, -ECANCELED,
		"%s does not build for %s (make ended with status %d)", j->plan->module.name,
		j->headers.release, status);
	return job_diagnose(j, e);
}

static int run_make(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	_cleanup_strvec_ struct strvec argv = {0};
	const char *inside = j->kbuild_dir + strlen(j->source_dir);
	int status;

	strvec_add(&argv, "make");
	strvec_addf(&argv, "-j%u", p->x->jobs);
	strvec_add(&argv, "-C");
	strvec_add(&argv, j->headers.build_dir);
	strvec_addf(&argv, "M=" JOB_SOURCE "%s", inside);
	strvec_addf(&argv, "ARCH=%s", p->device.arch->linux_arch);
	strvec_addf(&argv, "CROSS_COMPILE=%s", p->cross);
	strvec_add_all(&argv, &j->preflight.make_args);
	/* a symbol nobody exports is told by the check stage, with every name and a way out */
	strvec_add(&argv, "KBUILD_MODPOST_WARN=1");
	strvec_add_all(&argv, &p->module.make_args);
	strvec_add(&argv, "modules");
	status = job_run(j, &argv, JOB_SOURCE, NULL, e);
	if (status > 0)
		return build_failed(j, status, e);
	return status;
}

static int collect(struct job *j, const char *dir, struct err *e)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	int r = 0;

	if (!d)
		return err_errno(e, -errno, "cannot list '%s'", dir);
	while (r == 0 && (de = readdir(d))) {
		_cleanup_free_ char *path = path_join(dir, de->d_name);
		_cleanup_free_ char *to = NULL;
		struct stat st;

		if (streq(de->d_name, ".") || streq(de->d_name, "..") || lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			r = collect(j, path, e);
		if (!S_ISREG(st.st_mode) || !ends_with(de->d_name, ".ko"))
			continue;
		to = path_join(j->out_dir, de->d_name);
		if (fs_exists(to))
			r = err_set(e, -EEXIST, "the build made two modules called %s", de->d_name);
		else
			r = fs_copy_file(path, to, e);
		if (r == 0)
			strvec_take(&j->ko, steal_ptr(to));
	}
	closedir(d);
	return r;
}

static bool came_out(const struct job *j, const char *name)
{
	for (size_t i = 0; i < j->ko.n; i++) {
		const char *base = path_base(j->ko.v[i]);
		size_t n = strlen(name);

		if (strncmp(base, name, n) == 0 && streq(base + n, ".ko"))
			return true;
	}
	return false;
}

static int expect_modules(struct job *j, struct err *e)
{
	const struct module *m = &j->plan->module;

	if (e)
		e->exit_code = EXIT_NO_MODULE;
	if (!j->ko.n) {
		err_set(e, -ENOENT, "make succeeded, but %s has no .ko file afterwards", m->name);
		return err_hint(e,
			"perhaps its Makefile needs an option (`make =` of the recipe)\n"
			"the whole log: %s",
			j->log_path);
	}
	for (size_t i = 0; i < m->modules.n; i++)
		if (!came_out(j, m->modules.v[i]))
			return err_set(e, -ENOENT,
				"make succeeded, but %s.ko, which the recipe %s promises, is not there\n"
				"the whole log: %s",
				m->modules.v[i], m->recipe, j->log_path);
	if (e)
		e->exit_code = 0;
	return 0;
}

static int strip(struct job *j, struct err *e)
{
	_cleanup_strvec_ struct strvec argv = {0};
	int status;

	if (j->preflight.clang)
		strvec_add(&argv, "llvm-strip");
	else
		strvec_addf(&argv, "%sstrip", j->plan->cross);
	strvec_add(&argv, "--strip-debug");
	/* type information that goes with another vmlinux makes the kernel refuse the module */
	strvec_add(&argv, "--remove-section=.BTF");
	strvec_add(&argv, "--remove-section=.BTF.base");
	for (size_t i = 0; i < j->ko.n; i++)
		strvec_addf(&argv, JOB_OUT "/%s", path_base(j->ko.v[i]));
	status = job_run(j, &argv, JOB_OUT, NULL, e);
	if (status > 0) {
		return err_exit(e, EXIT_BUILD_FAILED, -ECANCELED,
			"%s failed with status %d\nthe whole log: %s", argv.v[0], status,
			j->log_path);
	}
	return status;
}

int job_build(struct job *j, struct err *e)
{
	int r = run_make(j, e);

	if (r == 0)
		r = collect(j, j->source_dir, e);
	if (r == 0)
		r = expect_modules(j, e);
	if (r < 0)
		return r;
	strvec_sort(&j->ko);
	r = strip(j, e);
	return r < 0 ? r : job_sign(j, e);
}
