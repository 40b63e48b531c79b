// SPDX-License-Identifier: GPL-3.0-or-later
/* The next package, inflated while the one before it is put in place. */
#include "chroot/apk/db.h"

#include <fcntl.h>

/* A package whose head was read; its data may be on its way through a thread. */
struct ahead {
	const struct apk_pkg *info;
	struct apk_reader *reader;
	char *shown;
	int fd;
};

void ahead_free(struct ahead *a)
{
	if (!a)
		return;
	apk_reader_free(a->reader);
	cleanup_close(&a->fd);
	free(a->shown);
	free(a);
}

static int open_ahead(struct ahead **out, struct db *db, const struct apk_pkg *info, struct err *e)
{
	const struct hash *identity = info->identity.len ? &info->identity : NULL;
	_cleanup_free_ char *path = db->opts->file_of(db->opts->file_ctx, info);
	struct ahead *a = xcalloc(1, sizeof(*a));
	int r;

	*a = (struct ahead){.info = info,
		.shown = xasprintf("%s-%s", info->name, info->version),
		.fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : -1};
	if (!path)
		r = err_set(e, -ENOENT, "package %s is not in the cache", a->shown);
	else if (a->fd < 0)
		r = err_errno(e, -errno, "cannot open '%s'", path);
	else
		r = apk_reader_open(&a->reader, a->fd, a->shown, identity, NULL, e);
	*out = r < 0 ? NULL : a;
	if (r < 0)
		ahead_free(a);
	return r;
}

int ahead_take(struct ahead **out, struct db *db, const struct apk_pkg *info, struct err *e)
{
	struct ahead *a = db->ahead;

	db->ahead = NULL;
	*out = a;
	if (a && a->info == info)
		return 0;
	ahead_free(a);
	return open_ahead(out, db, info, e);
}

struct apk_reader *ahead_reader(const struct ahead *a)
{
	return a->reader;
}

void ahead_look(struct db *db, const struct db_pkg *p, const struct db_pkg *old)
{
	const struct apk_change *next = db->next;
	const struct apk_control *c;

	if (!next || !next->new_pkg || next->new_pkg == next->old ||
		!next->new_pkg->installed_size ||
		p->script[old ? APK_POST_UPGRADE : APK_POST_INSTALL] ||
		open_ahead(&db->ahead, db, next->new_pkg, NULL) < 0)
		return;
	c = apk_reader_control(db->ahead->reader);
	if (c->script[next->old ? APK_PRE_UPGRADE : APK_PRE_INSTALL] ||
		apk_reader_start(db->ahead->reader, NULL) < 0) {
		ahead_free(db->ahead);
		db->ahead = NULL;
	}
}
