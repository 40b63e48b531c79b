// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/cell.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/util/exit_codes.h"

static char *folder_path(const struct plan *p)
{
	return xasprintf("%s/cells/%s", p->x->state, p->cell);
}

int cell_folder(const struct plan *p, char **dir, struct err *e)
{
	_cleanup_free_ char *plan = NULL;
	int r;

	*dir = folder_path(p);
	r = fs_mkdirs(*dir, 0700, e);
	plan = path_join(*dir, "plan");
	if (r == 0 && !fs_exists(plan))
		r = fs_write_atomic(plan, p->text, strlen(p->text), 0644, e);
	return r;
}

char *cell_log_path(const struct plan *p)
{
	return xasprintf("%s/cells/%s/log", p->x->state, p->cell);
}

char *cell_symvers_path(const struct plan *p)
{
	return xasprintf("%s/cells/%s/symvers", p->x->state, p->cell);
}

uint64_t cell_stamp(const struct plan *p)
{
	_cleanup_free_ char *dir = folder_path(p), *path = path_join(dir, "result");
	struct stat st;

	/* it is always a new file */
	return stat(path, &st) < 0 ? 0
				   : (uint64_t)st.st_ino ^ (uint64_t)st.st_mtim.tv_sec << 32 ^
					     (uint64_t)st.st_mtim.tv_nsec << 8;
}

int cell_lock(const struct plan *p, struct err *e)
{
	_cleanup_free_ char *dir = path_join(p->x->state, "cells");
	_cleanup_free_ char *path = xasprintf("%s/%s.lock", dir, p->cell);
	int r = fs_mkdirs(dir, 0700, e);
	int fd;

	if (r < 0)
		return r;
	fd = fs_lock(path, true, false, e);
	if (fd != -EWOULDBLOCK)
		return fd;
	err_clear(e);
	progress_note(&p->x->progress, "another pmkmod builds this very cell; waiting for it");
	return fs_lock(path, true, true, e);
}

/* One table for reading and writing: name in the file, place in the struct. */
struct field {
	const char *name;
	char **slot;
};

void cell_parts(const struct cell_result *r, struct strvec *paths)
{
	if (r->parts)
		strvec_split(paths, r->parts, "\n");
}

static size_t fields(struct cell_result *r, struct field *out)
{
	const struct field all[] = {{"apk", &r->apk}, {"meta", &r->meta},
		{"sha256", &r->apk_sha256}, {"package", &r->package}, {"version", &r->version},
		{"release", &r->release}, {"verdict", &r->verdict}, {"key", &r->key},
		{"modules", &r->modules}, {"device", &r->device}, {"asked", &r->asked},
		{"error", &r->error}, {"stage", &r->stage}, {"diagnosis", &r->diagnosis},
		{"parts", &r->parts}, {"notes", &r->notes}, {"companions", &r->companions},
		{"build", &r->build_lines}};

	memcpy(out, all, sizeof(all));
	return ARRAY_SIZE(all);
}
#define FIELDS_MAX 20

static void parse_line(struct cell_result *r, char *line)
{
	struct field f[FIELDS_MAX];
	size_t n = fields(r, f);
	char *eq = strchr(line, '=');

	if (!eq)
		return;
	*eq++ = '\0';
	if (streq(line, "built"))
		r->built = streq(eq, "yes");
	if (streq(line, "exit"))
		r->exit_code = atoi(eq);
	for (size_t i = 0; i < n; i++)
		if (streq(line, f[i].name)) {
			free(*f[i].slot);
			*f[i].slot = xstrdup(eq);
			/* of several lines: they were stored with \001 between */
			for (char *s = *f[i].slot; *s; s++)
				if (*s == '\001')
					*s = '\n';
		}
}

static bool parts_are_there(const struct cell_result *r)
{
	_cleanup_strvec_ struct strvec paths = {0};

	cell_parts(r, &paths);
	for (size_t i = 0; i < paths.n; i++)
		if (!fs_exists(paths.v[i]))
			return false;
	return true;
}

/* A package that no index names is not published. */
static bool has_index(const char *apk)
{
	_cleanup_free_ char *path =
		xasprintf("%.*sAPKINDEX.tar.gz", (int)(path_base(apk) - apk), apk);
	struct stat st;

	return stat(path, &st) == 0 && st.st_size > 0;
}

static bool still_published(const struct cell_result *r)
{
	char hex[HASH_HEX_MAX];
	struct hash h;

	if (!r->apk || !has_index(r->apk) || !parts_are_there(r) || !r->apk_sha256 ||
		(r->meta && !fs_exists(r->meta)) ||
		hash_file(AT_FDCWD, r->apk, HASH_SHA256, &h, NULL) < 0)
		return false;
	hash_hex(&h, hex);
	return streq(hex, r->apk_sha256);
}

void cell_result_parse(const char *text, struct cell_result *out)
{
	_cleanup_strvec_ struct strvec lines = {0};

	*out = (struct cell_result){0};
	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		parse_line(out, lines.v[i]);
}

bool cell_read(const char *dir, struct cell_result *out)
{
	_cleanup_free_ char *path = path_join(dir, "result");
	_cleanup_free_ char *text = NULL;

	*out = (struct cell_result){0};
	if (fs_read(path, 1 << 20, &text, NULL, NULL) < 0)
		return false;
	cell_result_parse(text, out);
	return true;
}

bool cell_load(const struct plan *p, struct cell_result *out)
{
	_cleanup_free_ char *dir = folder_path(p);

	if (cell_read(dir, out) && (out->built ? still_published(out) : out->error != NULL) &&
		companions_unchanged(out->companions, p->x, p->device.name))
		return true;
	cell_result_free(out);
	return false;
}

