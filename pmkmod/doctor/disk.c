// SPDX-License-Identifier: GPL-3.0-or-later
/* paths.state and paths.cache: can they be written to, is there space, what can they do? */
#include <fcntl.h>
#include <linux/fs.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/doctor/doctor.h"

#define MIB ((uint64_t)1 << 20)

/* What builds for one phone need: layers and the build's own files; packages. Below the first
 * number nothing works, below the second not much does. */
static const struct folder {
	const char *key, *use;
	uint64_t least, good;
} folders[] = {
	{"state", "layers, signing key and packages", 1024 * MIB, 4096 * MIB},
	{"cache", "downloads", 256 * MIB, 1024 * MIB},
};
/* A root of a phone and its compiler have about as many files. */
#define FILES_LEAST 50000

/* statfs(2), and linux/magic.h */
static const struct {
	unsigned magic;
	const char *name;
} types[] = {
	{0xef53, "ext4"},
	{0x58465342, "xfs"},
	{0x9123683e, "btrfs"},
	{0x01021994, "tmpfs"},
	{0x794c7630, "overlayfs"},
	{0x6969, "NFS"},
	{0x2fc12fc1, "zfs"},
	{0xf2f52010, "f2fs"},
	{0xca451a4e, "bcachefs"},
	{0x65735546, "FUSE"},
	{0x4d44, "FAT"},
	{0x2011bab0, "exFAT"},
	{0xff534d42, "CIFS"},
};

static void add_type(struct strbuf *out, const char *path)
{
	struct statfs s;

	if (statfs(path, &s) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].magic == (unsigned)s.f_type) {
			strbuf_addf(out, "%s, ", types[i].name);
			return;
		}
	strbuf_addf(out, "file system 0x%x, ", (unsigned)s.f_type);
}

/* Two files in `dir`, the second one made of the first: by reference of its blocks, by a link. */
static void add_copies(struct strbuf *out, const char *dir)
{
	_cleanup_free_ char *one = path_join(dir, "one");
	_cleanup_free_ char *two = path_join(dir, "two");
	_cleanup_free_ char *three = path_join(dir, "three");
	_cleanup_close_ int from = open(one, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	_cleanup_close_ int to = open(two, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	bool reflink = from >= 0 && to >= 0 && fs_write_all(from, "pmkmod", 6) == 0 &&
		       ioctl(to, FICLONE, from) == 0;

	strbuf_addf(out, "%s reflinks, %s hard links", reflink ? "with" : "no",
		from >= 0 && link(one, three) == 0 ? "with" : "no");
	unlink(one);
	unlink(two);
	unlink(three);
}

/* The nearest folder above that is there: who owns that decides. */
static char *existing_above(const char *path)
{
	char *dir = xstrdup(path);

	while (*dir && !fs_is_dir(dir)) {
		char *slash = strrchr(dir, '/');

		*(slash ? slash : dir) = '\0';
	}
	if (!*dir) {
		free(dir);
		return xstrdup("/");
	}
	return dir;
}

static void cannot_write(struct doctor *d, const struct folder *f, const char *path,
	const char *name, const struct err *why)
{
	_cleanup_strbuf_ struct strbuf quoted = {0};
	_cleanup_free_ char *command = NULL;
	const struct passwd *pw = getpwuid(geteuid());
	struct point *p = point_add(d, POINT_LACKS, name, f->use, "%s", why->text);

	strbuf_add_quoted(&quoted, path);
	if (pw)
		command = xasprintf("install -d -m 700 -o %s %s", pw->pw_name, quoted.s);
	/* what root's own rights do not help, another folder does */
	if (command && geteuid() != 0 && (why->code == -EACCES || why->code == -EPERM))
		point_mend_take(p, host_as_root(&d->host, command));
	else
		point_mend(p, "pmkmod -o paths.%s=DIR ..., or that key in pmkmod.ini", f->key);
	d->folders = false;
}

static int try_write(const char *path, char **scratch, struct err *e)
{
	int r = fs_mkdirs(path, 0700, e);

	*scratch = path_join(path, ".doctor-XXXXXX");
	if (r == 0 && !mkdtemp(*scratch))
		r = err_errno(e, -errno, "cannot create anything in '%s'", path);
	return r;
}

static void examine_space(
	struct doctor *d, const struct folder *f, const char *path, const char *about)
{
	_cleanup_free_ char *name = xasprintf("space-%s", f->key);
	struct statvfs s;
	uint64_t left, files;
	struct point *p;

	if (statvfs(path, &s) < 0)
		return;
	left = (uint64_t)s.f_bavail * s.f_frsize;
	/* file systems that make inodes as they need them say 0 of 0 */
	files = s.f_files ? s.f_favail : UINT64_MAX;
	p = point_add(d, POINT_OK, name, f->use, "%.1f GiB free in '%s' (%s)",
		(double)left / (1024.0 * (double)MIB), path, about);
	if (left >= f->good && files >= FILES_LEAST)
		return;
	p->state = left < f->least || files < FILES_LEAST ? POINT_LACKS : POINT_NOTE;
	free(p->found);
	if (files < FILES_LEAST)
		p->found = xasprintf("only %llu more files can be made in '%s' (%s)",
			(unsigned long long)files, path, about);
	else
		p->found = xasprintf("only %llu MiB free in '%s' (%s); %llu are advisable",
			(unsigned long long)(left / MIB), path, about,
			(unsigned long long)(f->good / MIB));
	point_mend(p, "pmkmod clean all");
	point_mend(p, "pmkmod -o paths.%s=DIR ..., or that key in pmkmod.ini", f->key);
}

static void examine_folder(struct doctor *d, const struct folder *f, const char *path)
{
	_cleanup_free_ char *name = xasprintf("paths.%s", f->key);
	_cleanup_free_ char *above = existing_above(path);
	_cleanup_free_ char *scratch = NULL;
	_cleanup_strbuf_ struct strbuf about = {0};
	struct err e = ERR_INIT;

	add_type(&about, above);
	if (try_write(path, &scratch, &e) < 0) {
		cannot_write(d, f, path, name, &e);
		strbuf_adds(&about, "not tried further");
	} else {
		point_add(d, POINT_OK, name, f->use, "'%s' can be written to", path);
		add_copies(&about, scratch);
		rmdir(scratch);
	}
	examine_space(d, f, above, about.s);
}

void examine_folders(struct doctor *d)
{
	const char *paths[ARRAY_SIZE(folders)] = {d->x->state, d->x->cache};

	d->folders = true;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		examine_folder(d, &folders[i], paths[i]);
}
