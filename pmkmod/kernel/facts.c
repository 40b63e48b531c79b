// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * One pass over a kernel package. Which of the folders below lib/modules/ is the kernel's is only
 * known when kernel.release has been seen, and that may come last: so everything is kept by folder
 * until the end.
 */
#include "pmkmod/kernel/kernel.h"

#include <fcntl.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/kernel/facts_cache.h"
#include "pmkmod/kernel/ko_layout.h"
#include "pmkmod/kernel/name_index.h"

#define RELEASE_MAX 256
#define BUILTIN_MAX (16u << 20)
#define CACHE_MAX (16u << 20)
/* A module to read vermagic from need not be one of the largest. */
#define SAMPLE_MAX (32u << 20)
/* Most have all that is looked for; some have no function to start or to end with. */
#define SAMPLES_MAX 16

/* What was found below one lib/modules/<release>/. */
struct folder {
	struct kernel_facts f; /* `release` is its name */
	int n_samples;
};

enum wanted { WANT_NOTHING, WANT_RELEASE, WANT_BUILTIN, WANT_ATTRIBUTES, WANT_SAMPLE };

struct scan {
	struct kernel_facts *f;
	const char *flavor; /* NULL: any */
	struct folder *folders;
	size_t n_folders;
	size_t image_rank; /* how usual the name of the image found is, 0: the most */
	/* the file that is being read */
	enum wanted wanted;
	size_t max, folder; /* `folder`: index, valid for BUILTIN and SAMPLE */
	struct strbuf content;
};

static size_t folder_of(struct scan *s, const char *release, size_t len)
{
	for (size_t i = 0; i < s->n_folders; i++)
		if (strlen(s->folders[i].f.release) == len &&
			strncmp(s->folders[i].f.release, release, len) == 0)
			return i;
	s->folders = xrealloc(s->folders, s->n_folders + 1, sizeof(*s->folders));
	s->folders[s->n_folders] = (struct folder){.f.release = xstrndup(release, len)};
	return s->n_folders++;
}

size_t kernel_image_rank(const char *base)
{
	static const char *const images[] = {"vmlinuz", "Image", "zImage", "bzImage", "uImage",
		"linux.efi", "kernel", "vmlinux"};

	for (size_t i = 0; i < ARRAY_SIZE(images); i++)
		if (starts_with(base, images[i]) && !ends_with(base, ".dtb"))
			return i;
	return SIZE_MAX;
}

/* Some distributions ship the kernel's exports beside it: Module.symvers-<release>,
 * symvers-<release>.gz */
static void note_symvers(struct scan *s, const char *name, const char *base)
{
	if ((starts_with(base, "Module.symvers") || starts_with(base, "symvers")) &&
		!s->f->symvers_name)
		s->f->symvers_name = xstrdup(name);
}

/* A file of boot/ (or lib/modules/<release>/). */
static void note_boot(struct scan *s, const char *name, const char *base)
{
	size_t rank = kernel_image_rank(base);

	if (starts_with(base, "config") && !s->f->config_name)
		s->f->config_name = xstrdup(name);
	note_symvers(s, name, base);
	if (rank < s->image_rank) {
		s->image_rank = rank;
		free(s->f->image_name);
		s->f->image_name = xstrdup(name);
	}
}

static bool samples_suffice(const struct folder *d)
{
	return d->f.vermagic && ((d->f.layout.init && d->f.layout.exit && d->f.layout.name) ||
					d->n_samples >= SAMPLES_MAX);
}

static void note_below_modules(struct scan *s, const char *name, const char *path, uint64_t size)
{
	size_t len = strcspn(path, "/"), i;
	const char *rest = path + len + 1;
	struct folder *d;

	if (path[len] != '/' || !len)
		return;
	i = folder_of(s, path, len);
	d = &s->folders[i];
	if (ko_stem(rest)) {
		strvec_add(&d->f.modules, rest);
		if (size > SAMPLE_MAX || samples_suffice(d))
			return;
		s->wanted = WANT_SAMPLE;
		s->max = SAMPLE_MAX;
	} else if (streq(rest, "modules.builtin")) {
		s->wanted = WANT_BUILTIN;
		s->max = BUILTIN_MAX;
	} else if (streq(rest, "modules.builtin.modinfo")) {
		s->wanted = WANT_ATTRIBUTES;
		s->max = BUILTIN_MAX;
	} else if (streq(rest, "modules.order")) {
		d->f.modules_order = 1;
	} else if (!strchr(rest, '/')) {
		note_boot(s, name, rest);
	}
	s->folder = i;
}

/* usr/share/kernel/<flavor>/kernel.release, which all of pmaports' kernels install. */
static void note_release(struct scan *s, const char *name, const char *path)
{
	size_t len = strcspn(path, "/");

	if (!path[len] ||
		(s->flavor && (strlen(s->flavor) != len || strncmp(path, s->flavor, len) != 0)))
		return;
	if (!strchr(path + len + 1, '/'))
		note_symvers(s, name, path + len + 1);
	if (!streq(path + len, "/kernel.release") || s->f->release)
		return;
	s->wanted = WANT_RELEASE;
	s->max = RELEASE_MAX;
}

