// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/repos.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/plan_memory.h"
#include "pmkmod/util/download.h"
#include "pmkmod/util/exit_codes.h"

#define INDEX_MAX (256u << 20)

static bool fresh(const char *path, unsigned long long max_age)
{
	struct stat st;
	time_t now = time(NULL);

	return stat(path, &st) == 0 && st.st_mtime <= now &&
	       (unsigned long long)(now - st.st_mtime) < max_age;
}

/* Where the index at the URL `full` is, or would be once it is downloaded. */
static char *index_path(const struct context *x, const char *full, bool *local)
{
	char *path = file_url_path(full);
	struct hash h;
	char hex[HASH_HEX_MAX];

	*local = path != NULL;
	if (path)
		return path;
	hash_buf(HASH_SHA256, full, strlen(full), &h);
	hash_hex(&h, hex);
	return xasprintf("%s/index/%s.tar.gz", x->cache, hex);
}

/* What the download of one index came to: a copy from before is better than none. */
static int take_index(struct context *x, const struct download *d, struct err *e)
{
	if (!d->failure->code)
		return 0;
	if (!fs_exists(d->path)) {
		if (e)
			*e = *d->failure;
		return d->failure->code;
	}
	progress_note(&x->progress, "%.*s; using the copy fetched before",
		(int)strcspn(d->failure->text, "\n"), d->failure->text);
	return 0;
}

/* What the download of an index is held against. */
struct index_check {
	const char *url;
	const struct apk_keys *keys; /* NULL: they cannot be read, which is told later */
};

/* A page of a hotel's network must not take the place of an index, for hours. */
static int verify_index(void *ctx, const char *path, struct err *e)
{
	const struct index_check *c = ctx;
	struct apk_repo repo = {0};
	_cleanup_free_ char *data = NULL;
	size_t len;
	int r = fs_read(path, INDEX_MAX, &data, &len, e);

	if (r == 0)
		r = apk_index_parse(&repo, data, len, c->url, c->keys, e);
	if (r < 0 && e)
		e->exit_code = EXIT_UNTRUSTED;
	apk_repo_free(&repo);
	return r;
}

static int download_indexes(struct context *x, struct download *v, size_t n, struct err *e)
{
	_cleanup_free_ char *dir = path_join(x->cache, "index");
	struct download_limits l = {0};
	int r = n ? fs_mkdirs(dir, 0700, e) : 0;

	if (r == 0 && n)
		r = repos_download_limits(x, &l, e);
	l.max_bytes = INDEX_MAX;
	if (r == 0)
		r = download_all(v, n, "indexes", &l, NULL, e);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = take_index(x, &v[i], e);
	return r;
}

/* Host paths of the indexes, downloaded when they are not local and not fresh. */
static int get_indexes(struct repo_set *s, struct context *x, struct err *e)
{
	struct download *v = xcalloc(s->urls.n + 1, sizeof(*v));
	struct err *failures = xcalloc(s->urls.n + 1, sizeof(*failures));
	struct index_check *checks = xcalloc(s->urls.n + 1, sizeof(*checks));
	struct apk_keys *keys = NULL;
	_cleanup_strvec_ struct strvec full = {0};
	unsigned long long max_age = 0;
	size_t n = 0;
	int r = config_number(x->config, "fetch", "index_max_age", 14400, &max_age, e);

	for (size_t i = 0; i < s->urls.n; i++) {
		bool local;

		strvec_addf(&full, "%s/%s/APKINDEX.tar.gz", s->urls.v[i], s->arch->alpine);
		strvec_take(&s->index_paths, index_path(x, full.v[i], &local));
		if (local || fresh(s->index_paths.v[i], max_age))
			continue;
		if (!n && apk_keys_load(&keys, &s->keys_dirs, NULL) < 0)
			keys = NULL;
		checks[n] = (struct index_check){full.v[i], keys};
		v[n] = (struct download){.url = full.v[i],
			.path = s->index_paths.v[i],
			.verify = verify_index,
			.ctx = &checks[n],
			.moving = true,
			.failure = &failures[n]};
		n++;
	}
	if (r == 0)
		r = download_indexes(x, v, n, e);
	apk_keys_free(keys);
	free(checks);
	free(failures);
	free(v);
	return r;
}

