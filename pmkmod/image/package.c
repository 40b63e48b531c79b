// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/image/package.h"

#include <fcntl.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/fit/fit.h"
#include "pmkmod/image/image.h"
#include "pmkmod/kernel/ko_image.h"

bool is_apk_package(const char *path)
{
	unsigned char magic[2] = {0};
	_cleanup_close_ int fd = -1;

	if (!ends_with(path, ".apk"))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	/* what cannot be opened is told where it is read */
	return fd < 0 || (read(fd, magic, 2) == 2 && magic[0] == 0x1f && magic[1] == 0x8b);
}

enum wanted { WANT_NOTHING, WANT_IMAGE, WANT_MODULE };

struct scan {
	struct kernel_package *p;
	const char *shown;
	bool with_modules;
	size_t rank; /* of the image found */
	/* the file that is being read */
	enum wanted wanted;
	char *name, *owner; /* of a module: as modpost calls it */
	size_t folder;
	struct strbuf content;
};

static size_t folder_of(struct scan *s, const char *release, size_t len)
{
	struct kernel_package *p = s->p;

	for (size_t i = 0; i < p->n_folders; i++)
		if (strlen(p->folders[i].release) == len &&
			strncmp(p->folders[i].release, release, len) == 0)
			return i;
	p->folders = xrealloc(p->folders, p->n_folders + 1, sizeof(*p->folders));
	p->folders[p->n_folders] = (struct package_modules){.release = xstrndup(release, len)};
	return p->n_folders++;
}

/* "kernel/drivers/net/foo.ko.xz" -> "drivers/net/foo"; NULL: no module. Caller frees. */
static char *owner_of(const char *path)
{
	const char *rest = starts_with(path, "kernel/") ? path + strlen("kernel/") : path;
	size_t stem = ko_stem(rest);

	return stem ? xstrndup(rest, stem) : NULL;
}

static void want_image(struct scan *s, const char *name, const char *base)
{
	size_t rank = kernel_image_rank(base);

	if (strchr(base, '/') || rank >= s->rank)
		return;
	s->rank = rank;
	s->wanted = WANT_IMAGE;
	free(s->p->image_name);
	s->p->image_name = xstrdup(name);
}

static void want_below_modules(struct scan *s, const char *name, const char *path)
{
	size_t len = strcspn(path, "/");

	if (!path[len] || !len)
		return;
	s->owner = owner_of(path + len + 1);
	if (!s->owner) {
		want_image(s, name, path + len + 1);
		return;
	}
	if (!s->with_modules)
		return;
	s->folder = folder_of(s, path, len);
	s->wanted = WANT_MODULE;
}

static int on_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	static const char *const modules[] = {"lib/modules/", "usr/lib/modules/"};
	static const char *const boots[] = {"boot/", "usr/boot/"};
	struct scan *s = ctx;
	const char *rest;

	(void)e;
	s->wanted = WANT_NOTHING;
	strbuf_reset(&s->content);
	free(s->owner);
	s->owner = NULL;
	if (en->type != APK_FILE)
		return 0;
	if ((rest = behind_prefix(en->name, modules, ARRAY_SIZE(modules))))
		want_below_modules(s, en->name, rest);
	else if ((rest = behind_prefix(en->name, boots, ARRAY_SIZE(boots))))
		want_image(s, en->name, rest);
	free(s->name);
	s->name = xstrdup(en->name);
	return 0;
}

static int on_data(void *ctx, const void *p, size_t n, struct err *e)
{
	struct scan *s = ctx;

	if (s->wanted == WANT_NOTHING)
		return 0;
	if (n > KERNEL_IMAGE_MAX - s->content.len)
		return err_set(e, -EFBIG, "'%s' in '%s' is larger than the %u MiB allowed", s->name,
			s->shown, KERNEL_IMAGE_MAX >> 20);
	strbuf_add(&s->content, p, n);
	return 0;
}

static void add_line(struct package_modules *f, const struct ko_export *x, const char *owner)
{
	strbuf_addf(&f->lines, "0x%08x\t%s\t%s\t%s\t%s\n", x->has_crc ? x->crc : 0, x->name, owner,
		export_class_names[x->gpl ? EXPORT_GPL : EXPORT_PLAIN], x->ns);
	f->exports++;
	f->gpl += x->gpl;
	f->with_ns += *x->ns != '\0';
	f->without_crc += !x->has_crc;
}

/* One module that cannot be read costs its exports, not those of all the others. */
static void read_module(struct scan *s)
{
	struct package_modules *f = &s->p->folders[s->folder];
	struct err why = ERR_INIT;
	struct ko k;

	f->modules++;
	if (ko_parse(&k, s->name, s->content.s ? s->content.s : "", s->content.len, &why) < 0) {
		strvec_addf(&f->doubts, "the exports of a module are missing: %s", why.text);
		return;
	}
	f->exporting += k.n_exported > 0;
	for (size_t i = 0; i < k.n_exported; i++)
		add_line(f, &k.exported[i], s->owner);
	ko_free(&k);
}

static int on_end(void *ctx, struct err *e)
{
	struct scan *s = ctx;

	(void)e;
	if (s->wanted == WANT_MODULE)
		read_module(s);
	if (s->wanted == WANT_IMAGE) {
		free(s->p->image);
		s->p->image_len = s->content.len;
		s->p->image = strbuf_steal(&s->content);
	}
	s->wanted = WANT_NOTHING;
	return 0;
}

int kernel_package_read(
	struct kernel_package *p, const char *path, bool with_modules, struct err *e)
{
	static const struct apk_reader_ops ops = {
		.entry = on_entry, .data = on_data, .end = on_end};
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct scan s = {.p = p, .shown = path, .with_modules = with_modules, .rank = SIZE_MAX};
	int r;

	*p = (struct kernel_package){0};
	if (fd < 0)
		return err_errno(e, -errno, "cannot open the kernel package '%s'", path);
	r = apk_read(fd, path_base(path), NULL, NULL, NULL, &ops, &s, e);
	strbuf_free(&s.content);
	free(s.name);
	free(s.owner);
	if (r < 0)
		kernel_package_free(p);
	return r;
}

int kernel_package_image(const char *path, char **bytes, size_t *len, struct err *e)
{
	struct kernel_package p;
	int r = kernel_package_read(&p, path, false, e);

	if (r < 0)
		return r;
	if (!p.image)
		r = err_set(e, -ENOTSUP, "the package '%s' holds no kernel image in /boot", path);
	*len = p.image_len;
	*bytes = steal_ptr(p.image);
	kernel_package_free(&p);
	return r;
}

void kernel_package_free(struct kernel_package *p)
{
	for (size_t i = 0; i < p->n_folders; i++) {
		free(p->folders[i].release);
		strbuf_free(&p->folders[i].lines);
		strvec_free(&p->folders[i].doubts);
	}
	free(p->folders);
	free(p->image);
	free(p->image_name);
	*p = (struct kernel_package){0};
}