static int on_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	static const char *const modules[] = {"lib/modules/", "usr/lib/modules/"};
	static const char *const shares[] = {"usr/share/kernel/"};
	static const char *const boots[] = {"boot/", "usr/boot/"};
	struct scan *s = ctx;
	const char *rest;

	(void)e;
	s->wanted = WANT_NOTHING;
	strbuf_reset(&s->content);
	if (en->type != APK_FILE)
		return 0;
	if ((rest = behind_prefix(en->name, modules, ARRAY_SIZE(modules))))
		note_below_modules(s, en->name, rest, en->size);
	else if ((rest = behind_prefix(en->name, shares, ARRAY_SIZE(shares))))
		note_release(s, en->name, rest);
	else if ((rest = behind_prefix(en->name, boots, ARRAY_SIZE(boots))) && !strchr(rest, '/'))
		note_boot(s, en->name, rest);
	return 0;
}

static int on_data(void *ctx, const void *p, size_t n, struct err *e)
{
	struct scan *s = ctx;

	(void)e;
	if (s->wanted == WANT_NOTHING)
		return 0;
	if (n > s->max - s->content.len)
		s->wanted = WANT_NOTHING; /* too large to be what it is named */
	else
		strbuf_add(&s->content, p, n);
	return 0;
}

static void add_layout(struct module_layout *to, const struct module_layout *from)
{
	if (!to->size)
		to->size = from->size;
	if (to->size != from->size)
		return; /* not of one build */
	if (!to->init) {
		to->init = from->init;
		to->init_hash = from->init_hash;
	}
	if (!to->exit)
		to->exit = from->exit;
	if (!to->name)
		to->name = from->name;
}

bool kernel_facts_add_module(struct kernel_facts *f, char *take, size_t len, uint16_t *machine)
{
	size_t pos = 0, name_pos = 0;
	struct err ignored = ERR_INIT;
	struct module_layout layout;
	struct ko_image im;
	bool read = ko_image_open(&im, take, len, &ignored) == 0;

	if (read) {
		if (machine)
			*machine = im.eh.e_machine;
		ko_image_layout(&im, ko_image_modinfo(&im, "name", &name_pos), &layout);
		if (!f->vermagic) {
			f->vermagic = xstrdup(ko_image_modinfo(&im, "vermagic", &pos));
			f->this_module_size = layout.size;
			ko_image_trampolines(&im, &f->trampolines);
		}
		add_layout(&f->layout, &layout);
	}
	ko_image_close(&im);
	return read;
}

/* A sample that cannot be read is no error: the next module may do. */
static void read_sample(struct scan *s, struct folder *d)
{
	size_t len = s->content.len;

	d->n_samples++;
	kernel_facts_add_module(&d->f, strbuf_steal(&s->content), len, NULL);
}

/*
 * One entry of modules.builtin.modinfo, "name.key=value": parameters are "name.parmtype=what:int",
 * versions "name.version=1.0".
 */
static void read_attribute(struct strvec *out, const char *entry)
{
	const char *dot = strchr(entry, '.'), *value = strchr(entry, '=');
	int name = dot ? (int)(dot - entry) : 0;

	/* what ends up in the facts' file is one line each */
	if (!dot || !value || dot > value || strpbrk(entry, "\r\n"))
		return;
	if (starts_with(dot, ".parmtype="))
		strvec_addf(out, "%.*s.%.*s", name, entry, (int)strcspn(value + 1, ":"), value + 1);
	else if (starts_with(dot, ".version="))
		strvec_addf(out, "%.*s", name, entry);
}

static void read_attributes(struct scan *s, struct strvec *out)
{
	const char *p;

	strbuf_addc(&s->content, '\0');
	for (p = s->content.s; p < s->content.s + s->content.len; p += strlen(p) + 1)
		read_attribute(out, p);
}

static int on_end(void *ctx, struct err *e)
{
	struct scan *s = ctx;

	(void)e;
	switch (s->wanted) {
	case WANT_RELEASE:
		strbuf_addc(&s->content, '\n');
		s->f->release = xstrndup(s->content.s, strcspn(s->content.s, "\r\n"));
		break;
	case WANT_BUILTIN:
		strbuf_addc(&s->content, '\n');
		strvec_split(&s->folders[s->folder].f.builtin, s->content.s, "\r\n");
		break;
	case WANT_ATTRIBUTES:
		read_attributes(s, &s->folders[s->folder].f.builtin_attributes);
		break;
	case WANT_SAMPLE:
		read_sample(s, &s->folders[s->folder]);
		break;
	case WANT_NOTHING:
		break;
	}
	s->wanted = WANT_NOTHING;
	return 0;
}