static int hash_keys(struct repo_set *s, struct hash_ctx *sum, struct err *e)
{
	for (size_t i = 0; i < s->keys_dirs.n; i++) {
		_cleanup_strvec_ struct strvec names = {0};
		DIR *d = opendir(s->keys_dirs.v[i]);
		struct dirent *de;

		if (!d) {
			int r = -errno;

			if (e)
				e->exit_code = EXIT_UNTRUSTED;
			err_errno(e, r, "the folder of trusted keys '%s' cannot be read",
				s->keys_dirs.v[i]);
			return err_hint(e,
				"pmbootstrap makes it on its first run; or name another one as "
				"channel.<name>.keys in pmkmod.ini");
		}
		while ((de = readdir(d)))
			if (ends_with(de->d_name, ".pub"))
				strvec_add(&names, de->d_name);
		closedir(d);
		strvec_sort(&names);
		for (size_t k = 0; k < names.n; k++) {
			_cleanup_free_ char *path = path_join(s->keys_dirs.v[i], names.v[k]);
			struct hash h;

			if (hash_file(AT_FDCWD, path, HASH_SHA256, &h, e) < 0)
				return -EIO;
			hash_update(sum, names.v[k], strlen(names.v[k]) + 1);
			hash_update(sum, h.b, h.len);
		}
	}
	return 0;
}

static int missing_index(const struct repo_set *s, size_t i, struct err *e)
{
	err_set(e, -ENOENT, "the repository %s has no index for %s", s->urls.v[i], s->arch->alpine);
	if (e)
		e->exit_code = EXIT_NETWORK;
	if (strstr(s->urls.v[i], "/standin/"))
		return err_hint(e,
			"the stand-in distribution is not made yet: run `make standin` in "
			"pmkmod's source folder");
	return err_hint(e, "check the repositories of this channel in pmkmod.ini");
}

static int open_indexes(
	struct repo_set *s, struct context *x, const struct own_repo *own, struct err *e)
{
	struct hash_ctx sum;
	int r = get_indexes(s, x, e);

	hash_start(&sum, HASH_SHA256);
	for (size_t i = 0; r == 0 && i < s->urls.n; i++) {
		const char *path = s->index_paths.v[i];
		struct hash h;

		if (!fs_exists(path))
			r = missing_index(s, i, e);
		if (r == 0 && i == 0 && own && own->id) {
			hash_update(&sum, own->id, strlen(own->id) + 1);
			continue;
		}
		if (r == 0)
			r = memory_hash_file(x, path, &h, e);
		if (r == 0) {
			hash_update(&sum, s->urls.v[i], strlen(s->urls.v[i]) + 1);
			hash_update(&sum, h.b, h.len);
		}
	}
	if (r == 0)
		r = hash_keys(s, &sum, e);
	hash_end(&sum, &s->id);
	return r;
}

/* Packages made on this machine need not be there for every architecture. */
static void add_local(struct repo_set *s, const struct channel *ch)
{
	for (size_t i = 0; i < ch->local.n; i++) {
		_cleanup_free_ char *index =
			xasprintf("%s/%s/APKINDEX.tar.gz", ch->local.v[i], s->arch->alpine);
		_cleanup_free_ char *path = file_url_path(index);

		if (!path || fs_exists(path))
			strvec_add(&s->urls, ch->local.v[i]);
	}
}

static int known_problem(const struct known_repos *k, struct err *e)
{
	if (e && k->problem.code)
		*e = k->problem;
	return k->problem.code;
}

/* The remembered set is opened where it is not yet, and seen through `s`. */
static int open_shared(struct repo_set *s, struct context *x, struct err *e)
{
	struct repo_set *of = &s->shared->set;

	if (!of->arch && !s->shared->problem.code) {
		*of = (struct repo_set){.arch = s->arch};
		strvec_add_all(&of->urls, &s->urls);
		strvec_add_all(&of->keys_dirs, &s->keys_dirs);
		if (open_indexes(of, x, NULL, &s->shared->problem) < 0)
			repos_close(of);
	}
	s->id = of->id;
	strvec_add_all(&s->index_paths, &of->index_paths);
	return known_problem(s->shared, e);
}

int repos_open(struct repo_set *s, struct context *x, const struct channel *ch,
	const struct arch_info *arch, const struct own_repo *own, struct err *e)
{
	int r;

	*s = (struct repo_set){.arch = arch};
	if (own)
		strvec_addf(&s->urls, "file://%s", own->packages);
	add_local(s, ch);
	strvec_add_all(&s->urls, &ch->repositories);
	strvec_add_all(&s->keys_dirs, &ch->keys);
	if (own)
		strvec_add(&s->keys_dirs, own->keys);
	else
		s->shared = memory_repos(x, s);
	r = s->shared ? open_shared(s, x, e) : open_indexes(s, x, own, e);
	if (r < 0)
		repos_close(s);
	return r;
}

