// SPDX-License-Identifier: GPL-3.0-or-later
/* Preflight in a build: what it needs to know is found, what it says is told. */
#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/base/sealed.h"
#include "pmkmod/build/job.h"
#include "pmkmod/image/image.h"
#include "pmkmod/kernel/root_path.h"
#include "pmkmod/util/exit_codes.h"

#define PLUGINS "scripts/gcc-plugins"
#define MACROS_MAX (1U << 20)
#define ANSWER_FIRST_LINE "pmkmod macros\n"
#define SEED "scripts/basic/randstruct.seed"

/* ---- what the headers have ---- */

static enum preflight_known has_file(const struct job *j, const char *name)
{
	_cleanup_(root_path_free) struct root_path p = {0};
	_cleanup_free_ char *path = path_join(j->headers.build_dir, name);

	return root_path_resolve(&p, &j->layers.target, path) == 0 && S_ISREG(p.st.st_mode)
		       ? PREFLIGHT_YES
		       : PREFLIGHT_NO;
}

/* A plugin is a library that the compiler loads: it must be for the compiler's own machine. */
static bool loads_into(const struct job *j, const char *name, const struct arch_info *a)
{
	_cleanup_(root_path_free) struct root_path p = {0};
	_cleanup_free_ char *path = xasprintf("%s/" PLUGINS "/%s", j->headers.build_dir, name);
	_cleanup_close_ int fd = -1;
	Elf32_Ehdr eh; /* as far as the machine both classes are the same */

	if (root_path_resolve(&p, &j->layers.target, path) < 0 || !S_ISREG(p.st.st_mode))
		return false;
	fd = open(p.host, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd >= 0 && pread(fd, &eh, sizeof(eh), 0) == (ssize_t)sizeof(eh) &&
	       memcmp(eh.e_ident, ELFMAG, SELFMAG) == 0 && eh.e_machine == a->elf_machine &&
	       eh.e_ident[EI_CLASS] == a->elf_class && eh.e_ident[EI_DATA] == a->elf_data;
}

static enum preflight_known has_plugins(const struct job *j)
{
	const struct plan *p = j->plan;
	const struct arch_info *a = p->emulate == EMULATE_TOOLS ? arch_native() : p->device.arch;
	_cleanup_free_ char *dir = path_join(j->headers.build_dir, PLUGINS);
	_cleanup_strvec_ struct strvec names = {0};
	size_t n = 0;

	root_path_list(&names, &j->layers.target, dir);
	for (size_t i = 0; i < names.n; i++) {
		if (!ends_with(names.v[i], ".so"))
			continue;
		if (!loads_into(j, names.v[i], a))
			return PREFLIGHT_NO;
		n++;
	}
	return n ? PREFLIGHT_YES : PREFLIGHT_NO;
}

/*
 * Configurations before 4.18 do not say which compiler built the kernel; the image's banner does.
 * An image that cannot be read leaves it unknown.
 */
static void find_banner(struct job *j)
{
	struct kernel_image im = {0};
	struct err why = ERR_INIT;
	struct compiler known;

	if (compiler_from_config(&known, j->kconfig))
		return;
	if (kernel_image_read(&im, j->kernel_apk, &why) < 0) {
		dprintf(j->log_fd, "# no banner of the kernel: %s\n", why.text);
		return;
	}
	j->banner = kernel_image_banner(&im);
	kernel_image_free(&im);
}

static void run_preflight(struct job *j, const struct compiler *ours)
{
	const struct plan *p = j->plan;
	struct preflight_input in = {.config = j->kconfig,
		.arch = p->device.arch,
		.release = j->headers.release,
		.banner = j->banner,
		.cross = p->cross,
		.have_sign_key = p->sign_key != NULL,
		.sign_key_implied = p->sign_key_implied,
		.sign_key_is_ec = p->sign_key && sign_key_is_ec(p->sign_key),
		.symvers = j->headers.symvers_path ? PREFLIGHT_YES : PREFLIGHT_NO,
		.seed = has_file(j, SEED),
		.plugins = has_plugins(j)};

	if (ours)
		in.ours = *ours;
	preflight_free(&j->preflight);
	preflight_check(&j->preflight, &in);
}

/* ---- telling ---- */

/* Who can help: these two lack something that can be supplied, the rest is the kernel's nature. */
static int exit_code_of(const char *point)
{
	static const struct {
		const char *point;
		int code;
	} codes[] = {{"modversions", EXIT_NO_HEADERS}, {"compiler", EXIT_SANDBOX}};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (streq(point, codes[i].point))
			return codes[i].code;
	return EXIT_EXCLUDED;
}

static int refuse(struct job *j, struct err *e)
{
	const struct preflight *f = &j->preflight;
	int code = 0;

	err_set(e, -ENOTSUP, "the kernel %s cannot take this module:", j->headers.release);
	for (size_t i = 0; i < f->n_points; i++) {
		if (f->points[i].result != PREFLIGHT_REFUSE)
			continue;
		if (!code)
			code = exit_code_of(f->points[i].name);
		err_hint(e, "  %s: %s", f->points[i].name, f->points[i].text);
	}
	err_hint(e, "nothing was built; --force builds it all the same");
	if (e)
		e->exit_code = code;
	return -ENOTSUP;
}

static void note(struct job *j, const struct preflight_point *p)
{
	if (p->result == PREFLIGHT_NOTE)
		progress_note(&j->plan->x->progress, "%s: %s", p->name, p->text);
	if (p->result == PREFLIGHT_REFUSE)
		progress_note(&j->plan->x->progress, "going on because of --force: %s: %s", p->name,
			p->text);
}

int job_preflight(struct job *j, struct err *e)
{
	_cleanup_free_ char *text = NULL;

	find_banner(j);
	run_preflight(j, NULL);
	text = preflight_text(&j->preflight);
	dprintf(j->log_fd, "# preflight\n%s", text);
	if (j->preflight.n_refused && !j->plan->x->force)
		return refuse(j, e);
	for (size_t i = 0; i < j->preflight.n_points; i++)
		note(j, &j->preflight.points[i]);
	return 0;
}

void job_report_forced(struct job *j)
{
	const struct preflight *f = &j->preflight;

	for (size_t i = 0; i < f->n_points; i++) {
		bool told = false;

		for (size_t k = 0; k < j->report.n_points; k++)
			told = told || (j->report.points[k].result == FIT_FAIL &&
					       streq(j->report.points[k].point, f->points[i].name));
		if (f->points[i].result == PREFLIGHT_REFUSE && !told)
			fit_report_add(&j->report, j->plan->module.name, f->points[i].name,
				FIT_FAIL, f->points[i].text);
	}
}

/* ---- the compiler ---- */

/* What kbuild will run: the recipe's CC= and LLVM= win, as they do on make's command line. */
static void compiler_command(const struct job *j, struct strvec *argv)
{
	const struct strvec *lists[] = {&j->preflight.make_args, &j->plan->module.make_args};
	_cleanup_free_ char *cc = NULL, *llvm = NULL;

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		for (size_t i = 0; i < lists[l]->n; i++) {
			const char *arg = lists[l]->v[i];

			if (starts_with(arg, "CC=")) {
				free(cc);
				cc = xstrdup(arg + strlen("CC="));
			} else if (starts_with(arg, "LLVM=")) {
				const char *v = arg + strlen("LLVM=");

				free(llvm);
				llvm = !*v ? NULL
					   : xasprintf("%sclang%s", ends_with(v, "/") ? v : "",
						     *v == '-' ? v : "");
			}
		}
	if (cc)
		strvec_split(argv, cc, " ");
	else if (llvm)
		strvec_add(argv, llvm);
	if (!argv->n)
		strvec_addf(argv, "%sgcc", j->plan->cross);
}

static int no_compiler(struct job *j, const char *program, struct err *e)
{
	_cleanup_free_ char *kernel = compiler_show(&j->preflight.compiler);

	err_exit(e, EXIT_SANDBOX, -ENOENT,
		"%s built the kernel %s, but there is no %s to build the module with", kernel,
		j->headers.release, program);
	return err_hint(
		e, j->plan->x->native_host && j->plan->emulate == EMULATE_TOOLS
			   ? "install it on this machine (for clang also lld and llvm)"
			   : "add its package to `native` of the channel, and to `build` for "
			     "`--emulate full` (for clang also lld and llvm)");
}

/*
 * Where the answer of a compiler is kept; NULL: it is to be asked each time. The layers that a root
 * is made of say which compiler its name means there; a path may lead into the source.
 */
static char *answer_path(const struct job *j, const struct strvec *argv)
{
	const struct plan *p = j->plan;
	_cleanup_free_ char *command = strvec_join(argv, " ");
	_cleanup_strbuf_ struct strbuf b = {0};
	char hex[HASH_HEX_MAX];
	struct hash h;

	if (strchr(command, '/') != strstr(command, "/dev/null") || p->host)
		return NULL;
	strbuf_addf(&b, "%s\n%s\n%s\n%s", p->native.n ? p->native_id : p->toolchain_id,
		p->kernel_id, emulate_names[p->emulate], command);
	hash_buf(HASH_SHA256, b.s, b.len, &h);
	hash_hex(&h, hex);
	return xasprintf("%s/compilers/%s", p->x->cache, hex);
}

static void keep_answer(const struct job *j, const char *path, const struct strbuf *macros)
{
	_cleanup_free_ char *dir = path_join(j->plan->x->cache, "compilers");

	_cleanup_strbuf_ struct strbuf b = {0};

	strbuf_adds(&b, ANSWER_FIRST_LINE);
	strbuf_add(&b, macros->s, macros->len);
	sealed_end(&b);
	/* only a shortcut */
	if (fs_mkdirs(dir, 0700, NULL) == 0)
		fs_write_atomic(path, b.s, b.len, 0644, NULL);
}

static bool kept_answer(const char *path, struct compiler *ours)
{
	_cleanup_free_ char *known = NULL;
	size_t len, body;

	if (!path || fs_read_regular(path, MACROS_MAX, &known, &len, NULL) < 0)
		return false;
	body = sealed_body(known, len, ANSWER_FIRST_LINE);
	if (!body)
		return false;
	known[body] = '\0';
	compiler_from_macros(ours, known + strlen(ANSWER_FIRST_LINE));
	return true;
}

/* Its predefined macros are what it is, however its packager words `--version`. */
static int ask_compiler(struct job *j, struct compiler *ours, struct err *e)
{
	static const char *const question[] = {"-dM", "-E", "-x", "c", "/dev/null"};
	_cleanup_strvec_ struct strvec argv = {0};
	_cleanup_strbuf_ struct strbuf macros = {0};
	_cleanup_free_ char *path = NULL;
	struct err why = ERR_INIT;
	int r;

	*ours = (struct compiler){0};
	compiler_command(j, &argv);
	for (size_t i = 0; i < ARRAY_SIZE(question); i++)
		strvec_add(&argv, question[i]);
	path = answer_path(j, &argv);
	if (kept_answer(path, ours))
		return 0;
	r = job_run(j, &argv, JOB_SOURCE, &macros, &why);
	if (r == -ENOENT)
		return no_compiler(j, argv.v[0], e);
	if (r < 0) {
		err_set(e, r, "%s", why.text);
		if (e)
			e->exit_code = why.exit_code;
		return r;
	}
	if (r == 0 && macros.len) {
		compiler_from_macros(ours, macros.s);
		if (path && ours->family)
			keep_answer(j, path, &macros);
	}
	return 0;
}

int job_match_compiler(struct job *j, struct err *e)
{
	const struct preflight_point *point;
	struct compiler ours;
	int r = ask_compiler(j, &ours, e);

	if (r < 0 || !ours.family)
		return r;
	j->compiler = ours;
	if (!j->preflight.compiler.family)
		return 0;
	run_preflight(j, &ours);
	point = preflight_find(&j->preflight, "compiler");
	dprintf(j->log_fd, "compiler: %s: %s\n", preflight_result_names[point->result],
		point->text);
	if (point->result == PREFLIGHT_REFUSE && !j->plan->x->force)
		return refuse(j, e);
	note(j, point);
	return 0;
}