/* Choose the folder of the kernel's release, or the only one; its facts become the kernel's. */
static void conclude(struct scan *s)
{
	struct kernel_facts *f = s->f;

	for (size_t i = 0; i < s->n_folders; i++) {
		struct kernel_facts *d = &s->folders[i].f;

		if (f->release ? !streq(d->release, f->release) : s->n_folders != 1)
			continue;
		if (!f->release)
			f->release = xstrdup(d->release);
		strvec_add_all(&f->modules, &d->modules);
		strvec_add_all(&f->builtin, &d->builtin);
		strvec_add_all(&f->builtin_attributes, &d->builtin_attributes);
		strvec_add_all(&f->trampolines, &d->trampolines);
		f->modules_order = d->modules_order;
		f->vermagic = steal_ptr(d->vermagic);
		f->this_module_size = d->this_module_size;
		f->layout = d->layout;
	}
	strvec_sort(&f->modules);
}

static void scan_free(struct scan *s)
{
	for (size_t i = 0; i < s->n_folders; i++)
		kernel_facts_free(&s->folders[i].f);
	free(s->folders);
	strbuf_free(&s->content);
}

static int read_package(struct kernel_facts *f, const char *apk_path, const struct hash *identity,
	const char *flavor, struct err *e)
{
	static const struct apk_reader_ops ops = {
		.entry = on_entry, .data = on_data, .end = on_end};
	_cleanup_close_ int fd = open(apk_path, O_RDONLY | O_CLOEXEC);
	struct scan s = {.f = f, .flavor = flavor, .image_rank = SIZE_MAX};
	int r;

	if (fd < 0)
		return err_errno(e, -errno, "cannot open the kernel package '%s'", apk_path);
	r = apk_read(fd, path_base(apk_path), identity, NULL, NULL, &ops, &s, e);
	if (r == 0)
		conclude(&s);
	scan_free(&s);
	if (r < 0)
		kernel_facts_free(f);
	return r;
}

char *kernel_cache_path(
	const char *dir, const struct hash *identity, const char *flavor, const char *suffix)
{
	char hex[HASH_HEX_MAX];
	char *path;

	hash_hex(identity, hex);
	path = xasprintf("%s/%s%s%s%s", dir, hex, flavor ? "." : "", flavor ? flavor : "", suffix);
	for (char *p = path + strlen(dir) + 1; *p; p++)
		if (*p == '/')
			*p = '_';
	return path;
}

/* A cache that cannot be written only costs time, so nobody is told. */
static void write_cache(const struct kernel_facts *f, const char *dir, const char *path)
{
	struct err ignored = ERR_INIT;
	_cleanup_free_ char *text = NULL;
	size_t len = 0;

	text = facts_print(f, &len);
	if (fs_mkdirs(dir, 0755, &ignored) == 0)
		fs_write_atomic(path, text, len, 0644, &ignored);
}

int kernel_facts_cached(struct kernel_facts *f, const struct hash *identity, const char *flavor,
	const char *cache_dir)
{
	_cleanup_free_ char *path = kernel_cache_path(cache_dir, identity, flavor, ""),
			    *text = NULL;
	size_t len = 0;

	*f = (struct kernel_facts){0};
	if (fs_read(path, CACHE_MAX, &text, &len, NULL) < 0 || !facts_parse(f, text, len))
		return -ENOENT;
	fs_note_use(path);
	return 0;
}

int kernel_facts_read(struct kernel_facts *f, const char *apk_path, const struct hash *identity,
	const char *flavor, const char *cache_dir, struct err *e)
{
	bool cached = cache_dir && identity && identity->alg != HASH_NONE;
	_cleanup_free_ char *path =
		cached ? kernel_cache_path(cache_dir, identity, flavor, "") : NULL;
	int r;

	*f = (struct kernel_facts){0};
	if (cached && kernel_facts_cached(f, identity, flavor, cache_dir) == 0)
		return 0;
	r = read_package(f, apk_path, identity, flavor, e);
	if (r == 0 && cached)
		write_cache(f, cache_dir, path);
	return r;
}

static bool list_has(const struct strvec *paths, const char *wanted)
{
	for (size_t i = 0; i < paths->n; i++) {
		_cleanup_free_ char *name = module_name_of(paths->v[i]);

		if (streq(name, wanted))
			return true;
	}
	return false;
}

bool kernel_facts_has_module(const struct kernel_facts *f, const char *name, bool or_builtin)
{
	_cleanup_free_ char *wanted = module_name_of(name);

	return list_has(&f->modules, wanted) || (or_builtin && list_has(&f->builtin, wanted));
}

void kernel_facts_free(struct kernel_facts *f)
{
	free(f->release);
	free(f->vermagic);
	free(f->config_name);
	free(f->image_name);
	free(f->symvers_name);
	strvec_free(&f->modules);
	strvec_free(&f->builtin);
	strvec_free(&f->trampolines);
	strvec_free(&f->builtin_attributes);
	*f = (struct kernel_facts){0};
}
