// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/git.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/base/hash.h"
#include "pmkmod/build/repos.h"
#include "pmkmod/module/source.h"
#include "pmkmod/phone/phone.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/git_tree.h"
#include "pmkmod/util/process.h"

/* what git prints where it lists things */
#define LIST_MAX (64u << 20)
/* refs of ours are below this; the server's own names are never taken over */
#define KEPT "refs/pmkmod/"

int git_cache_open(struct git_cache *g, struct context *x, const char *url, struct err *e)
{
	struct download_limits l = {0};
	char hex[HASH_HEX_MAX];
	struct hash h;
	int r = repos_download_limits(x, &l, e);

	hash_buf(HASH_SHA256, url, strlen(url), &h);
	hash_hex(&h, hex);
	*g = (struct git_cache){.x = x,
		.url = xstrdup(url),
		.shown = source_shown_url(url),
		.dir = xasprintf("%s/git/%s", x->cache, hex),
		.timeout_s = l.timeout_s,
		.max_bytes = l.max_bytes ? l.max_bytes : UINT64_MAX};
	g->config[0] = xasprintf("protocol.%.*s.allow=always", (int)strcspn(url, ":"), url);
	g->config[1] = xasprintf("http.lowSpeedTime=%u", l.timeout_s ? l.timeout_s : 3600);
	return r;
}

void git_cache_close(struct git_cache *g)
{
	free(g->url);
	free(g->shown);
	free(g->dir);
	for (size_t i = 0; i < ARRAY_SIZE(g->config); i++)
		free(g->config[i]);
	*g = (struct git_cache){0};
}

/* ---- running it ---- */

struct run {
	const char *const *args; /* NULL-terminated */
	const char *input;
	void (*bytes)(void *ctx, const char *data, size_t len);
	void *ctx;
	uint64_t max;
	struct strbuf out, words;
	int status;
};

static void run_free(struct run *r)
{
	strbuf_free(&r->out);
	strbuf_free(&r->words);
}

