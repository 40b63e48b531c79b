// SPDX-License-Identifier: GPL-3.0-or-later
/* A source that is one file: an archive, a Debian package (deb(5)) or an Alpine package. */
#include <fcntl.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/source.h"
#include "pmkmod/module/source.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/unpack.h"

#define SRC "usr/src"

struct file {
	struct plan *p;
	char *path; /* with the bytes of the plan's hash */
	const char *shown, *scratch;
	struct unpack_limits limits;
};

static bool is_deb(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char magic[8];

	return fd >= 0 && read(fd, magic, sizeof(magic)) == sizeof(magic) &&
	       memcmp(magic, "!<arch>\n", sizeof(magic)) == 0;
}

static bool is_apk(const struct module *m)
{
	const char *url = m->fetch_url ? m->fetch_url : m->location;
	_cleanup_free_ char *path = xstrndup(url, m->fetch_url ? strcspn(url, "?#") : strlen(url));

	return ends_with(path, ".apk");
}

/* "v4l2loopback-0.12.7" -> "0.12.7" */
static char *version_of_folder(const char *folder)
{
	const char *name = path_base(folder);

	for (const char *s = strchr(name, '-'); s; s = strchr(s + 1, '-'))
		if (s[1] >= '0' && s[1] <= '9')
			return xstrdup(s + 1);
	return NULL;
}

static int get_deb(const struct file *f, char **top, struct err *e)
{
	_cleanup_free_ char *root = path_join(f->scratch, "deb"), *src = path_join(root, SRC);
	struct unpack_limits l = f->limits;
	int r = fs_mkdirs(root, 0700, e);

	l.below = SRC;
	if (r == 0)
		r = unpack_deb_limited(f->path, root, f->shown, &l, e);
	if (r < 0)
		return r;
	if (!fs_is_dir(src))
		return err_exit(e, EXIT_NO_MODULE, -ENOENT,
			"the Debian package %s has nothing below /usr/src: it is no module's source (those are "
			"called *-dkms)",
			f->shown);
	*top = only_folder(src);
	if (*top && !f->p->version)
		f->p->version = module_folder_version(*top);
	if (*top && !f->p->version)
		f->p->version = version_of_folder(*top);
	if (!*top)
		*top = xstrdup(src);
	return 0;
}

/* The plan's hash is what counts; whether somebody trusted has signed it is good to know. */
static void tell_signature(const struct file *f)
{
	struct strvec dirs = f->p->device.channel.keys;
	struct apk_keys *keys = NULL;
	struct apk_control c = {0};
	struct err why = ERR_INIT;

	if (apk_keys_load(&keys, &dirs, &why) < 0 || apk_read_control(f->path, keys, &c, &why) < 0)
		progress_note(&f->p->x->progress,
			"no key of channel %s has signed %s; it is taken for its checksum alone",
			f->p->device.channel.name, f->shown);
	apk_control_free(&c);
	apk_keys_free(keys);
}

static int get_apk(const struct file *f, char **top, struct err *e)
{
	struct apk_control c = {0};
	int r = apk_read_control(f->path, NULL, &c, e);

	if (r < 0) {
		err_prefix(e, "%s", f->shown);
		if (e && !e->exit_code)
			e->exit_code = EXIT_UNTRUSTED;
		return r;
	}
	tell_signature(f);
	r = source_unpack_apk(f->p, &c.pkg, f->path, f->scratch, top, e);
	apk_control_free(&c);
	return r;
}

static int get_archive(const struct file *f, char **top, struct err *e)
{
	_cleanup_free_ char *root = path_join(f->scratch, "unpacked");
	int r = fs_mkdirs(root, 0700, e);

	if (r == 0)
		r = unpack_archive_limited(f->path, root, f->shown, &f->limits, e);
	if (r < 0)
		return r;
	*top = only_folder(root);
	if (!*top)
		*top = xstrdup(root);
	return 0;
}

/* A local file is copied first, so that what is unpacked is what was hashed. */
static int find_file(struct file *f, struct err *e)
{
	const struct module *m = &f->p->module;
	_cleanup_free_ char *by =
		m->recipe ? xasprintf("the recipe %s", m->recipe) : xstrdup("the command line");
	struct hash h;
	int r;

	if (m->fetch_url)
		return fetch_source(f->p->x, m->fetch_url, &m->sha256, by, &f->path, e);
	f->path = path_join(f->scratch, "source-file");
	r = fs_copy_file(m->location, f->path, e);
	if (r == 0)
		r = hash_file(AT_FDCWD, f->path, HASH_SHA256, &h, e);
	if (r == 0 && !hash_eq(&h, &m->sha256))
		r = err_exit(e, EXIT_UNTRUSTED, -EBADMSG, "%s has changed while it was built from",
			m->location);
	return r;
}

int source_file_get(struct plan *p, const char *scratch, const char *to, struct err *e)
{
	const struct module *m = &p->module;
	_cleanup_free_ char *shown = m->fetch_url ? source_shown_url(m->fetch_url) : NULL,
			    *top = NULL;
	struct file f = {
		.p = p, .scratch = scratch, .shown = shown ? shown : path_base(m->location)};
	unsigned long long max;
	int r = config_number(p->x->config, "build", "max_source", 4ULL << 30, &max, e);

	f.limits.max_bytes = max;
	if (r == 0)
		r = find_file(&f, e);
	if (r == 0 && is_deb(f.path))
		r = get_deb(&f, &top, e);
	else if (r == 0 && is_apk(m))
		r = get_apk(&f, &top, e);
	else if (r == 0)
		r = get_archive(&f, &top, e);
	if (r == 0)
		r = source_move(top, to, e);
	free(f.path);
	return r;
}
