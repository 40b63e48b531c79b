// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * After a build. Looking at every file takes seconds where there are a hundred layers, so what a
 * layer took is noted in its marker, what a kernel's source takes beside it, and downloads are one
 * file each. That is a guess (who shares what changes as layers go); by how much it was wrong when
 * everything was measured last is remembered: <state>/cache-size, "<guess> <measured>", whose time
 * is when it was looked at last.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/cache/meter.h"
#include "pmkmod/cache/remove.h"
#include "pmkmod/util/download.h"

#define BLOCK 512 /* of st_blocks */

static char *note_path(const struct context *x)
{
	return path_join(x->state, "cache-size");
}

/* ---- guessing ---- */

/* Files of one folder, and in folders of it the files called `inner`. */
static uint64_t guess_folder(const char *top, const char *name, const char *inner)
{
	_cleanup_free_ char *dir = path_join(top, name);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	uint64_t sum = 0;
	struct dirent *de;

	while (d && (de = readdir(d))) {
		char below[NAME_MAX + 32];
		struct stat st;

		if (de->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s%s%s", de->d_name, inner ? "/" : "",
			inner ? inner : "");
		if (fstatat(dirfd(d), below, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_blocks * BLOCK;
	}
	if (d)
		closedir(d);
	return sum;
}

static uint64_t measured_size(const char *tree)
{
	struct meter *m = meter_new();
	struct meter_size s = {0};

	meter_add(m, tree, &s);
	meter_free(m);
	return s.disk;
}

/* How large a tree is that never changes, measured once and noted beside it. */
static uint64_t noted_size(const char *tree)
{
	_cleanup_free_ char *path = xasprintf("%s.size", tree), *text = NULL;
	uint64_t size;

	if (fs_read_regular(path, 32, &text, NULL, NULL) == 0)
		return strtoull(text, NULL, 10);
	size = measured_size(tree);
	text = xasprintf("%llu\n", (unsigned long long)size);
	fs_write_atomic(path, text, strlen(text), 0600, NULL);
	return size;
}

static uint64_t guess_trees(
	const char *top, enum cache_kind kind, uint64_t (*size_of)(const char *tree))
{
	_cleanup_free_ char *dir = path_join(top, cache_kind_names[kind]);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	uint64_t sum = 0;

	while (d && (de = readdir(d))) {
		_cleanup_free_ char *path = path_join(dir, de->d_name);

		if (cache_name_ok(kind, de->d_name) && !strchr(de->d_name, '.'))
			sum += size_of(path);
	}
	if (d)
		closedir(d);
	return sum;
}

static uint64_t guess(struct context *x)
{
	static const enum cache_kind files[] = {CACHE_PACKAGES, CACHE_SOURCES, CACHE_INDEX,
		CACHE_KERNELS, CACHE_PMAPORTS, CACHE_RESOLVE};
	struct layer_store *store;
	struct layer_info *v = NULL;
	uint64_t sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		sum += guess_folder(x->cache, cache_kind_names[files[i]], NULL);
	sum += guess_trees(x->cache, CACHE_KERNEL_SOURCE, noted_size);
	sum += guess_trees(x->cache, CACHE_GIT, measured_size);
	sum += guess_folder(x->state, cache_kind_names[CACHE_CELLS], "log");
	if (context_layers(x, &store, NULL) == 0 && layer_list(store, &v, &n, NULL) == 0)
		for (size_t i = 0; i < n; i++)
			sum += v[i].added;
	free(v);
	return sum;
}

static void note(const struct context *x, uint64_t guessed, uint64_t measured)
{
	_cleanup_free_ char *path = note_path(x);
	_cleanup_free_ char *text =
		xasprintf("%llu %llu\n", (unsigned long long)guessed, (unsigned long long)measured);
	_cleanup_close_ int fd = -1;

	/* not synced: what a power cut leaves of it is measured again */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		fs_write_all(fd, text, strlen(text));
}

void cache_note_size(struct context *x, uint64_t measured)
{
	note(x, guess(x), measured);
}

/* ---- looking now and then ---- */

/* What was guessed and measured last; false: nothing sensible is noted. */
static bool read_note(const struct context *x, uint64_t *guessed, uint64_t *measured)
{
	_cleanup_free_ char *path = note_path(x), *text = NULL;
	char *end;

	if (fs_read_regular(path, 64, &text, NULL, NULL) < 0)
		return false;
	*guessed = strtoull(text, &end, 10);
	*measured = strtoull(end, NULL, 10);
	return *end == ' ' && ends_with(text, "\n");
}

static bool looked_at_lately(const struct context *x, unsigned long long interval)
{
	_cleanup_free_ char *path = note_path(x);
	time_t now = time(NULL);
	struct stat st;

	return lstat(path, &st) == 0 && st.st_mtime <= now &&
	       (unsigned long long)(now - st.st_mtime) < interval;
}

static void tell(struct context *x, const struct cache_pruned *p, unsigned long long limit)
{
	_cleanup_strbuf_ struct strbuf size = {0}, most = {0};

	download_show_bytes(&size, p->bytes, 0);
	download_show_bytes(&most, limit, 0);
	progress_note(&x->progress,
		"there was more than cache.max_size (%s) in the cache: what was not used for longest is "
		"removed, %zu entries, %s",
		most.s, p->entries, size.s);
}

void cache_trim(struct context *x)
{
	unsigned long long limit = 0, interval = 0;
	uint64_t guessed = 0, measured = 0, now;
	struct cache_pruned p = {0};

	/* a wrong value is told by the commands that are about it */
	if (cache_limit(x, &limit, NULL) < 0 || !limit ||
		config_number(x->config, "cache", "interval", 600, &interval, NULL) < 0 ||
		looked_at_lately(x, interval))
		return;
	now = guess(x);
	if (!read_note(x, &guessed, &measured))
		guessed = measured = now;
	/* in the order that keeps it above zero */
	if (now + measured <= limit + guessed) {
		note(x, guessed, measured);
		return;
	}
	if (cache_prune(x, limit, false, false, &p, NULL) == 0 && p.entries)
		tell(x, &p, limit);
	cache_pruned_free(&p);
}
