// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/made_headers.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/pinned.h"
#include "pmkmod/build/plan.h"

/* Bumped whenever other packages are made of the same source. */
#define HEADERS_FORMAT 1

char *made_headers_dir(const struct context *x, const struct device *d)
{
	return xasprintf(
		"%s/headers/%s-%s-%s", x->state, d->channel.name, d->arch->alpine, d->kernel);
}

static bool still_published(const struct context *x, const struct device *d, const struct pinned *p)
{
	_cleanup_free_ char *packages = plan_packages_dir(x);
	_cleanup_free_ char *path = xasprintf("%s/%s/%s/%s-%s.apk", packages, d->channel.name,
		d->arch->alpine, p->name ? p->name : "", p->version ? p->version : "");

	return p->name && fs_exists(path);
}

int made_headers_parse(struct made_headers *h, const char *text)
{
	_cleanup_strvec_ struct strvec lines = {0};
	struct {
		const char *word;
		char **slot;
	} words[] = {{"origin ", &h->origin}, {"provider ", &h->provider},
		{"compiler ", &h->compiler}, {"release ", &h->release}, {"symvers ", &h->symvers}};

	*h = (struct made_headers){0};
	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		const char *l = lines.v[i];

		for (size_t k = 0; k < ARRAY_SIZE(words); k++)
			if (starts_with(l, words[k].word) && !*words[k].slot)
				*words[k].slot = xstrdup(l + strlen(words[k].word));
		if (starts_with(l, "dev ") && !h->dev.name)
			pinned_parse(&h->dev, l + strlen("dev "));
		else if (starts_with(l, "scripts ") && !h->scripts.name)
			pinned_parse(&h->scripts, l + strlen("scripts "));
		else if (starts_with(l, "kernel "))
			apk_identity_parse(&h->kernel, l + strlen("kernel "));
	}
	if (h->origin && h->provider && h->compiler && h->dev.name && h->scripts.name)
		return 0;
	made_headers_free(h);
	return -EINVAL;
}

void made_headers_load(struct made_headers *h, const struct context *x, const struct device *d)
{
	_cleanup_free_ char *dir = made_headers_dir(x, d), *path = path_join(dir, "record");
	_cleanup_free_ char *text = NULL;

	*h = (struct made_headers){0};
	if (fs_read(path, MADE_HEADERS_MAX, &text, NULL, NULL) < 0 ||
		made_headers_parse(h, text) < 0)
		return;
	if (!still_published(x, d, &h->dev) || !still_published(x, d, &h->scripts))
		made_headers_free(h);
}

int made_headers_lock(const struct context *x, const struct device *d, struct err *e)
{
	_cleanup_free_ char *dir = made_headers_dir(x, d), *path = path_join(dir, "lock");
	int r = fs_mkdirs(dir, 0700, e);

	return r < 0 ? r : fs_lock(path, true, true, e);
}

int made_headers_store(const struct made_headers *h, const struct context *x,
	const struct device *d, struct err *e)
{
	_cleanup_free_ char *dir = made_headers_dir(x, d), *path = path_join(dir, "record");
	_cleanup_free_ char *kernel = apk_identity_text(&h->kernel);
	_cleanup_strbuf_ struct strbuf b = {0};

	strbuf_addf(&b, "kernel %s\norigin %s\nprovider %s\ncompiler %s\n", kernel, h->origin,
		h->provider, h->compiler);
	if (h->release)
		strbuf_addf(&b, "release %s\n", h->release);
	if (h->symvers)
		strbuf_addf(&b, "symvers %s\n", h->symvers);
	strbuf_adds(&b, "dev ");
	pinned_print(&h->dev, &b);
	strbuf_adds(&b, "\nscripts ");
	pinned_print(&h->scripts, &b);
	strbuf_addc(&b, '\n');
	return fs_write_atomic(path, b.s, b.len, 0644, e);
}

bool made_headers_are_repaired(const struct made_headers *h)
{
	return h->dev.name && streq(h->origin, MADE_HEADERS_REPAIRED);
}

void made_headers_free(struct made_headers *h)
{
	pinned_free(&h->dev);
	pinned_free(&h->scripts);
	free(h->origin);
	free(h->provider);
	free(h->compiler);
	free(h->release);
	free(h->symvers);
	*h = (struct made_headers){0};
}

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

static void add_content(struct strbuf *b, const char *dir, const char *name)
{
	_cleanup_free_ char *path = path_join(dir, name);
	char hex[HASH_HEX_MAX];
	struct hash h;

	if (hash_file(AT_FDCWD, path, HASH_SHA256, &h, NULL) < 0)
		return;
	hash_hex(&h, hex);
	strbuf_addf(b, "%s %s\n", name, hex);
}

/* Text of one small file of a git folder without its line end, NULL if there is none. */
static char *git_text(const char *git, const char *name)
{
	_cleanup_free_ char *path = path_join(git, name), *text = NULL;

	if (fs_read(path, MADE_HEADERS_MAX, &text, NULL, NULL) < 0)
		return NULL;
	return xstrdup(str_strip(text));
}

/* gitrepository-layout(5): .git is a folder, or a file that names one; HEAD is a commit or a ref.
 */
static void add_commit(struct strbuf *b, const char *dir)
{
	_cleanup_free_ char *git = path_join(dir, ".git"), *link = git_text(dir, ".git");
	_cleanup_free_ char *head = NULL, *common = NULL, *ref = NULL, *packed = NULL, *base = NULL;

	if (link && starts_with(link, "gitdir: ")) {
		free(git);
		git = link[8] == '/' ? xstrdup(link + 8) : path_join(dir, link + 8);
	}
	head = git_text(git, "HEAD");
	if (!head)
		return;
	strbuf_addf(b, "git %s\n", head);
	if (!starts_with(head, "ref: "))
		return;
	common = git_text(git, "commondir");
	base = common ? (*common == '/' ? xstrdup(common) : path_join(git, common)) : xstrdup(git);
	ref = git_text(base, head + 5);
	packed = path_join(base, "packed-refs");
	if (ref)
		strbuf_addf(b, "commit %s\n", ref);
	else
		add_stat(b, "packed-refs", packed);
}

char *headers_origin_hash(const struct kernel_origin *o)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	char hex[HASH_HEX_MAX];
	struct hash h;

	strbuf_addf(&b, "headers %d\ncc %s\n", HEADERS_FORMAT, o->cc ? o->cc : "");
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
	if (o->kdir) {
		add_content(&b, o->kdir, ".config");
		add_content(&b, o->kdir, "include/generated/utsrelease.h");
		add_content(&b, o->kdir, "include/config/auto.conf");
		add_content(&b, o->kdir, "Module.symvers");
	}
	if (o->aport)
		add_content(&b, o->aport, "APKBUILD");
	hash_buf(HASH_SHA256, b.s, b.len, &h);
	hash_hex(&h, hex);
	return xstrdup(hex);
}

const char *headers_compiler(const struct kernel_origin *o, const struct made_headers *h)
{
	if (o->cc)
		return o->cc;
	return h->compiler ? h->compiler : "gcc";
}
