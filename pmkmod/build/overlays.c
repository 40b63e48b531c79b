// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Device-tree overlays of a module, compiled as kbuild does it (scripts/Makefile.lib: cmd_dtc):
 * first the C preprocessor with the kernel's dt-bindings, then dtc, whose -@ keeps the labels that
 * a boot loader needs to apply an overlay.
 */
#include "pmkmod/build/overlays.h"

#include <sys/stat.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/kernel/root_path.h"
#include "pmkmod/util/exit_codes.h"

#define DTBO_MAX (16u << 20)
#define FDT_MAGIC "\xd0\x0d\xfe\xed"

struct overlay {
	struct job *j;
	const char *shown; /* as the recipe names it */
	char *source; /* inside the sandbox */
	char *folder; /* that it is in */
	char *name; /* of what comes out: "beepy-kbd.dtbo" */
	struct strvec includes; /* folders inside the sandbox */
};

static void overlay_free(struct overlay *o)
{
	free(o->source);
	free(o->folder);
	free(o->name);
	strvec_free(&o->includes);
}

/* ---- where things are ---- */

static bool is_there(const char *path)
{
	struct stat st;

	/* a link is the sandbox's business */
	return lstat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

/* Beside the Kbuild file, or else from the top of the source. */
static int find_source(struct overlay *o, struct err *e)
{
	const struct job *j = o->j;
	const char *const tops[] = {j->kbuild_dir, j->source_dir};

	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		_cleanup_free_ char *host = path_join(tops[i], o->shown);

		if (!is_there(host))
			continue;
		o->source = xasprintf(JOB_SOURCE "%s", host + strlen(j->source_dir));
		o->folder = xstrndup(o->source, (size_t)(strrchr(o->source, '/') - o->source));
		return 0;
	}
	return err_exit(e, EXIT_NO_MODULE, -ENOENT,
		"%s: the source has no %s, which `overlays` of the recipe names",
		j->plan->module.name, o->shown);
}

char *overlay_name(const char *source)
{
	static const char *const endings[] = {"-overlay.dts", ".dts", ".dtso"};
	const char *base = path_base(source);
	size_t n = strlen(base);

	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (ends_with(base, endings[i])) {
			n -= strlen(endings[i]);
			break;
		}
	return xasprintf("%.*s.dtbo", (int)n, base);
}

static bool add_if_there(struct overlay *o, const char *dir, const char *below)
{
	_cleanup_(root_path_free) struct root_path p = {0};
	_cleanup_free_ char *path = path_join(dir, below);

	if (root_path_resolve(&p, &o->j->layers.target, path) < 0 || !S_ISDIR(p.st.st_mode))
		return false;
	strvec_add(&o->includes, p.inside);
	return true;
}

/*
 * Headers may be two folders: then dt-bindings is in the one that lib/modules/<release>/source, or
 * `source` of the build folder, leads to.
 */
static void find_includes(struct overlay *o)
{
	const struct kernel_headers *h = &o->j->headers;
	_cleanup_strvec_ struct strvec trees = {0};

	strvec_add(&trees, h->build_dir);
	strvec_addf(&trees, "%s/source", h->build_dir);
	strvec_addf(&trees, "/usr/lib/modules/%s/source", h->release);
	strvec_addf(&trees, "/lib/modules/%s/source", h->release);
	strvec_add(&o->includes, o->folder);
	for (size_t i = 0; i < trees.n; i++) {
		_cleanup_(root_path_free) struct root_path p = {0};
		_cleanup_free_ char *bindings = path_join(trees.v[i], "include/dt-bindings");

		if (root_path_resolve(&p, &o->j->layers.target, bindings) < 0)
			continue;
		add_if_there(o, trees.v[i], "scripts/dtc/include-prefixes");
		add_if_there(o, trees.v[i], "include");
		return;
	}
}

/* ---- running ---- */

/* The first line that says what is wrong, else the last one. Caller frees; NULL: nothing was said.
 */
static char *first_error(const char *output)
{
	_cleanup_strvec_ struct strvec lines = {0};

	if (output)
		strvec_split(&lines, output, "\r\n");
	for (size_t i = 0; i < lines.n; i++)
		if (strcasestr(lines.v[i], "error"))
			return xstrdup(lines.v[i]);
	return lines.n ? xstrdup(lines.v[lines.n - 1]) : NULL;
}

/* Returns the exit status; what was said goes to the log, and to `said`. */
static int run(struct overlay *o, const struct strvec *argv, struct strbuf *said, struct err *e)
{
	int status = job_run(o->j, argv, JOB_OUT, said, e);

	if (said->len)
		dprintf(o->j->log_fd, "%s\n", said->s);
	return status;
}

static int does_not_compile(const struct overlay *o, const char *program, int status,
	const struct strbuf *said, struct err *e)
{
	_cleanup_free_ char *why = first_error(said->s);

	err_exit(e, EXIT_BUILD_FAILED, -ECANCELED,
		"the overlay %s of %s does not compile (%s ended with status %d)", o->shown,
		o->j->plan->module.name, program, status);
	if (why)
		err_hint(e, "%s", why);
	return err_hint(e, "the whole log: %s", o->j->log_path);
}

