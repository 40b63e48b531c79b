// SPDX-License-Identifier: GPL-3.0-or-later
/* One pass over a kernel's modules, in its package or a folder. */
#include "pmkmod/kernel/modules.h"

#include <fcntl.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/kernel/ko_image.h"

#define CACHE_SUFFIX ".modules"
#define CACHE_MAX (128u << 20)
#define MODINFO_MAX (16u << 20)
#define LIST_MAX (64u << 20)
/* All modules together; those of a distribution with debug information are 4 GiB. */
#define FOLDER_MAX (8ull << 30)

struct reading {
	struct modules_builder b;
	const struct kernel_facts *facts;
	struct strbuf modinfo, content;
	bool has_modinfo;
	/* the file that is being read */
	char *path; /* of a module, below its folder; NULL: it is none */
	bool wanted, is_modinfo;
	size_t max;
};

static void reading_free(struct reading *s)
{
	modules_builder_free(&s->b);
	strbuf_free(&s->modinfo);
	strbuf_free(&s->content);
	free(s->path);
}

static int too_many(struct err *e)
{
	return err_set(e, -EFBIG, "it has more modules or aliases than any kernel");
}

/* What is gathered becomes the table; `keep` (may be NULL) is where it is kept. */
static int conclude(struct kernel_modules *m, struct reading *s, const char *keep, struct err *e)
{
	size_t len;
	char *text;
	int r = modules_builder_add_builtin(&s->b, &s->facts->builtin,
		s->has_modinfo ? s->modinfo.len ? s->modinfo.s : "" : NULL, s->modinfo.len);

	if (r < 0)
		return too_many(e);
	text = modules_builder_print(&s->b, &len);
	/* what cannot be kept only costs time */
	if (keep)
		fs_write_atomic(keep, text, len, 0600, NULL);
	r = kernel_modules_parse(m, text, len);
	return r < 0 ? err_set(e, r, "its modules cannot be told apart") : 0;
}

/* ---- a package ---- */

static int on_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	static const char *const folders[] = {"lib/modules/", "usr/lib/modules/"};
	struct reading *s = ctx;
	const char *rest = behind_prefix(en->name, folders, ARRAY_SIZE(folders));
	const char *release = s->facts->release;

	(void)e;
	s->wanted = s->is_modinfo = false;
	strbuf_reset(&s->content);
	free(s->path);
	s->path = NULL;
	if (en->type != APK_FILE || !rest || !release || !starts_with(rest, release) ||
		rest[strlen(release)] != '/')
		return 0;
	rest += strlen(release) + 1;
	s->is_modinfo = streq(rest, "modules.builtin.modinfo");
	s->wanted = s->is_modinfo || ko_stem(rest);
	s->max = s->is_modinfo ? MODINFO_MAX : KO_MAX;
	s->path = xstrdup(rest);
	return 0;
}

static int on_data(void *ctx, const void *p, size_t n, struct err *e)
{
	struct reading *s = ctx;

	(void)e;
	if (!s->wanted)
		return 0;
	if (n > s->max - s->content.len) {
		strbuf_reset(&s->content);
		s->max = 0; /* too large to be what it is named; nothing more of it is taken */
	} else {
		strbuf_add(&s->content, p, n);
	}
	return 0;
}

static int on_end(void *ctx, struct err *e)
{
	struct reading *s = ctx;
	size_t len = s->content.len;
	int r = 0;

	if (!s->wanted)
		return 0;
	s->wanted = false;
	if (!s->is_modinfo) {
		r = modules_builder_add(&s->b, s->path, strbuf_steal(&s->content), len);
		return r < 0 ? too_many(e) : 0;
	}
	s->has_modinfo = s->max != 0;
	strbuf_add(&s->modinfo, s->content.s ? s->content.s : "", len);
	return 0;
}

