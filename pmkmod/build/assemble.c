// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/assemble.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chroot/apk/apk_install.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/native_helpers.h"
#include "pmkmod/util/exit_codes.h"

/* 2000-01-01: of all files of a delta. Headers of two kernels then share what is equal in both.
 * Older than anything a build makes, and to make none of them is newer than another, as in their
 * package. */
#define DELTA_MTIME 946684800

/* Everything the maker of one layer needs. */
struct maker {
	struct context *x;
	struct repo_set *repos;
	const struct channel *ch;
	const struct pinned_set *set;
	const struct strvec *below_world;
	struct apk_solution solution;
	struct apk_deps world;
	struct strvec repositories;
	const char *below; /* content folder of the lower layer, NULL: none */
	const char *dir; /* the layer's folder, while it is made */
	/* delta layers: files opened before the sandbox closes the way to the cache */
	int *fds;
	struct shared *shared;
	struct strvec may_fail; /* packages whose scripts may */
	struct strbuf said; /* the end of what the last script printed */
	char *script_of; /* whose script that was */
	unsigned long long timeout, max_file; /* of scripts, as of builds */
};

/* What comes back from the process that installs inside the sandbox. */
struct shared {
	struct err e;
	char warnings[4096];
};

/* ---- what a script prints: shown with --verbose, told if it fails ---- */

#define SAID_MAX 1200

static int keep_said(void *ctx, const char *data, size_t len)
{
	struct maker *m = ctx;

	if (m->x->verbose && fs_write_all(STDERR_FILENO, data, len) < 0)
		return -EIO;
	strbuf_add(&m->said, data, len);
	if (m->said.len > 2 * (size_t)SAID_MAX) {
		memmove(m->said.s, m->said.s + m->said.len - SAID_MAX, SAID_MAX + 1);
		m->said.len = SAID_MAX;
	}
	return 0;
}

static void begin_script(struct maker *m, const char *const *env)
{
	static const char name[] = "APK_PACKAGE=";

	strbuf_reset(&m->said);
	for (; *env; env++)
		if (starts_with(*env, name)) {
			free(m->script_of);
			m->script_of = xstrdup(*env + strlen(name));
		}
}

/* The scripts of whole packages are what a root is made of: half of one is none. */
static int script_hint(struct maker *m, struct err *e)
{
	const char *said = m->said.s ? m->said.s : "";

	if (!e || e->code != -ECANCELED)
		return e ? e->code : -ECANCELED;
	e->exit_code = EXIT_SANDBOX;
	if (m->said.len > SAID_MAX)
		said += m->said.len - SAID_MAX;
	if (*said)
		err_hint(e, "it said: %.*s", (int)(strlen(said) - ends_with(said, "\n")), said);
	return err_hint(e,
		"the root is not made. If it can do without: -o packages.scripts_may_fail=%s, or "
		"that key in pmkmod.ini",
		m->script_of ? m->script_of : "NAME");
}

/* ---- scripts of a root that is a plain folder: each in a sandbox of its own ---- */

static int run_in_folder(
	void *ctx, const char *root, const char *const *argv, const char *const *env, struct err *e)
{
	struct maker *m = ctx;
	struct sandbox_result result = {0};
	struct sandbox_spec s = {.root_bind = root,
		.emulate = m->repos->arch,
		.qemu_path = config_get(m->x->config, "toolchain", "qemu"),
		.privilege = SANDBOX_SETUP,
		.argv = argv,
		.env = env,
		.stdin_fd = -1,
		.timeout_s = (unsigned)m->timeout,
		.max_file_bytes = m->max_file,
		.output = keep_said,
		.output_ctx = m};
	int r;

	begin_script(m, env);
	r = run_in_sandbox(&s, &result, e);
	return r < 0 ? r : result.status;
}

/* ---- scripts of a delta: the installer itself already runs inside the sandbox ---- */