static int preprocess(struct overlay *o, struct err *e)
{
	const struct job *j = o->j;
	_cleanup_strvec_ struct strvec argv = {0};
	_cleanup_strbuf_ struct strbuf said = {0};
	int status;

	if (j->preflight.clang)
		strvec_add(&argv, "clang");
	else
		strvec_addf(&argv, "%sgcc", j->plan->cross);
	strvec_add(&argv, "-E");
	strvec_add(&argv, "-nostdinc");
	for (size_t i = 0; i < o->includes.n; i++)
		strvec_addf(&argv, "-I%s", o->includes.v[i]);
	strvec_add(&argv, "-undef");
	strvec_add(&argv, "-D__DTS__");
	strvec_add(&argv, "-x");
	strvec_add(&argv, "assembler-with-cpp");
	strvec_add(&argv, "-o");
	strvec_addf(&argv, JOB_OUT "/%s.tmp", o->name);
	strvec_add(&argv, o->source);
	status = run(o, &argv, &said, e);
	return status > 0 ? does_not_compile(o, argv.v[0], status, &said, e) : status;
}

static void dtc_arguments(const struct overlay *o, struct strvec *argv)
{
	static const char *const fixed[] = {"-@", "-I", "dts", "-O", "dtb", "-b", "0"};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		strvec_add(argv, fixed[i]);
	for (size_t i = 0; i < o->includes.n; i++) {
		strvec_add(argv, "-i");
		strvec_add(argv, o->includes.v[i]);
	}
	strvec_add(argv, "-o");
	strvec_addf(argv, JOB_OUT "/%s", o->name);
	strvec_addf(argv, JOB_OUT "/%s.tmp", o->name);
}

static int no_dtc(const struct overlay *o, struct err *e)
{
	const struct plan *p = o->j->plan;

	err_exit(e, EXIT_SANDBOX, -ENOENT,
		"there is no dtc to compile the overlay %s with: neither a program of that name in the "
		"build root nor scripts/dtc/dtc in the kernel headers",
		o->shown);
	if (p->x->native_host)
		return err_hint(e, "on Debian: apt-get install device-tree-compiler");
	return err_hint(e,
		"`overlays =` of the channel %s names the package that has it: dtc on Alpine, "
		"device-tree-compiler on Debian",
		p->device.channel.name);
}

/* The distribution's, or the one kbuild has made for itself, which may be for another machine. */
static int compile(struct overlay *o, struct err *e)
{
	_cleanup_free_ char *kernels = path_join(o->j->headers.build_dir, "scripts/dtc/dtc");
	_cleanup_(root_path_free) struct root_path p = {0};
	const char *programs[] = {"dtc", NULL};

	if (root_path_resolve(&p, &o->j->layers.target, kernels) == 0 && S_ISREG(p.st.st_mode))
		programs[1] = p.inside;
	for (size_t i = 0; i < ARRAY_SIZE(programs) && programs[i]; i++) {
		_cleanup_strvec_ struct strvec argv = {0};
		_cleanup_strbuf_ struct strbuf said = {0};
		struct err why = ERR_INIT;
		int status;

		strvec_add(&argv, programs[i]);
		dtc_arguments(o, &argv);
		status = run(o, &argv, &said, &why);
		if (status == 0)
			return 0;
		if (status > 0)
			return does_not_compile(o, programs[i], status, &said, e);
		if (status != -ENOENT) {
			if (e)
				*e = why;
			return status;
		}
	}
	return no_dtc(o, e);
}

/* What came out is foreign: it must be a file, and an overlay. */
static int check(const struct overlay *o, const char *host, struct err *e)
{
	_cleanup_free_ char *data = NULL;
	struct stat st;
	size_t len;
	int r;

	if (lstat(host, &st) < 0 || !S_ISREG(st.st_mode))
		return err_exit(e, EXIT_BUILD_FAILED, -ENOENT,
			"dtc has made no %s of the overlay %s", o->name, o->shown);
	r = fs_read(host, DTBO_MAX, &data, &len, e);
	if (r < 0)
		return r;
	if (len >= strlen(FDT_MAGIC) && memcmp(data, FDT_MAGIC, strlen(FDT_MAGIC)) == 0 &&
		memmem(data, len, "__overlay__", strlen("__overlay__")))
		return 0;
	err_exit(e, EXIT_BUILD_FAILED, -EINVAL,
		"%s is a device tree, but no overlay: it changes no node of another one", o->shown);
	return err_hint(e, "an overlay begins with /dts-v1/; /plugin/; and has &LABEL { ... }; or "
			   "fragments with __overlay__");
}

static int make(struct job *j, const char *source, struct err *e)
{
	_cleanup_(overlay_free) struct overlay o = {
		.j = j, .shown = source, .name = overlay_name(source)};
	_cleanup_free_ char *host = path_join(j->out_dir, o.name);
	int r = find_source(&o, e);

	if (r == 0 && strvec_has(&j->extras.overlays, host))
		r = err_exit(e, EXIT_USAGE, -EEXIST, "%s: two of its overlays would be called %s",
			j->plan->module.recipe, o.name);
	if (r == 0)
		r = fs_remove_tree(host, e);
	if (r < 0)
		return r;
	find_includes(&o);
	r = preprocess(&o, e);
	if (r == 0)
		r = compile(&o, e);
	if (r == 0)
		r = check(&o, host, e);
	if (r == 0)
		strvec_add(&j->extras.overlays, host);
	return r;
}

int job_overlays(struct job *j, struct err *e)
{
	const struct strvec *sources = &j->plan->module.overlays;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sources->n; i++)
		r = make(j, sources->v[i], e);
	return r;
}