int cell_recall(const struct plan *p, struct cell_result *out)
{
	bool force = p->x->force;

	if (!cell_load(p, out))
		return 0;
	if (out->built && streq(out->key ? out->key : "", p->key) &&
		(force || !out->verdict || !streq(out->verdict, "does not fit")))
		return 1;
	if (!out->built &&
		!(force && (out->exit_code == EXIT_NO_FIT || out->exit_code == EXIT_EXCLUDED)))
		return -1;
	cell_result_free(out);
	return 0;
}

/* Which of the device's kernels is meant, where somebody chose one. */
static char *latest_dir(const struct context *x, const char *device)
{
	const char *choice = config_get(x->config, "kernel", "name");

	return xasprintf("%s/cells/latest/%s%s%s", x->state, device, choice ? ":" : "",
		choice ? choice : "");
}

/* The cell that the file `module` of a folder names; NULL: there is none. */
static char *named_by(const struct context *x, const char *dir, const char *module)
{
	_cleanup_free_ char *path = path_join(dir, module), *cell = NULL;

	if (fs_read(path, 4096, &cell, NULL, NULL) < 0)
		return NULL;
	return xasprintf("%s/cells/%s", x->state, cell);
}

bool cell_latest_built(const struct context *x, const char *device, const char *module,
	struct cell_result *out, char **symvers)
{
	_cleanup_free_ char *latest = latest_dir(x, device), *dir = named_by(x, latest, module);

	*out = (struct cell_result){0};
	*symvers = NULL;
	if (dir && cell_read(dir, out) && out->built && still_published(out)) {
		*symvers = path_join(dir, "symvers");
		return true;
	}
	cell_result_free(out);
	return false;
}

bool cell_find(const struct context *x, const char *apk, struct cell_result *out)
{
	_cleanup_free_ char *cells = path_join(x->state, "cells");
	DIR *d = opendir(cells);
	struct dirent *de;
	bool found = false;

	*out = (struct cell_result){0};
	while (d && !found && (de = readdir(d))) {
		_cleanup_free_ char *dir = path_join(cells, de->d_name);

		if (de->d_name[0] == '.')
			continue;
		found = cell_read(dir, out) && out->built && out->apk && streq(out->apk, apk) &&
			still_published(out);
		if (!found)
			cell_result_free(out);
	}
	if (d)
		closedir(d);
	return found;
}

void cell_result_print(const struct cell_result *r, struct strbuf *out)
{
	struct cell_result copy = *r;
	struct field f[FIELDS_MAX];
	size_t n = fields(&copy, f);

	strbuf_addf(out, "built=%s\nexit=%d\n", r->built ? "yes" : "no", r->exit_code);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *value = xstrdup(*f[i].slot);

		for (char *s = value; s && *s; s++)
			if (*s == '\n')
				*s = '\001';
		if (value)
			strbuf_addf(out, "%s=%s\n", f[i].name, value);
	}
}

int cell_store(const struct plan *p, const struct cell_result *result, struct err *e)
{
	_cleanup_free_ char *dir = NULL;
	_cleanup_free_ char *path = NULL;
	_cleanup_strbuf_ struct strbuf b = {0};
	int r = cell_folder(p, &dir, e);

	if (r < 0)
		return r;
	cell_result_print(result, &b);
	path = path_join(dir, "result");
	return fs_write_atomic(path, b.s, b.len, 0644, e);
}

void cell_result_free(struct cell_result *r)
{
	struct field f[FIELDS_MAX];
	size_t n = fields(r, f);

	for (size_t i = 0; i < n; i++)
		free(*f[i].slot);
	*r = (struct cell_result){0};
}

int cell_set_latest_of(const struct context *x, const char *device, const char *module,
	const char *cell, struct err *e)
{
	_cleanup_free_ char *dir = latest_dir(x, device);
	_cleanup_free_ char *path = path_join(dir, module);
	int r = fs_mkdirs(dir, 0700, e);
	_cleanup_free_ char *have = NULL;

	if (r < 0)
		return r;
	if (fs_read(path, 4096, &have, NULL, NULL) == 0 && streq(have, cell))
		return 0;
	return fs_write_atomic(path, cell, strlen(cell), 0644, e);
}

int cell_set_latest(const struct plan *p, const char *device, struct err *e)
{
	return cell_set_latest_of(p->x, device, p->module.name, p->cell, e);
}

static bool is_newer(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec > b->st_mtim.tv_sec ||
	       (a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec > b->st_mtim.tv_nsec);
}

/* Of a device that is only built for with a choice of its kernel: whichever was last. */
static char *latest_of_any(const struct context *x, const char *device, const char *module)
{
	_cleanup_free_ char *all = path_join(x->state, "cells/latest"), *best = NULL;
	_cleanup_free_ char *begin = xasprintf("%s:", device);
	struct stat newest = {0};
	DIR *d = opendir(all);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		_cleanup_free_ char *path = xasprintf("%s/%s/%s", all, de->d_name, module);
		struct stat st;

		if (!starts_with(de->d_name, begin) || stat(path, &st) < 0 ||
			!is_newer(&st, &newest))
			continue;
		newest = st;
		free(best);
		best = path_join(all, de->d_name);
	}
	if (d)
		closedir(d);
	return best ? named_by(x, best, module) : NULL;
}

char *cell_latest(const struct context *x, const char *device, const char *module)
{
	_cleanup_free_ char *dir = latest_dir(x, device);
	char *cell = named_by(x, dir, module);

	if (cell || config_get(x->config, "kernel", "name"))
		return cell;
	return latest_of_any(x, device, module);
}