static int run_inside(
	void *ctx, const char *root, const char *const *argv, const char *const *env, struct err *e)
{
	struct maker *m = ctx;
	/* no pipe: whatever it leaves running would keep that open */
	_cleanup_close_ int said = memfd_create("script", MFD_CLOEXEC);
	char buf[4096];
	int status;
	ssize_t n;
	pid_t pid;

	(void)root;
	begin_script(m, env);
	pid = said < 0 ? -1 : fork();
	if (pid < 0)
		return err_errno(e, -errno, "cannot start a package script");
	if (pid == 0) {
		if (dup2(said, 1) >= 0 && dup2(said, 2) >= 0 && chdir("/") == 0)
			execve(argv[0], (char *const *)argv, (char *const *)env);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, -errno, "cannot wait for a package script");
	for (off_t at = 0; (n = pread(said, buf, sizeof(buf), at)) > 0; at += n)
		keep_said(m, buf, (size_t)n);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char *file_in_cache(void *ctx, const struct apk_pkg *p)
{
	struct maker *m = ctx;

	return repos_cached(m->x, p);
}

static char *file_opened_before(void *ctx, const struct apk_pkg *p)
{
	struct maker *m = ctx;

	for (size_t i = 0; i < m->solution.n_changes; i++)
		if (m->solution.changes[i].new_pkg == p)
			return xasprintf("/proc/self/fd/%d", m->fds[i]);
	return NULL;
}

static void show(void *ctx, size_t done, size_t total, const struct apk_pkg *p)
{
	struct maker *m = ctx;

	progress_detail(&m->x->progress, "%zu/%zu %s-%s", done, total, p->name, p->version);
}

static int install(
	struct maker *m, const char *root, bool inside, struct strvec *warnings, struct err *e)
{
	const struct apk_repo **list = xcalloc(m->repos->n_repos, sizeof(*list));
	struct apk_universe u = {.repos = list, .n_repos = m->repos->n_repos};
	struct apk_install_opts o = {.run = inside ? run_inside : run_in_folder,
		.run_ctx = m,
		.may_fail = &m->may_fail,
		.progress = show,
		.progress_ctx = m,
		.file_of = inside ? file_opened_before : file_in_cache,
		.file_ctx = m,
		.same_mtime = inside ? DELTA_MTIME : 0,
		.usr_merge = m->ch->usr_merge,
		.arch = m->repos->arch->alpine,
		.repositories = &m->repositories,
		.keys_dirs = inside ? NULL : &m->repos->keys_dirs};
	int r;

	for (size_t i = 0; i < m->repos->n_repos; i++)
		list[i] = &m->repos->repos[i];
	config_list(m->x->config, "packages", "scripts_may_fail", &m->may_fail);
	r = apk_install(root, &u, &m->solution, &m->world, &o, warnings, e);
	free(list);
	if (r == -ECANCELED)
		r = script_hint(m, e);
	strbuf_free(&m->said);
	free(m->script_of);
	m->script_of = NULL;
	strvec_free(&m->may_fail);
	return r;
}

static int make_folder(struct maker *m, const char *dir, struct err *e)
{
	_cleanup_strvec_ struct strvec warnings = {0};
	int r = install(m, dir, false, &warnings, e);

	for (size_t i = 0; r == 0 && i < warnings.n; i++)
		progress_note(&m->x->progress, "%s", warnings.v[i]);
	return r;
}

static int install_inside(void *ctx)
{
	struct maker *m = ctx;
	_cleanup_strvec_ struct strvec warnings = {0};
	_cleanup_free_ char *text = NULL;
	int r = install(m, "/", true, &warnings, &m->shared->e);

	text = strvec_join(&warnings, "\n");
	snprintf(m->shared->warnings, sizeof(m->shared->warnings), "%s", text);
	return r < 0 ? 1 : 0;
}

static void print_warnings(struct maker *m)
{
	_cleanup_strvec_ struct strvec lines = {0};

	strvec_split(&lines, m->shared->warnings, "\n");
	for (size_t i = 0; i < lines.n; i++)
		progress_note(&m->x->progress, "%s", lines.v[i]);
}

static int open_files(struct maker *m, struct err *e)
{
	m->fds = xcalloc(m->solution.n_changes, sizeof(*m->fds));
	for (size_t i = 0; i < m->solution.n_changes; i++)
		m->fds[i] = -1;
	for (size_t i = 0; i < m->solution.n_changes; i++) {
		const struct apk_pkg *p = m->solution.changes[i].new_pkg;
		_cleanup_free_ char *path = p && p->installed_size ? repos_cached(m->x, p) : NULL;

		if (!path)
			continue;
		m->fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (m->fds[i] < 0)
			return err_errno(e, -errno, "cannot open '%s'", path);
	}
	return 0;
}

/* Install on top of a lower layer: only inside a sandbox can the overlay be mounted. */
static int make_delta(struct maker *m, const char *dir, struct err *e)
{
	static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	_cleanup_strvec_ struct strvec below = {0};
	struct sandbox_result result = {0};
	struct sandbox_spec s = {.layers = &below,
		.upper = dir,
		.emulate = m->repos->arch,
		.qemu_path = config_get(m->x->config, "toolchain", "qemu"),
		.privilege = SANDBOX_SETUP,
		.env = env,
		.stdin_fd = -1,
		.stdout_fd = m->x->verbose ? STDERR_FILENO : -1,
		.stderr_fd = STDERR_FILENO,
		.timeout_s = (unsigned)m->timeout,
		.inside = install_inside,
		.inside_ctx = m};
	int r = open_files(m, e);

	strvec_add(&below, m->below);
	m->shared = mmap(NULL, sizeof(*m->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m->shared == MAP_FAILED)
		r = err_errno(e, -errno, "cannot share memory with the sandbox");
	if (r == 0)
		r = run_in_sandbox(&s, &result, e);
	if (r == 0 && result.status != 0) {
		if (e && m->shared->e.code)
			*e = m->shared->e;
		else
			err_set(e, -EIO, "the installer ended with status %d", result.status);
		r = e && e->code ? e->code : -EIO;
	}
	if (r == 0)
		print_warnings(m);
	for (size_t i = 0; m->fds && i < m->solution.n_changes; i++)
		if (m->fds[i] >= 0)
			close(m->fds[i]);
	free(m->fds);
	if (m->shared != MAP_FAILED)
		munmap(m->shared, sizeof(*m->shared));
	return r;
}

/* Solve the world again, on top of what the lower layer has. */
static int solve_layer(struct repo_set *repos, const struct pinned_set *set,
	const struct strvec *below_world, struct apk_deps *world, struct apk_solution *out,
	struct err *e)
{
	_cleanup_strvec_ struct strvec all = {0};
	int r = repos_parse(repos, e);

	if (below_world)
		strvec_add_all(&all, below_world);
	strvec_add_all(&all, &set->world);
	for (size_t i = 0; r == 0 && world && i < all.n; i++)
		r = apk_deps_parse(world, all.v[i], e);
	if (r == 0)
		r = repos_solve(repos, &all, out, e);
	return r;
}

static bool in_set(const struct pinned_set *set, const struct apk_pkg *p)
{
	for (size_t i = 0; i < set->n; i++)
		if (hash_eq(&set->v[i].identity, &p->identity))
			return true;
	return false;
}

/* Of a whole solution keep only what this layer adds. */
static void keep_only(struct apk_solution *s, const struct pinned_set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_changes; i++)
		if (s->changes[i].new_pkg && in_set(set, s->changes[i].new_pkg))
			s->changes[n++] = s->changes[i];
	s->n_changes = n;
}

static int list_set(struct fetch_list *list, struct repo_set *repos, const struct pinned_set *set,
	const struct strvec *below_world, struct err *e)
{
	struct apk_solution sol = {0};
	int r = solve_layer(repos, set, below_world, NULL, &sol, e);

	if (r == 0)
		keep_only(&sol, set);
	for (size_t i = 0; r == 0 && i < sol.n_changes; i++)
		if (sol.changes[i].new_pkg->installed_size)
			fetch_list_add(list, sol.changes[i].new_pkg);
	apk_solution_free(&sol);
	return r;
}

int assemble_fetch_set(struct context *x, struct repo_set *repos, const struct pinned_set *set,
	const struct strvec *below_world, struct err *e)
{
	struct fetch_list list = {0};
	int r = list_set(&list, repos, set, below_world, e);

	if (r == 0)
		r = repos_fetch_all(x, &list, NULL, e);
	fetch_list_free(&list);
	return r;
}

static void give_exit_code(struct err *e)
{
	if (!e || e->exit_code)
		return;
	if (e->code == -ENOSPC || e->code == -EDQUOT)
		e->exit_code = EXIT_NO_SPACE;
	else if (e->code == -EBADMSG || e->code == -EKEYREJECTED || e->code == -EPROTONOSUPPORT ||
		 e->code == -EFBIG)
		e->exit_code = EXIT_UNTRUSTED;
}

/* Called by the store only when the layer is not there: a ready one costs no parsing, no solving.
 */
static int make_layer(void *ctx, const char *dir, struct err *e)
{
	struct maker *m = ctx;
	int r = solve_layer(m->repos, m->set, m->below_world, &m->world, &m->solution, e);

	if (r == 0)
		r = config_number(m->x->config, "build", "timeout", 3600, &m->timeout, e);
	if (r == 0)
		r = config_number(m->x->config, "build", "max_file", 8ULL << 30, &m->max_file, e);
	if (r < 0)
		return r;
	keep_only(&m->solution, m->set);
	r = m->below ? make_delta(m, dir, e) : make_folder(m, dir, e);
	if (r == -EBADMSG)
		repos_drop_damaged(m->x, &m->solution);
	return r;
}

int assemble_layer(struct context *x, struct repo_set *repos, const struct pinned_set *set,
	const struct channel *ch, const char *id, const char *below,
	const struct strvec *below_world, char **content, struct err *e)
{
	struct maker m = {.x = x,
		.repos = repos,
		.ch = ch,
		.below = below,
		.set = set,
		.below_world = below_world};
	_cleanup_strbuf_ struct strbuf text = {0};
	_cleanup_strvec_ struct strvec lower = {0};
	struct layer_recipe recipe = {.id = id, .below = &lower, .make = make_layer, .ctx = &m};
	struct layer_store *store;
	int r = context_layers(x, &store, e);

	if (r < 0)
		return r;
	if (below)
		strvec_add(&lower, below);
	pinned_set_print(set, &text);
	recipe.description = text.s ? text.s : "";
	strvec_add_all(&m.repositories, &ch->repositories);
	r = layer_get(store, &recipe, content, NULL, e);
	if (r < 0)
		give_exit_code(e);
	apk_solution_free(&m.solution);
	apk_deps_free(&m.world);
	strvec_free(&m.repositories);
	return r;
}

/* It must not go between now and when it is used: its packages are not fetched. */
static bool have(struct layer_store *store, const char *id, bool delta)
{
	_cleanup_free_ char *path = *id ? layer_hold(store, id, delta) : NULL;

	return path != NULL || !*id;
}

int assemble_list(struct plan *p, struct fetch_list *list, struct err *e)
{
	struct layer_store *store;
	int r = context_layers(p->x, &store, e);

	if (r == 0 && !have(store, p->toolchain_id, false))
		r = list_set(list, &p->target_repos, &p->target.toolchain, NULL, e);
	if (r == 0 && !have(store, p->kernel_id, true))
		r = list_set(
			list, &p->target_repos, &p->target.headers, &p->target.toolchain.world, e);
	if (r == 0 && p->native.n && !have(store, p->native_id, false))
		r = list_set(list, &p->native_repos, &p->native, NULL, e);
	return r < 0 ? r : native_helpers_list(p, list, e);
}

int assemble_fetch(struct plan *p, struct err *e)
{
	struct fetch_list list = {0};
	int r = assemble_list(p, &list, e);

	if (r == 0)
		r = repos_fetch_all(p->x, &list, NULL, e);
	fetch_list_free(&list);
	return r;
}

int assemble(struct plan *p, struct layers *out, struct err *e)
{
	const struct channel *ch = &p->device.channel;
	int r;

	*out = (struct layers){0};
	r = assemble_layer(p->x, &p->target_repos, &p->target.toolchain, ch, p->toolchain_id, NULL,
		NULL, &out->toolchain, e);
	if (r == 0)
		r = assemble_layer(p->x, &p->target_repos, &p->target.headers, ch, p->kernel_id,
			out->toolchain, &p->target.toolchain.world, &out->kernel, e);
	if (r == 0 && p->native.n)
		r = assemble_layer(p->x, &p->native_repos, &p->native, ch, p->native_id, NULL, NULL,
			&out->native, e);
	if (r == 0)
		r = native_helpers_layer(p, out->kernel, &out->helpers, &out->helpers_whole, e);
	if (r < 0) {
		layers_free(out);
		return r;
	}
	strvec_add(&out->target, out->kernel);
	strvec_add(&out->target, out->toolchain);
	return 0;
}

void layers_free(struct layers *l)
{
	free(l->toolchain);
	free(l->kernel);
	free(l->native);
	free(l->helpers);
	strvec_free(&l->target);
	*l = (struct layers){0};
}
