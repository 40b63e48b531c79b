// SPDX-License-Identifier: GPL-3.0-or-later
#include <dirent.h>

#include "chroot/base/fs.h"
#include "pmkmod/device/device.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/nearest.h"

static const char SUFFIX[] = ".ini";

void profile_names(struct config *c, const char *kind, struct strvec *out)
{
	_cleanup_strvec_ struct strvec dirs = {0};

	config_list(c, "paths", "profiles", &dirs);
	for (size_t i = 0; i < dirs.n; i++) {
		_cleanup_free_ char *dir = path_join(dirs.v[i], kind);
		DIR *d = opendir(dir);
		struct dirent *de;

		while (d && (de = readdir(d))) {
			size_t n = strlen(de->d_name);
			_cleanup_free_ char *name = NULL;

			if (!ends_with(de->d_name, SUFFIX) || n == sizeof(SUFFIX) - 1)
				continue;
			name = xstrndup(de->d_name, n - (sizeof(SUFFIX) - 1));
			if (!strvec_has(out, name))
				strvec_add(out, name);
		}
		if (d)
			closedir(d);
	}
	strvec_sort(out);
}

char *profile_path(struct config *c, const char *kind, const char *name)
{
	_cleanup_strvec_ struct strvec dirs = {0};

	/* a name is a file name: nothing outside the profile folders can be reached with it */
	if (!*name || strchr(name, '/') || name[0] == '.')
		return NULL;
	config_list(c, "paths", "profiles", &dirs);
	for (size_t i = 0; i < dirs.n; i++) {
		char *path = xasprintf("%s/%s/%s%s", dirs.v[i], kind, name, SUFFIX);

		if (fs_exists(path))
			return path;
		free(path);
	}
	return NULL;
}

char *profile_path_behind(struct config *c, const char *kind, const char *path)
{
	_cleanup_strvec_ struct strvec dirs = {0};
	bool behind = false;

	config_list(c, "paths", "profiles", &dirs);
	for (size_t i = 0; i < dirs.n; i++) {
		char *other = xasprintf("%s/%s/%s", dirs.v[i], kind, path_base(path));

		if (behind && fs_exists(other) && !streq(other, path))
			return other;
		behind = behind || streq(other, path);
		free(other);
	}
	return NULL;
}

int profile_read(struct config **out, const char *path, struct err *e)
{
	struct config *c = config_new();
	int r = config_read_file(c, path, e);

	if (r < 0) {
		config_free(c);
		return r;
	}
	*out = c;
	return 0;
}

int profile_unknown(const char *what, const char *name, const struct strvec *names,
	const char *list_command, struct err *e)
{
	const char *near[3];
	size_t n = nearest_names(name, names, near, ARRAY_SIZE(near));

	err_set(e, -ENOENT, "there is no %s called '%s'", what, name);
	if (e)
		e->exit_code = EXIT_UNKNOWN_NAME;
	for (size_t i = 0; i < n; i++)
		err_hint(e, "%s %s", i ? "             or" : "did you mean:  ", near[i]);
	err_hint(e, "'%s' shows all %zu that are known here", list_command, names->n);
	return -ENOENT;
}

/* With what is nearest to it, if something is. */
static char *not_read(const char *what, const char *name, const struct strvec *known)
{
	const char *near;

	if (nearest_names(name, known, &near, 1))
		return xasprintf("%s '%s' is not known; did you mean '%s'?", what, name, near);
	return xasprintf("%s '%s' is not known", what, name);
}

static char *unread_key(struct config *p, const struct profile_section *s)
{
	_cleanup_strvec_ struct strvec keys = {0}, known = {0};
	_cleanup_free_ char *what = xasprintf("[%s]: the key", s->name);

	for (size_t i = 0; i < PROFILE_KEYS && s->keys[i]; i++)
		strvec_add(&known, s->keys[i]);
	config_keys(p, s->name, &keys);
	for (size_t i = 0; known.n && i < keys.n; i++)
		if (!strvec_has(&known, keys.v[i]))
			return not_read(what, keys.v[i], &known);
	return NULL;
}

char *profile_unread(struct config *p, const struct profile_section *known, size_t n)
{
	_cleanup_strvec_ struct strvec names = {0}, sections = {0};

	for (size_t i = 0; i < n; i++)
		strvec_add(&names, known[i].name);
	config_sections(p, "", &sections);
	for (size_t i = 0; i < sections.n; i++)
		if (!strvec_has(&names, sections.v[i]))
			return not_read("the section", sections.v[i], &names);
	for (size_t i = 0; i < n; i++) {
		char *unread = unread_key(p, &known[i]);

		if (unread)
			return unread;
	}
	return NULL;
}
