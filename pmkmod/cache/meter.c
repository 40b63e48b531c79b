// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/cache/meter.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/str.h"

#define BLOCK 512 /* of st_blocks */

/* Only of files with several links. */
struct inode {
	dev_t dev;
	ino_t ino; /* 0: the slot is free */
	uint32_t gone; /* links that meter_gone() has seen */
	bool counted; /* by meter_add() */
};
struct meter {
	struct inode *v; /* open addressing */
	size_t n, cap;
};

struct meter *meter_new(void)
{
	struct meter *m = xcalloc(1, sizeof(*m));

	m->cap = 1024;
	m->v = xcalloc(m->cap, sizeof(*m->v));
	return m;
}

void meter_free(struct meter *m)
{
	if (m)
		free(m->v);
	free(m);
}

static struct inode *find(struct inode *v, size_t cap, dev_t dev, ino_t ino)
{
	size_t i = (size_t)((ino ^ dev << 40) * 0x9e3779b97f4a7c15ULL >> 20);

	for (;; i++) {
		struct inode *slot = &v[i & (cap - 1)];

		if (!slot->ino || (slot->ino == ino && slot->dev == dev))
			return slot;
	}
}

static struct inode *inode_of(struct meter *m, const struct stat *st)
{
	struct inode *slot;

	if (2 * m->n >= m->cap) {
		struct inode *v = xcalloc(2 * m->cap, sizeof(*v));

		for (size_t i = 0; i < m->cap; i++)
			if (m->v[i].ino)
				*find(v, 2 * m->cap, m->v[i].dev, m->v[i].ino) = m->v[i];
		free(m->v);
		m->v = v;
		m->cap *= 2;
	}
	slot = find(m->v, m->cap, st->st_dev, st->st_ino);
	if (!slot->ino) {
		*slot = (struct inode){.dev = st->st_dev, .ino = st->st_ino};
		m->n++;
	}
	return slot;
}

/* ---- walking ---- */

typedef void (*look_fn)(struct meter *m, const struct stat *st, void *ctx);

static void walk(struct meter *m, int dir, const char *name, dev_t dev, look_fn look, void *ctx)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	struct dirent *de;
	DIR *d;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || (dev && st.st_dev != dev))
		return;
	look(m, &st, ctx);
	if (!S_ISDIR(st.st_mode))
		return;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return;
	steal_fd(&fd); /* it is the listing's now */
	while ((de = readdir(d)))
		if (!streq(de->d_name, ".") && !streq(de->d_name, ".."))
			walk(m, dirfd(d), de->d_name, st.st_dev, look, ctx);
	closedir(d);
}

static uint64_t blocks(const struct stat *st)
{
	return (uint64_t)st->st_blocks * BLOCK;
}

static bool has_links(const struct stat *st)
{
	return st->st_nlink > 1 && !S_ISDIR(st->st_mode);
}

static void look_size(struct meter *m, const struct stat *st, void *ctx)
{
	struct meter_size *out = ctx;
	struct inode *i = has_links(st) ? inode_of(m, st) : NULL;

	if (S_ISREG(st->st_mode))
		out->bytes += (uint64_t)st->st_size;
	out->disk += blocks(st);
	if (!i || !i->counted)
		out->fresh += blocks(st);
	if (i)
		i->counted = true;
}

void meter_add(struct meter *m, const char *path, struct meter_size *out)
{
	walk(m, AT_FDCWD, path, 0, look_size, out);
}

static void look_gone(struct meter *m, const struct stat *st, void *ctx)
{
	uint64_t *freed = ctx;

	if (!has_links(st) || ++inode_of(m, st)->gone == st->st_nlink - 1)
		*freed += blocks(st);
}

uint64_t meter_gone(struct meter *m, const char *path)
{
	uint64_t freed = 0;

	walk(m, AT_FDCWD, path, 0, look_gone, &freed);
	return freed;
}
