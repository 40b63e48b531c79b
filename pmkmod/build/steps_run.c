// SPDX-License-Identifier: GPL-3.0-or-later
/* The steps of a dkms.conf, an AKMBUILD or a Makefile, in the sandbox. */
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"

/* A step that fails leaves its name here. */
#define FAILED JOB_RUN "/failed"

char *steps_failed(const struct job *j)
{
	_cleanup_free_ char *path = path_join(j->work.dir, "build/run/failed"), *text = NULL;

	if (fs_read_regular(path, 4096, &text, NULL, NULL) < 0 || !*str_strip(text))
		return NULL;
	return xstrdup(str_strip(text));
}

/* NAME='value' of the shell. */
static void assign(struct strbuf *b, const char *name, const char *value)
{
	strbuf_addf(b, "%s=", name);
	strbuf_add_quoted(b, value);
	strbuf_addc(b, '\n');
}

static int run_script(struct job *j, const char *shell, const char *text, struct err *e)
{
	_cleanup_free_ char *dir = job_inside(j);
	_cleanup_strvec_ struct strvec argv = {0};
	int r = surroundings_script(j, "build", text, e);

	if (r < 0)
		return r;
	strvec_add(&argv, shell);
	strvec_add(&argv, JOB_RUN "/build");
	return job_run(j, &argv, dir, NULL, e);
}

/* ---- a Makefile of the source's own ---- */

/* What its ./configure is to find: the compiler for the phone, where autoconf looks for it. */
static void add_configure(const struct job *j, struct strbuf *b)
{
	const char *cross = j->plan->cross;

	strbuf_addf(b,
		"echo \"# configure\"\n"
		"chmod +x configure\n"
		"CC=%s%s ./configure --host=%.*s || { s=$?; echo configure >" FAILED
		"; exit $s; }\n",
		j->preflight.clang ? "" : cross, j->preflight.clang ? "clang" : "gcc",
		(int)(*cross ? strlen(cross) - 1 : 0), cross);
}

int steps_run_make(struct job *j, struct err *e)
{
	const struct steps *s = &j->steps;
	_cleanup_strbuf_ struct strbuf b = {0};

	if (s->configure)
		add_configure(j, &b);
	strbuf_adds(&b, "exec make");
	for (size_t i = 0; i < s->overrides.n; i++) {
		strbuf_addc(&b, ' ');
		strbuf_add_quoted(&b, s->overrides.v[i]);
	}
	if (s->target) {
		strbuf_addc(&b, ' ');
		strbuf_add_quoted(&b, s->target);
	}
	strbuf_addc(&b, '\n');
	return run_script(j, "/bin/sh", b.s, e);
}

/* ---- dkms.conf ---- */

/* dkms runs a hook if its first word is a program of the source, else it says so and goes on. */
static const char dkms_functions[] =
	"hook() {\n"
	"	local name=$1 run=$PWD/$2 status\n"
	"	echo \"# $name: $2\"\n"
	"	if [[ ! -x ${run%% *} ]]; then\n"
	"		echo \"pmkmod: $name is not run: ${2%% *} is not an executable of the source\"\n"
	"		return 0\n"
	"	fi\n"
	"	(exec $run)\n"
	"	status=$?\n"
	"	((status == 0)) || { echo \"$name\" >" FAILED "; exit $status; }\n"
	"}\n";

static void add_hook(struct strbuf *b, const char *name, const char *command)
{
	if (!command || !*command)
		return;
	strbuf_addf(b, "hook %s ", name);
	strbuf_add_quoted(b, command);
	strbuf_addc(b, '\n');
}

/* DKMS adds the number of jobs and the kernel's release to a make that comes first. */
static char *dkms_command(const struct job *j)
{
	const char *make = j->steps.dkms.make;
	const char *rest = make + strlen("make");

	if (!starts_with(make, "make") || (*rest && *rest != ' ' && *rest != '\t'))
		return xstrdup(make);
	if (j->plan->x->jobserver)
		return xasprintf("make KERNELRELEASE=%s%s", j->headers.release, rest);
	return xasprintf(
		"make -j%u KERNELRELEASE=%s%s", j->plan->x->jobs, j->headers.release, rest);
}

/* What of DKMS's own variables a command or a script can refer to. */
static void assign_dkms(const struct job *j, struct strbuf *b)
{
	const struct dkms_conf *c = &j->steps.dkms;
	_cleanup_free_ char *config = path_join(j->headers.build_dir, ".config");
	const struct {
		const char *name, *value;
	} all[] = {{"kernelver", j->headers.release}, {"arch", j->plan->device.arch->uname},
		{"kernel_source_dir", j->headers.build_dir}, {"kernel_config", config},
		{"dkms_tree", "/var/lib/dkms"}, {"source_tree", "/usr/src"},
		{"install_tree", "/lib/modules"}, {"module", c->name},
		{"module_version", c->version}, {"PACKAGE_NAME", c->name},
		{"PACKAGE_VERSION", c->version}};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		assign(b, all[i].name, all[i].value);
	strbuf_addf(b, "parallel_jobs=%u\n", j->plan->x->jobs);
}

int steps_run_dkms(struct job *j, struct err *e)
{
	const struct dkms_conf *c = &j->steps.dkms;
	_cleanup_free_ char *command = dkms_command(j);
	_cleanup_strbuf_ struct strbuf b = {0};

	strbuf_adds(&b, "unset CC CXX CFLAGS CXXFLAGS LDFLAGS\numask 022\n");
	assign_dkms(j, &b);
	strbuf_adds(&b, dkms_functions);
	add_hook(&b, "PRE_BUILD", c->pre_build);
	assign(&b, "command", command);
	strbuf_adds(&b, "echo \"# MAKE: $command\"\n"
			"eval \"{ $command; }\" || { s=$?; echo MAKE >" FAILED "; exit $s; }\n");
	add_hook(&b, "POST_BUILD", c->post_build);
	add_hook(&b, "PRE_INSTALL", c->pre_install);
	add_hook(&b, "POST_INSTALL", c->post_install);
	return run_script(j, "bash", b.s, e);
}

/* ---- AKMBUILD ---- */

/* As akms-build does: the file may replace build(), not what it does by default. */
static const char akms_functions[] = "set -eu\n"
				     "(set -o pipefail) 2>/dev/null && set -o pipefail\n"
				     "build() { default_build; }\n"
				     ". ./AKMBUILD\n"
				     "default_build() {\n"
				     "	touch \"$builddir/Makefile\"\n"
				     "	make -C \"$kernel_srcdir\" M=\"$builddir\" modules\n"
				     "}\n"
				     "build\n";

int steps_run_akms(struct job *j, struct err *e)
{
	_cleanup_free_ char *dir = job_inside(j);
	_cleanup_strbuf_ struct strbuf b = {0};

	assign(&b, "kernel_ver", j->headers.release);
	assign(&b, "kernel_srcdir", j->headers.build_dir);
	assign(&b, "builddir", dir);
	assign(&b, "srcdir", dir);
	strbuf_adds(&b, akms_functions);
	return run_script(j, "/bin/sh", b.s, e);
}