/* Settings of the user and of the machine are not read; these are instead. */
static void add_settings(const struct git_cache *g, struct strvec *argv)
{
	static const char *const settings[] = {"core.hooksPath=/dev/null", "core.fsmonitor=false",
		"core.askPass=true", "core.attributesFile=/dev/null",
		"credential.helper=", "core.sshCommand=ssh -oBatchMode=yes", "protocol.allow=never",
		"gc.auto=0", "maintenance.auto=false", "fetch.recurseSubmodules=no",
		"submodule.recurse=false", "init.defaultBranch=main", "http.lowSpeedLimit=1",
		"http.followRedirects=initial", "core.protectNTFS=false"};

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		strvec_add(argv, "-c");
		strvec_add(argv, settings[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(g->config); i++) {
		strvec_add(argv, "-c");
		strvec_add(argv, g->config[i]);
	}
}

static int run_git(const struct git_cache *g, struct run *run, struct err *e)
{
	static const char *const env[] = {"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_ATTR_NOSYSTEM=1", "GIT_NO_LAZY_FETCH=1", "GIT_NO_REPLACE_OBJECTS=1",
		"GIT_ASKPASS=true", "SSH_ASKPASS=true", NULL};
	_cleanup_free_ char *git = program_on_path("git");
	_cleanup_strvec_ struct strvec argv = {0};
	const struct process p = {.argv = &argv,
		.input = run->input,
		.git = true,
		.env = env,
		.timeout_s = g->timeout_s,
		.idle = true,
		.max = run->max ? (size_t)run->max : LIST_MAX,
		.last_words = true,
		.bytes = run->bytes,
		.ctx = run->ctx};
	int r;

	if (!git)
		return err_set(e, -ENOENT,
			"a module's source in git needs the program git, which is not there\n"
			"install it: apt-get install git");
	strvec_add(&argv, "git");
	add_settings(g, &argv);
	strvec_addf(&argv, "--git-dir=%s", g->dir);
	for (const char *const *a = run->args; *a; a++)
		strvec_add(&argv, *a);
	r = process_run(&p, &run->out, &run->words, &run->status, e);
	if (r == -ETIMEDOUT && e)
		e->exit_code = EXIT_TIMEOUT;
	return r < 0 ? err_prefix(e, "%s", g->shown) : 0;
}

/* The lines of its words that say what went wrong, in one. Caller frees. */
static char *complaint(const struct run *run)
{
	static const char *const heads[] = {"fatal: ", "error: ", "remote: ERROR", "ssh: "};
	_cleanup_strvec_ struct strvec lines = {0}, kept = {0};
	_cleanup_free_ char *all = NULL;

	strvec_split(&lines, run->words.s ? run->words.s : "", "\n\r");
	for (size_t i = 0; i < lines.n && kept.n < 4; i++)
		if (behind_prefix(lines.v[i], heads, ARRAY_SIZE(heads)))
			strvec_take(&kept, phone_clean(lines.v[i], strlen(lines.v[i])));
	if (!kept.n && lines.n)
		strvec_take(&kept, phone_clean(lines.v[lines.n - 1], strlen(lines.v[lines.n - 1])));
	all = strvec_join(&kept, "; ");
	return *all ? steal_ptr(all) : xasprintf("git ended with status %d", run->status);
}

static bool says(const struct run *run, const char *words)
{
	return run->words.s && strstr(run->words.s, words);
}

/* What can be done about the usual ones. */
static void hint(const struct run *run, struct err *e)
{
	static const struct {
		const char *words, *hint;
	} hints[] = {
		{"terminal prompts disabled",
			"the server wants a password, or there is no such repository: pmkmod asks for none; use "
			"git+ssh:// with your key, or clone it and name the folder"},
		{"Authentication failed",
			"the server wants a password, or there is no such repository: pmkmod asks for none; use "
			"git+ssh:// with your key, or clone it and name the folder"},
		{"dubious ownership",
			"the repository belongs to somebody else: clone it (git clone), and name your clone"},
		{"does not appear to be a git repository",
			"is that the URL that `git clone` takes?"},
		{"not found", "is that the URL that `git clone` takes?"},
		{"Could not resolve host", "check the network, or the name of the host"},
		{"Permission denied (publickey", "ssh has no key that the server takes (ssh-add)"},
		{"Host key verification failed",
			"connect once by hand, so that ssh knows the server's key"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (says(run, hints[i].words)) {
			err_hint(e, "%s", hints[i].hint);
			return;
		}
}

static int failed(const struct git_cache *g, const struct run *run, const char *what, struct err *e)
{
	_cleanup_free_ char *why = complaint(run);

	err_exit(e, EXIT_NETWORK, -ENETUNREACH, "cannot %s the git repository %s: %s", what,
		g->shown, why);
	hint(run, e);
	return e ? e->code : -ENETUNREACH;
}

/* ---- the cache ---- */

static int make_cache(const struct git_cache *g, struct err *e)
{
	const char *const args[] = {"init", "--quiet", "--bare", "--template=", NULL};
	_cleanup_(run_free) struct run run = {.args = args};
	_cleanup_free_ char *head = path_join(g->dir, "HEAD");
	int r = fs_mkdirs(g->dir, 0700, e);

	if (r < 0 || fs_exists(head))
		return r;
	r = run_git(g, &run, e);
	return r < 0 || run.status == 0 ? r : failed(g, &run, "make a place for", e);
}

bool git_has(const struct git_cache *g, const char *commit)
{
	_cleanup_free_ char *path = xasprintf("%s/" KEPT "%s", g->dir, commit);

	return fs_exists(path);
}

/* ---- refs ---- */

static char *last_path(const struct git_cache *g, const char *ref)
{
	char hex[HASH_HEX_MAX];
	struct hash h;

	hash_buf(HASH_SHA256, ref, strlen(ref), &h);
	hash_hex(&h, hex);
	return xasprintf("%s/pmkmod-last-%.16s", g->dir, hex);
}

/* What is known without the server is of use to who has no network. */
static void hint_last(const struct git_cache *g, const char *ref, struct err *e)
{
	_cleanup_free_ char *path = last_path(g, ref), *commit = NULL;

	if (fs_read(path, 64, &commit, NULL, NULL) < 0 || !source_is_commit(commit) ||
		!git_has(g, commit))
		return;
	err_hint(e,
		"the cache has commit %s, which %s was the last time: `commit = %s` of a recipe, or #%s "
		"behind the URL, builds that one without asking the server",
		commit, ref, commit, commit);
}

/* The object of `name` in what ls-remote printed; NULL: it has none. Caller frees. */
static char *listed(const char *out, const char *name)
{
	_cleanup_strvec_ struct strvec lines = {0};

	strvec_split(&lines, out ? out : "", "\n");
	for (size_t i = 0; i < lines.n; i++) {
		char *tab = strchr(lines.v[i], '\t');

		if (!tab || !streq(tab + 1, name))
			continue;
		*tab = '\0';
		return source_is_commit(lines.v[i]) ? xstrdup(lines.v[i]) : NULL;
	}
	return NULL;
}

/* Names that the server may have a ref under, best first. A tag's commit is listed as "tag^{}". */
static void names_of(const char *ref, struct strvec *names)
{
	if (!ref) {
		strvec_add(names, "HEAD");
	} else if (starts_with(ref, "refs/")) {
		strvec_addf(names, "%s^{}", ref);
		strvec_add(names, ref);
	} else {
		strvec_addf(names, "refs/tags/%s^{}", ref);
		strvec_addf(names, "refs/tags/%s", ref);
		strvec_addf(names, "refs/heads/%s", ref);
	}
}

static int no_such_ref(const struct git_cache *g, const char *ref, struct err *e)
{
	err_exit(e, EXIT_UNKNOWN_NAME, -ENOENT, "the git repository %s has no tag or branch '%s'",
		g->shown, ref ? ref : "HEAD");
	if (ref && strspn(ref, "0123456789abcdef") == strlen(ref) && strlen(ref) >= 7)
		return err_hint(e, "if it is a commit, write all 40 digits");
	return err_hint(e, "`git ls-remote %s` lists what it has", g->shown);
}

int git_resolve(struct git_cache *g, const char *ref, char **commit, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0}, args = {0};
	_cleanup_(run_free) struct run run = {0};
	_cleanup_free_ char *last = last_path(g, ref ? ref : "HEAD");
	int r = make_cache(g, e);

	*commit = NULL;
	names_of(ref, &names);
	strvec_add(&args, "ls-remote");
	strvec_add(&args, "--quiet");
	strvec_add(&args, "--");
	strvec_add(&args, g->url);
	strvec_add_all(&args, &names);
	run.args = (const char *const *)args.v;
	if (r == 0)
		r = run_git(g, &run, e);
	if (r == 0 && run.status != 0)
		r = failed(g, &run, "ask", e);
	if (r < 0) {
		hint_last(g, ref ? ref : "HEAD", e);
		return r;
	}
	for (size_t i = 0; i < names.n && !*commit; i++)
		*commit = listed(run.out.s, names.v[i]);
	if (!*commit)
		return no_such_ref(g, ref, e);
	return fs_write_atomic(last, *commit, strlen(*commit), 0600, e);
}

/* ---- a damaged copy ---- */

int git_verify(struct context *x, const char *dir, char **why, struct err *e)
{
	static const char *const args[] = {
		"fsck", "--full", "--no-dangling", "--no-progress", NULL};
	_cleanup_(run_free) struct run run = {.args = args};
	struct git_cache g;
	int r = git_cache_open(&g, x, "https://", e);

	*why = NULL;
	free(g.dir);
	g.dir = xstrdup(dir);
	free(g.shown);
	g.shown = xstrdup(dir);
	if (r == 0)
		r = run_git(&g, &run, e);
	if (r == 0 && run.status != 0)
		*why = complaint(&run);
	git_cache_close(&g);
	return r < 0 ? r : *why != NULL;
}

/* What git says of a copy that is there, of which nothing is fetched. */
static int damaged(const struct git_cache *g, const struct run *run, struct err *e)
{
	_cleanup_free_ char *why = complaint(run), *lock_path = xasprintf("%s.lock", g->dir);
	_cleanup_free_ char *gone = xasprintf("%s.gone", g->dir), *what = NULL;
	_cleanup_close_ int lock = -1;
	bool removed;

	if (git_verify(g->x, g->dir, &what, NULL) != 1)
		return failed(g, run, "read what was fetched of", e);
	lock = fs_lock(lock_path, true, false, NULL);
	removed = lock >= 0 && fs_remove_tree(gone, NULL) == 0 && rename(g->dir, gone) == 0;

	if (removed)
		fs_remove_tree(gone, NULL);
	err_exit(e, EXIT_UNTRUSTED, -EBADMSG,
		"the copy of the git repository %s in the cache is damaged: %s", g->shown, why);
	return err_hint(
		e, removed ? "it is removed; the next run fetches it again"
			   : "another pmkmod uses it; `pmkmod cache verify` removes it afterwards");
}

/* ---- objects ---- */

/* Is the object there, and a commit? */
static bool has_object(const struct git_cache *g, const char *commit)
{
	_cleanup_free_ char *object = xasprintf("%s^{commit}", commit);
	const char *const args[] = {"cat-file", "-e", object, NULL};
	_cleanup_(run_free) struct run run = {.args = args};

	return run_git(g, &run, NULL) == 0 && run.status == 0;
}

/* A ref says that the commit is whole: git makes it when all objects are there. */
static int keep(const struct git_cache *g, const char *commit, struct err *e)
{
	_cleanup_free_ char *ref = xasprintf(KEPT "%s", commit);
	const char *const args[] = {"update-ref", ref, commit, NULL};
	_cleanup_(run_free) struct run run = {.args = args};
	int r = run_git(g, &run, e);

	return r < 0 || run.status == 0 ? r : failed(g, &run, "keep what was fetched of", e);
}

/* One way of getting it. `depth` NULL: all of history. 1: that server cannot do it this way. */
static int fetch_by(
	struct git_cache *g, const char *depth, const char *const *refspecs, struct err *e)
{
	static const char *const cannot[] = {"not our ref", "unadvertised object", "dumb http",
		"couldn't find remote ref", "shallow", "no such remote ref", "invalid refspec"};
	_cleanup_strvec_ struct strvec args = {0};
	_cleanup_(run_free) struct run run = {0};
	int r;

	strvec_add(&args, "fetch");
	strvec_add(&args, "--progress"); /* that it goes on is seen by it */
	strvec_add(&args, "--no-tags");
	strvec_add(&args, "--no-write-fetch-head");
	strvec_add(&args, "--no-recurse-submodules");
	if (depth)
		strvec_addf(&args, "--depth=%s", depth);
	strvec_add(&args, "--");
	strvec_add(&args, g->url);
	for (; *refspecs; refspecs++)
		strvec_add(&args, *refspecs);
	run.args = (const char *const *)args.v;
	r = run_git(g, &run, e);
	if (r < 0 || run.status == 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(cannot); i++)
		if (says(&run, cannot[i]))
			return 1;
	return failed(g, &run, "fetch from", e);
}

static int fetch_locked(struct git_cache *g, const char *commit, const char *ref, struct err *e)
{
	_cleanup_free_ char *single = xasprintf("%s:" KEPT "%s", commit, commit);
	_cleanup_free_ char *named = xasprintf(
		"+%s:refs/pmkmod-tip/%s", ref && starts_with(ref, "refs/") ? ref : "HEAD", commit);
	const char *const one[] = {single, NULL}, *const tip[] = {named, NULL};
	const char *const all[] = {
		"+refs/heads/*:refs/pmkmod-heads/*", "+refs/tags/*:refs/pmkmod-tags/*", NULL};
	/* 2147483647: all of history, whatever an earlier fetch has left out */
	const struct {
		const char *depth;
		const char *const *refspecs;
	} ways[] = {{"1", one}, {"1", tip}, {"2147483647", all}, {NULL, all}};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		int r = fetch_by(g, ways[i].depth, ways[i].refspecs, e);

		if (r < 0)
			return r;
		if (r == 0 && has_object(g, commit))
			return keep(g, commit, e);
	}
	return err_exit(e, EXIT_UNKNOWN_NAME, -ENOENT,
		"the git repository %s has no commit %s in any branch or tag", g->shown, commit);
}

int git_fetch(struct git_cache *g, const char *commit, const char *ref, struct err *e)
{
	_cleanup_free_ char *lock_path = xasprintf("%s.lock", g->dir), *all = NULL;
	_cleanup_close_ int lock = -1;
	int r;

	if (git_has(g, commit)) {
		_cleanup_free_ char *head = path_join(g->dir, "HEAD");

		fs_note_use(head);
		return 0;
	}
	all = path_join(g->x->cache, "git");
	r = fs_mkdirs(all, 0700, e);
	if (r < 0)
		return r;
	lock = fs_lock(lock_path, true, true, e);
	if (lock < 0)
		return lock;
	if (git_has(g, commit))
		return 0;
	progress_detail(&g->x->progress, "%s", g->shown);
	r = make_cache(g, e);
	return r < 0 ? r : fetch_locked(g, commit, ref, e);
}

static int read_tree(struct git_cache *g, const char *commit, struct git_tree *t, struct err *e)
{
	const char *const args[] = {"ls-tree", "-r", "-z", "--full-tree", commit, NULL};
	_cleanup_(run_free) struct run run = {.args = args};
	int r = run_git(g, &run, e);

	if (r == 0 && run.status != 0)
		r = damaged(g, &run, e);
	if (r == 0)
		r = git_tree_parse(t, run.out.s ? run.out.s : "", run.out.len, e);
	return r < 0 ? err_prefix(e, "%s", g->shown) : 0;
}

static int write_files(
	struct git_cache *g, const struct git_tree *t, int dir, int64_t mtime, struct err *e)
{
	const char *const args[] = {"cat-file", "--batch", "--buffer", NULL};
	_cleanup_free_ char *wanted = git_tree_wanted(t);
	struct git_writer w = {
		.tree = t, .dir = dir, .mtime = (time_t)mtime, .max = g->max_bytes, .e = e};
	_cleanup_(run_free) struct run run = {.args = args,
		.input = wanted,
		.bytes = git_writer_take,
		.ctx = &w,
		.max = SIZE_MAX};
	int r = run_git(g, &run, e);

	if (r < 0)
		w.error = r;
	else if (run.status != 0 && w.error == 0)
		w.error = damaged(g, &run, e);
	return git_writer_end(&w);
}

int git_write(struct git_cache *g, const char *commit, const char *to, int64_t mtime,
	struct strvec *submodules, struct err *e)
{
	_cleanup_(git_tree_free) struct git_tree t = {0};
	_cleanup_close_ int dir = -1;
	int r = fs_mkdirs(to, 0755, e);

	if (r == 0)
		r = read_tree(g, commit, &t, e);
	if (r < 0)
		return r;
	dir = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(e, -errno, "cannot open '%s'", to);
	r = write_files(g, &t, dir, mtime, e);
	for (size_t i = 0; r == 0 && i < t.n; i++)
		if (t.v[i].kind == GIT_SUBMODULE) {
			strvec_add(submodules, t.v[i].path);
			strvec_add(submodules, t.v[i].object);
		}
	return r;
}

/* ---- submodules ---- */

int git_submodule_url(
	struct git_cache *g, const char *commit, const char *path, char **url, struct err *e)
{
	_cleanup_free_ char *blob = xasprintf("%s:.gitmodules", commit);
	const char *const args[] = {"config", "--blob", blob, "-z", "--get-regexp",
		"^submodule\\..*\\.(path|url)$", NULL};
	_cleanup_(run_free) struct run run = {.args = args};
	const char *said;
	int r = run_git(g, &run, e);

	*url = NULL;
	if (r < 0)
		return r;
	said = git_submodule_setting(run.out.s, run.out.len, path);
	if (!said)
		return err_exit(e, EXIT_UNTRUSTED, -ENOENT,
			"the git repository %s has a submodule '%s', but its .gitmodules does not say where "
			"that is",
			g->shown, path);
	*url = git_join_url(g->url, said);
	if (*url)
		return 0;
	return err_exit(e, EXIT_UNTRUSTED, -EINVAL,
		"the git repository %s has its submodule '%s' at '%.200s', which is not taken: only "
		"https://, http:// and ssh:// are",
		g->shown, path, said);
}
