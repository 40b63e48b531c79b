// SPDX-License-Identifier: GPL-3.0-or-later
/* Opening every host path of a spec, while the host's root is still in sight. */
#include "chroot/sandbox/internal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"

static int open_path(const char *path, bool dir_only, bool *is_dir, struct err *e)
{
	int fd = open(path, O_PATH | O_CLOEXEC | (dir_only ? O_DIRECTORY : 0));
	struct stat st;

	if (fd < 0)
		return err_errno(e, -errno, "cannot open '%s' for the sandbox", path);
	if (is_dir)
		*is_dir = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	return fd;
}

static int open_layers(const struct strvec *layers, struct source *src, struct err *e)
{
	src->layers = xcalloc(layers->n ? layers->n : 1, sizeof(*src->layers));
	for (size_t i = 0; i < layers->n; i++) {
		int fd = open_path(layers->v[i], true, NULL, e);

		if (fd < 0)
			return fd;
		src->layers[src->n_layers++] = fd;
	}
	src->is_dir = true;
	return 0;
}

static int open_mount(const struct sandbox_mount *m, struct source *src, struct err *e)
{
	src->fd = -1;
	src->is_dir = true;
	if (!m->target || m->target[0] != '/')
		return err_set(e, -EINVAL, "a sandbox mount needs an absolute target, not '%s'",
			m->target ? m->target : "");
	if (m->kind == SANDBOX_TMPFS)
		return 0;
	if (m->kind == SANDBOX_OVERLAY_RO) {
		if (!m->layers || m->layers->n == 0)
			return err_set(e, -EINVAL, "no layers for '%s'", m->target);
		return open_layers(m->layers, src, e);
	}
	if (!m->source)
		return err_set(e, -EINVAL, "no source for '%s'", m->target);
	src->fd = open_path(m->source, false, &src->is_dir, e);
	return src->fd < 0 ? src->fd : 0;
}

static int open_upper(struct box *b, struct err *e)
{
	_cleanup_free_ char *upper = path_join(b->s->upper, "upper");
	_cleanup_free_ char *work = path_join(b->s->upper, "work");

	b->upper_fd = open_path(upper, true, NULL, e);
	if (b->upper_fd < 0)
		return b->upper_fd;
	b->work_fd = open_path(work, true, NULL, e);
	return b->work_fd < 0 ? b->work_fd : 0;
}

int sources_open(struct box *b, struct err *e)
{
	const struct sandbox_spec *s = b->s;
	int r = 0;

	b->root.fd = b->upper_fd = b->work_fd = -1;
	if (s->root_bind) {
		b->root.fd = open_path(s->root_bind, true, NULL, e);
		r = b->root.fd < 0 ? b->root.fd : 0;
	} else if (!s->host_root) {
		r = open_layers(s->layers, &b->root, e);
	}
	if (r == 0 && s->upper)
		r = open_upper(b, e);
	b->mounts = xcalloc(s->n_mounts ? s->n_mounts : 1, sizeof(*b->mounts));
	for (size_t i = 0; r == 0 && i < s->n_mounts; i++)
		r = open_mount(&s->mounts[i], &b->mounts[i], e);
	return r;
}
