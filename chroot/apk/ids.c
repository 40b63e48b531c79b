// SPDX-License-Identifier: GPL-3.0-or-later
/* What the root's own etc/ says: numbers of users and groups, and which paths are protected. */
#include "chroot/apk/db.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <unistd.h>

#define ID_FILE_MAX (1 << 20)

struct id {
	char *name;
	uint32_t id;
};

struct id_list {
	struct id *v;
	size_t n, cap;
};

struct db_ids {
	bool known;
	struct id_list users, groups;
};

static void list_reset(struct id_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	l->n = 0;
}

/* "name:x:number:...", the beginning both files share; damaged lines are skipped, as libc does. */
static void list_read(const struct db *db, const char *path, struct id_list *l)
{
	_cleanup_free_ char *text = NULL;
	char *save = NULL;
	size_t len;

	list_reset(l);
	if (root_read(db, path, ID_FILE_MAX, &text, &len, NULL) < 0)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *colon = strchr(line, ':'), *second = colon ? strchr(colon + 1, ':') : NULL;
		char *end = NULL;
		unsigned long long id;

		if (!second || second[1] < '0' || second[1] > '9')
			continue;
		id = strtoull(second + 1, &end, 10);
		if (*end != ':' || id > UINT32_MAX)
			continue;
		if (l->n == l->cap) {
			l->cap = l->cap ? 2 * l->cap : 64;
			l->v = xrealloc(l->v, l->cap, sizeof(struct id));
		}
		l->v[l->n].name = xstrndup(line, (size_t)(colon - line));
		l->v[l->n++].id = (uint32_t)id;
	}
}

void ids_refresh(struct db *db)
{
	if (!db->ids)
		db->ids = xcalloc(1, sizeof(*db->ids));
	if (db->ids->known)
		return;
	list_read(db, "etc/passwd", &db->ids->users);
	list_read(db, "etc/group", &db->ids->groups);
	db->ids->known = true;
}

void ids_forget(struct db *db)
{
	if (db->ids)
		db->ids->known = false;
}

void ids_free(struct db *db)
{
	if (!db->ids)
		return;
	list_reset(&db->ids->users);
	list_reset(&db->ids->groups);
	free(db->ids->users.v);
	free(db->ids->groups.v);
	free(db->ids);
}

static uint32_t list_find(const struct id_list *l, const char *name, uint32_t otherwise)
{
	for (size_t i = 0; name && i < l->n; i++) {
		if (streq(l->v[i].name, name))
			return l->v[i].id;
	}
	return otherwise;
}

uint32_t ids_user(const struct db *db, const char *name, uint32_t otherwise)
{
	return list_find(&db->ids->users, name, otherwise);
}

uint32_t ids_group(const struct db *db, const char *name, uint32_t otherwise)
{
	return list_find(&db->ids->groups, name, otherwise);
}

/* Keep "<mode>pattern"; a line without a mode character means "changed files are kept". */
static void protect_add(struct db *db, const char *line)
{
	char mode = '+';
	size_t n;

	if (!*line || *line == '#')
		return;
	if (strchr("-+@!", *line))
		mode = *line++;
	line += strspn(line, "/");
	n = strlen(line);
	while (n && line[n - 1] == '/')
		n--;
	strvec_addf(&db->protect, "%c%.*s", mode, (int)n, line);
}

static int is_list(const struct dirent *d)
{
	return d->d_name[0] != '.' && ends_with(d->d_name, ".list");
}

void protect_load(struct db *db)
{
	static const char *const builtin[] = {"+etc", "@etc/init.d", "!etc/apk"};
	_cleanup_close_ int fd = root_dir(db, "etc/apk/protected_paths.d");
	struct dirent **names = NULL;
	int n;

	strvec_reset(&db->protect);
	for (size_t i = 0; i < ARRAY_SIZE(builtin); i++)
		protect_add(db, builtin[i]);
	/* the O_PATH descriptor as base: scandirat opens "." below it */
	n = fd < 0 ? 0 : scandirat(fd, ".", &names, is_list, alphasort);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path =
			xasprintf("etc/apk/protected_paths.d/%s", names[i]->d_name);
		_cleanup_free_ char *text = NULL;
		char *save = NULL;
		size_t len;

		if (root_read(db, path, ID_FILE_MAX, &text, &len, NULL) == 0) {
			for (char *l = strtok_r(text, "\n", &save); l;
				l = strtok_r(NULL, "\n", &save))
				protect_add(db, l);
		}
		free(names[i]);
	}
	free(names);
}

/* Do the components of `pattern` match those of `path`, as many of both? */
static bool pattern_matches(const char *pattern, const char *path)
{
	size_t a = 0, b = 0;

	for (const char *p = pattern; *p; p++)
		a += *p == '/';
	for (const char *p = path; *p; p++)
		b += *p == '/';
	return a == b && fnmatch(pattern, path, FNM_PATHNAME) == 0;
}

/* A directory inherits from its parent; of the patterns for itself the last one counts. */
bool dir_protected(struct db *db, struct db_dir *d)
{
	if (d->protect >= 0)
		return d->protect;
	d->protect = d->parent && *d->name ? dir_protected(db, d->parent) : 0;
	for (size_t i = 0; *d->name && i < db->protect.n; i++) {
		if (pattern_matches(db->protect.v[i] + 1, d->name))
			d->protect = db->protect.v[i][0] != '-';
	}
	return d->protect;
}