int repos_at_hand(struct repo_set *s, const struct context *x, const struct channel *ch,
	const struct arch_info *arch, struct err *e)
{
	_cleanup_strvec_ struct strvec urls = {0};
	struct hash_ctx sum;
	int r;

	*s = (struct repo_set){.arch = arch};
	strvec_add_all(&urls, &ch->local);
	strvec_add_all(&urls, &ch->repositories);
	strvec_add_all(&s->keys_dirs, &ch->keys);
	hash_start(&sum, HASH_SHA256);
	for (size_t i = 0; i < urls.n; i++) {
		_cleanup_free_ char *full =
			xasprintf("%s/%s/APKINDEX.tar.gz", urls.v[i], arch->alpine);
		_cleanup_free_ char *path = NULL, *state = NULL;
		struct stat st;
		bool local;

		path = index_path(x, full, &local);
		if (stat(path, &st) < 0)
			continue;
		state = xasprintf("%s %lld %lld.%09ld\n", full, (long long)st.st_size,
			(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
		hash_update(&sum, state, strlen(state));
		strvec_add(&s->urls, urls.v[i]);
		strvec_take(&s->index_paths, steal_ptr(path));
	}
	r = hash_keys(s, &sum, e);
	hash_end(&sum, &s->id);
	if (r < 0)
		repos_close(s);
	return r;
}

static int parse_one(struct repo_set *s, size_t i, struct err *e)
{
	_cleanup_free_ char *data = NULL;
	size_t len;
	int r = fs_read(s->index_paths.v[i], INDEX_MAX, &data, &len, e);

	if (r == 0) {
		s->repos[i].url = xstrdup(s->urls.v[i]);
		s->repos[i].arch = xstrdup(s->arch->alpine);
		s->n_repos = i + 1;
		r = apk_index_parse(&s->repos[i], data, len, s->index_paths.v[i], s->keys, e);
	}
	if (r < 0 && e && !e->exit_code)
		e->exit_code = EXIT_UNTRUSTED;
	return r < 0 ? err_prefix(e, "index of %s", s->urls.v[i]) : 0;
}

static void forget_parsed(struct repo_set *s)
{
	for (size_t i = 0; i < s->n_repos; i++)
		apk_repo_free(&s->repos[i]);
	free(s->repos);
	apk_keys_free(s->keys);
	s->repos = NULL;
	s->keys = NULL;
	s->n_repos = 0;
}

static int parse_all(struct repo_set *s, struct err *e)
{
	int r = apk_keys_load(&s->keys, &s->keys_dirs, e);

	if (r < 0) {
		if (e)
			e->exit_code = EXIT_UNTRUSTED;
		return r;
	}
	s->repos = xcalloc(s->urls.n, sizeof(*s->repos));
	for (size_t i = 0; r == 0 && i < s->urls.n; i++)
		r = parse_one(s, i, e);
	if (r < 0)
		forget_parsed(s);
	return r;
}

int repos_parse(struct repo_set *s, struct err *e)
{
	if (s->repos)
		return 0;
	if (!s->shared)
		return parse_all(s, e);
	if (!s->shared->problem.code)
		repos_parse(&s->shared->set, &s->shared->problem);
	s->repos = s->shared->set.repos;
	s->n_repos = s->shared->set.n_repos;
	return known_problem(s->shared, e);
}

const struct apk_pkg *repos_newest(const struct repo_set *s, const char *name)
{
	const struct apk_pkg *best = NULL;

	for (size_t i = 0; i < s->n_repos; i++)
		for (size_t k = 0; k < s->repos[i].n_pkgs; k++) {
			const struct apk_pkg *p = &s->repos[i].pkgs[k];

			if (streq(p->name, name) &&
				(!best || apk_version_compare(p->version, best->version, false) ==
						  APK_VER_GT))
				best = p;
		}
	return best;
}

int repos_solve(const struct repo_set *s, const struct strvec *world, struct apk_solution *out,
	struct err *e)
{
	const struct apk_repo **list = xcalloc(s->n_repos, sizeof(*list));
	struct apk_universe u = {.repos = list, .n_repos = s->n_repos};
	struct apk_deps deps = {0};
	int r = 0;

	for (size_t i = 0; i < s->n_repos; i++)
		list[i] = &s->repos[i];
	for (size_t i = 0; r == 0 && i < world->n; i++)
		r = apk_deps_parse(&deps, world->v[i], e);
	if (r == 0)
		r = apk_solve(&u, &deps, 0, out, e);
	if (r < 0 && e && !e->exit_code)
		e->exit_code = EXIT_CONFLICT;
	apk_deps_free(&deps);
	free(list);
	return r;
}

void repos_close(struct repo_set *s)
{
	if (!s->shared)
		forget_parsed(s);
	strvec_free(&s->urls);
	strvec_free(&s->keys_dirs);
	strvec_free(&s->index_paths);
	*s = (struct repo_set){0};
}
