// SPDX-License-Identifier: GPL-3.0-or-later
/* What headers are made of, as hashes: one that is had at once, and one that is the same
 * everywhere. */
#include <fcntl.h>
#include <fts.h>
#include <sys/stat.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/made_headers.h"

/* Bumped whenever other packages are made of the same source. */
#define HEADERS_FORMAT 1

bool headers_origin_given(const struct kernel_origin *o)
{
	return o->kdir || o->source || o->aport;
}

bool headers_origin_below(const struct kernel_origin *o, const char *dir)
{
	const char *const paths[] = {
		o->kdir, o->source, o->aport, o->config, o->image, o->symvers, o->phone};
	size_t n = strlen(dir);

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (paths[i] && strncmp(paths[i], dir, n) == 0 && paths[i][n] == '/')
			return true;
	return false;
}

/* ---- the hash of an origin ---- */

static void add_stat(struct strbuf *b, const char *word, const char *path)
{
	struct stat st;

	if (!path)
		return;
	if (stat(path, &st) < 0)
		strbuf_addf(b, "%s %s\n", word, path);
	else if (S_ISDIR(st.st_mode))
		strbuf_addf(b, "%s folder %s\n", word, path);
	else
		strbuf_addf(b, "%s %s %lld %lld.%09ld\n", word, path, (long long)st.st_size,
			(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static void add_file(struct strbuf *b, const char *word, const char *path)
{
	char hex[HASH_HEX_MAX];
	struct hash h;

	if (!path || hash_file(AT_FDCWD, path, HASH_SHA256, &h, NULL) < 0)
		return;
	hash_hex(&h, hex);
	strbuf_addf(b, "%s %s\n", word, hex);
}

static void add_content(struct strbuf *b, const char *dir, const char *name)
{
	_cleanup_free_ char *path = path_join(dir, name);

	add_file(b, name, path);
}

/* What says of a build folder and an aport which ones they are. */
static void add_built(struct strbuf *b, const struct kernel_origin *o)
{
	static const char *const names[] = {".config", "include/generated/utsrelease.h",
		"include/config/auto.conf", "Module.symvers"};

	for (size_t i = 0; o->kdir && i < ARRAY_SIZE(names); i++)
		add_content(b, o->kdir, names[i]);
	if (o->aport)
		add_content(b, o->aport, "APKBUILD");
}

static void begin(struct strbuf *b, const struct kernel_origin *o)
{
	strbuf_addf(b, "headers %d\ncc %s\n", HEADERS_FORMAT, o->cc ? o->cc : "");
}

static char *hash_of(const struct strbuf *b)
{
	char hex[HASH_HEX_MAX];
	struct hash h;

	hash_buf(HASH_SHA256, b->s, b->len, &h);
	hash_hex(&h, hex);
	return xstrdup(hex);
}

/* Text of one small file of a git folder without its line end, NULL if there is none. */
static char *git_text(const char *git, const char *name)
{
	_cleanup_free_ char *path = path_join(git, name), *text = NULL;

	if (fs_read(path, MADE_HEADERS_MAX, &text, NULL, NULL) < 0)
		return NULL;
	return xstrdup(str_strip(text));
}

/* What it has of a folder in git, gitrepository-layout(5). */
struct git_place {
	char *git, *base; /* .git, or what that file names; where refs are */
	char *head; /* a commit, or "ref: ..."; NULL: it is not in git */
};

static void git_find(struct git_place *g, const char *dir)
{
	_cleanup_free_ char *link = git_text(dir, ".git"), *common = NULL;

	g->git = path_join(dir, ".git");
	if (link && starts_with(link, "gitdir: ")) {
		free(g->git);
		g->git = link[8] == '/' ? xstrdup(link + 8) : path_join(dir, link + 8);
	}
	g->head = git_text(g->git, "HEAD");
	common = git_text(g->git, "commondir");
	g->base = !common	   ? xstrdup(g->git)
		  : *common == '/' ? xstrdup(common)
				   : path_join(g->git, common);
}

static void git_place_free(struct git_place *g)
{
	free(g->git);
	free(g->base);
	free(g->head);
}

static void add_commit(struct strbuf *b, const char *dir)
{
	struct git_place g;
	_cleanup_free_ char *ref = NULL, *packed = NULL;

	git_find(&g, dir);
	if (g.head)
		strbuf_addf(b, "git %s\n", g.head);
	if (g.head && starts_with(g.head, "ref: ")) {
		ref = git_text(g.base, g.head + 5);
		packed = path_join(g.base, "packed-refs");
		if (ref)
			strbuf_addf(b, "commit %s\n", ref);
		else
			add_stat(b, "packed-refs", packed);
	}
	git_place_free(&g);
}

char *headers_origin_hash(const struct kernel_origin *o)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	begin(&b, o);
	add_stat(&b, "kdir", o->kdir);
	add_stat(&b, "source", o->source);
	add_stat(&b, "config", o->config);
	add_stat(&b, "image", o->image);
	add_stat(&b, "symvers", o->symvers);
	if (o->phone) {
		_cleanup_free_ char *said = path_join(o->phone, "phone.ini");

		add_stat(&b, "phone", said);
	}
	if (o->sha256)
		strbuf_addf(&b, "sha256 %s\n", o->sha256);
	if (o->source && fs_is_dir(o->source)) {
		add_content(&b, o->source, "Makefile");
		add_commit(&b, o->source);
	}
	add_built(&b, o);
	return hash_of(&b);
}

/* ---- the same on every machine ---- */

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Names and sizes of all files: what was changed by hand nearly always shows in them. */
static void add_names(struct strbuf *b, const char *dir)
{
	char *copy = xstrdup(dir), *const dirs[] = {copy, NULL};
	FTS *f = fts_open(dirs, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	size_t skip = strlen(dir);
	char hex[HASH_HEX_MAX];
	struct hash_ctx c;
	struct hash h;
	FTSENT *en;

	hash_start(&c, HASH_SHA256);
	while (f && (en = fts_read(f))) {
		_cleanup_free_ char *line = NULL;

		if (en->fts_level == 1 && streq(en->fts_name, ".git")) {
			fts_set(f, en, FTS_SKIP);
			continue;
		}
		if (en->fts_info != FTS_F && en->fts_info != FTS_SL)
			continue;
		line = xasprintf(
			"%s %lld\n", en->fts_path + skip, (long long)en->fts_statp->st_size);
		hash_update(&c, line, strlen(line));
	}
	if (f)
		fts_close(f);
	hash_end(&c, &h);
	hash_hex(&h, hex);
	strbuf_addf(b, "names %s\n", hex);
	free(copy);
}

/* The commit alone: branches and where refs are kept are everybody's own business. */
static void add_commit_id(struct strbuf *b, const char *dir)
{
	_cleanup_free_ char *ref = NULL, *packed = NULL;
	_cleanup_strvec_ struct strvec lines = {0};
	struct git_place g;

	git_find(&g, dir);
	if (g.head && starts_with(g.head, "ref: ")) {
		ref = git_text(g.base, g.head + 5);
		packed = ref ? NULL : git_text(g.base, "packed-refs");
		strvec_split(&lines, packed ? packed : "", "\n");
		for (size_t i = 0; i < lines.n; i++)
			if (strlen(lines.v[i]) > 41 && streq(lines.v[i] + 41, g.head + 5))
				strbuf_addf(b, "commit %.40s\n", lines.v[i]);
	}
	if (ref || (g.head && !starts_with(g.head, "ref: ")))
		strbuf_addf(b, "commit %s\n", ref ? ref : g.head);
	git_place_free(&g);
}

static void add_source(struct strbuf *b, const char *source)
{
	if (!source)
		return;
	if (!fs_is_dir(source)) {
		/* a URL is the same for all, a file is what is in it */
		if (fs_exists(source))
			add_file(b, "source", source);
		else
			strbuf_addf(b, "source %s\n", source);
		return;
	}
	add_content(b, source, "Makefile");
	add_commit_id(b, source);
	add_names(b, source);
}

char *headers_origin_content(const struct kernel_origin *o)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	begin(&b, o);
	add_source(&b, o->source);
	add_file(&b, "config", o->config);
	add_file(&b, "image", o->image);
	add_file(&b, "symvers", o->symvers);
	if (o->phone)
		add_content(&b, o->phone, "phone.ini");
	if (o->sha256)
		strbuf_addf(&b, "sha256 %s\n", o->sha256);
	add_built(&b, o);
	return hash_of(&b);
}