static int of_package(struct kernel_modules *m, const struct kernel_modules_source *from,
	struct reading *s, const char *keep, struct err *e)
{
	static const struct apk_reader_ops ops = {
		.entry = on_entry, .data = on_data, .end = on_end};
	_cleanup_close_ int fd = open(from->apk, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(e, -errno, "cannot open the kernel package '%s'", from->apk);
	r = apk_read(fd, path_base(from->apk), from->identity, NULL, NULL, &ops, s, e);
	return r == 0 ? conclude(m, s, keep, e) : r;
}

/* ---- a folder ---- */

/* modules.order names them without what compression adds, before 6.2 or so also as objects. */
static int read_module(const char *dir, const char *name, char **bytes, size_t *len)
{
	_cleanup_free_ char *path = path_join(dir, name);
	int r = fs_read_regular(path, KO_MAX, bytes, len, NULL);

	for (size_t i = KO_PLAIN + 1; r == -ENOENT && i <= KO_ZSTD; i++) {
		free(path);
		path = xasprintf("%s/%s%s", dir, name, ko_compression_suffix[i]);
		r = fs_read_regular(path, KO_MAX, bytes, len, NULL);
	}
	return r;
}

/* depmod's own lists; what a module depends on is only read when it is asked for. */
static int read_lists(struct reading *s, const char *dir)
{
	_cleanup_free_ char *softdep_path = path_join(dir, "modules.softdep"),
			    *alias_path = path_join(dir, "modules.alias"), *softdep = NULL,
			    *alias = NULL;
	size_t len, softdep_len;

	if (fs_read_regular(alias_path, LIST_MAX, &alias, &len, NULL) < 0 ||
		fs_read_regular(softdep_path, LIST_MAX, &softdep, &softdep_len, NULL) < 0 ||
		strlen(alias) != len || strlen(softdep) != softdep_len)
		return -ENOENT;
	return modules_builder_add_lists(&s->b, &s->facts->modules, softdep, alias);
}

/* Every module; one that cannot be read is known by its name alone. */
static int read_modules(struct reading *s, const char *dir)
{
	uint64_t total = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->facts->modules.n; i++) {
		const char *name = s->facts->modules.v[i];
		char *bytes = NULL;
		size_t len = 0;

		if (read_module(dir, name, &bytes, &len) < 0)
			bytes = xstrdup("");
		total += len;
		r = total > FOLDER_MAX ? -EFBIG : 0;
		if (r == 0)
			r = modules_builder_add(&s->b, name, bytes, len);
		else
			free(bytes);
	}
	return r;
}

const char *kernel_modules_depends(struct kernel_modules *m, const struct kernel_module *one)
{
	struct kernel_module *own = &m->v[one - m->v];
	char *bytes = NULL, *depends;
	size_t len;

	if (!streq(own->depends, "?"))
		return own->depends;
	if (!m->dir || read_module(m->dir, own->path, &bytes, &len) < 0)
		return NULL;
	depends = module_depends(bytes, len);
	if (!depends)
		return NULL;
	strvec_take(&m->late, depends);
	own->depends = depends;
	return depends;
}

static int of_folder(struct kernel_modules *m, const char *dir, struct reading *s, struct err *e)
{
	_cleanup_free_ char *list = path_join(dir, "modules.builtin.modinfo"), *text = NULL;
	size_t len = 0;
	int r = read_lists(s, dir);

	if (r == -ENOENT)
		r = read_modules(s, dir);
	if (r < 0)
		return too_many(e);
	if (fs_read_regular(list, MODINFO_MAX, &text, &len, NULL) == 0) {
		s->has_modinfo = true;
		strbuf_add(&s->modinfo, text, len);
	}
	r = conclude(m, s, NULL, e);
	if (r == 0)
		m->dir = xstrdup(dir);
	return r;
}

static bool load_kept(struct kernel_modules *m, const char *path)
{
	char *text;
	size_t len;

	fs_note_use(path);
	/* a cache that cannot be read is read again */
	return fs_read_regular(path, CACHE_MAX, &text, &len, NULL) == 0 &&
	       kernel_modules_parse(m, text, len) == 0;
}

int kernel_modules_read(struct kernel_modules *m, const struct kernel_modules_source *from,
	const struct kernel_facts *facts, struct err *e)
{
	struct reading s = {.facts = facts};
	bool kept =
		from->apk && from->cache_dir && from->identity && from->identity->alg != HASH_NONE;
	_cleanup_free_ char *path = kept ? kernel_cache_path(from->cache_dir, from->identity,
						   from->flavor, CACHE_SUFFIX)
					 : NULL;
	int r;

	*m = (struct kernel_modules){0};
	if (kept && load_kept(m, path))
		return 0;
	if (!facts->modules.n && !facts->builtin.n)
		r = conclude(m, &s, NULL, e); /* nothing to read: most vendor kernels are so */
	else if (from->apk)
		r = of_package(m, from, &s, path, e);
	else
		r = of_folder(m, from->dir, &s, e);
	reading_free(&s);
	return r;
}
