// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/partial.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/base/str.h"

#define SUFFIX ".part"
#define NOTE_SUFFIX ".if-range"
#define VALIDATOR_MAX 256

/* It goes into a header of a request. */
static bool usable(const char *validator)
{
	size_t n = strlen(validator);

	for (size_t i = 0; i < n; i++)
		if (validator[i] < ' ' || validator[i] > '~')
			return false;
	return n > 0 && n < VALIDATOR_MAX;
}

static int lock(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Whoever had the lock before may have renamed or removed the file meanwhile. */
static bool still_at(int fd, const char *path, struct stat *st)
{
	struct stat named;

	return fstat(fd, st) == 0 && S_ISREG(st->st_mode) && lstat(path, &named) == 0 &&
	       named.st_dev == st->st_dev && named.st_ino == st->st_ino;
}

static bool open_kept(struct partial *p, const char *path)
{
	_cleanup_free_ char *part = xasprintf("%s" SUFFIX, path);
	_cleanup_close_ int fd = lock(part, O_RDWR | O_CREAT);
	struct stat st;
	size_t len;

	if (fd < 0 || !still_at(fd, part, &st) || lseek(fd, 0, SEEK_END) < 0)
		return false;
	p->fd = steal_fd(&fd);
	p->size = p->before = (uint64_t)st.st_size;
	p->note = xasprintf("%s" NOTE_SUFFIX, part);
	p->path = steal_ptr(part);
	if (fs_read_regular(p->note, VALIDATOR_MAX, &p->validator, &len, NULL) == 0 &&
		!usable(p->validator)) {
		free(p->validator);
		p->validator = NULL;
	}
	return true;
}

int partial_open(struct partial *p, const char *path, bool keep, struct err *e)
{
	int r;

	*p = (struct partial)PARTIAL_INIT;
	if (keep && open_kept(p, path))
		return 0;
	p->path = xasprintf("%s.tmp.XXXXXX", path);
	p->fd = mkostemp(p->path, O_CLOEXEC);
	if (p->fd >= 0)
		return 0;
	r = err_errno(e, -errno, "cannot create a file beside '%s'", path);
	free(p->path);
	p->path = NULL;
	return r;
}

int partial_restart(struct partial *p)
{
	partial_set_validator(p, NULL);
	p->size = p->before = 0;
	return ftruncate(p->fd, 0) < 0 || lseek(p->fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

int partial_write(struct partial *p, const void *data, size_t len)
{
	int r = fs_write_all(p->fd, data, len);

	if (r == 0)
		p->size += len;
	return r;
}

void partial_set_validator(struct partial *p, const char *validator)
{
	FILE *f;

	free(p->validator);
	p->validator = validator && usable(validator) ? xstrdup(validator) : NULL;
	if (!p->note)
		return;
	/* not synced: whatever a power cut makes of the two files, the hash of the whole tells */
	unlink(p->note);
	f = p->validator ? fopen(p->note, "wxe") : NULL;
	if (f) {
		fputs(p->validator, f);
		fclose(f);
	}
}

int partial_complete(struct partial *p, const char *path, struct err *e)
{
	if (fchmod(p->fd, 0644) < 0 || rename(p->path, path) < 0)
		return err_errno(e, -errno, "cannot keep '%s'", path);
	if (p->note)
		unlink(p->note);
	free(p->path);
	p->path = NULL;
	return 0;
}

void partial_close(struct partial *p, bool keep)
{
	/* while it is still locked */
	if (p->path && !(keep && p->note && p->size > 0)) {
		unlink(p->path);
		if (p->note)
			unlink(p->note);
	}
	if (p->fd >= 0)
		close(p->fd);
	free(p->path);
	free(p->note);
	free(p->validator);
	*p = (struct partial)PARTIAL_INIT;
}

/* ---- what nobody went on with ---- */

static bool old(const struct stat *st)
{
	return st->st_mtime < time(NULL) - (time_t)PARTIAL_DAYS * 24 * 3600;
}

static void sweep_part(const char *path)
{
	_cleanup_free_ char *note = xasprintf("%s" NOTE_SUFFIX, path);
	_cleanup_close_ int fd = lock(path, O_RDONLY);
	struct stat st;

	if (fd >= 0 && still_at(fd, path, &st) && old(&st)) {
		unlink(note);
		unlink(path);
	}
}

static void sweep_note(const char *path)
{
	_cleanup_free_ char *part = xstrndup(path, strlen(path) - strlen(NOTE_SUFFIX));

	if (!fs_exists(part))
		unlink(path);
}

void partial_sweep(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		_cleanup_free_ char *path = path_join(dir, de->d_name);
		struct stat st;

		if (ends_with(path, SUFFIX NOTE_SUFFIX))
			sweep_note(path);
		else if (ends_with(path, SUFFIX))
			sweep_part(path);
		else if (strstr(de->d_name, ".tmp.") && lstat(path, &st) == 0 && old(&st))
			unlink(path);
	}
	if (d)
		closedir(d);
}
