// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Foreign programs. Since Linux 6.7 a user namespace has its own binfmt_misc; ours is never
 * attached to a path, so that nothing inside can see or change it, and lives as long as `init`
 * holds it. Flags: F opens qemu now, from the host's root, so it need not exist inside; P hands the
 * program's own argv[0] on, which busybox's login shells and compilers called by another name
 * depend on (qemu understands the kernel's note about it since 6.0).
 */
#include "chroot/sandbox/internal.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/sandbox/syscalls.h"

/* Every byte of the header up to e_machine, except the OS ABI; ET_EXEC and ET_DYN differ by a bit.
 */
void binfmt_magic(const struct arch_info *a, struct binfmt_magic *out)
{
	bool big = a->elf_data == ELFDATA2MSB;

	memset(out->magic, 0, sizeof(out->magic));
	memset(out->mask, 0xff, sizeof(out->mask));
	memcpy(out->magic, ELFMAG, SELFMAG);
	out->magic[EI_CLASS] = a->elf_class;
	out->magic[EI_DATA] = a->elf_data;
	out->magic[EI_VERSION] = EV_CURRENT;
	out->mask[EI_OSABI] = 0;
	out->magic[big ? 17 : 16] = ET_EXEC;
	out->mask[big ? 17 : 16] = 0xfe;
	out->magic[big ? 18 : 19] = (uint8_t)(a->elf_machine >> 8);
	out->magic[big ? 19 : 18] = (uint8_t)a->elf_machine;
}

static void add_hex(struct strbuf *b, const uint8_t *bytes, size_t n, char delimiter)
{
	for (size_t i = 0; i < n; i++)
		strbuf_addf(b, "\\x%02x", bytes[i]);
	strbuf_addc(b, delimiter);
}

static int write_rule(int mnt, const struct arch_info *a, const char *qemu)
{
	_cleanup_close_ int fd = openat(mnt, "register", O_WRONLY | O_CLOEXEC);
	_cleanup_strbuf_ struct strbuf rule = {0};
	const char *delimiter = ":,;|#%+=";
	struct binfmt_magic m;

	if (fd < 0)
		return -errno;
	while (*delimiter && strchr(qemu, *delimiter))
		delimiter++;
	if (!*delimiter)
		return -EINVAL;
	binfmt_magic(a, &m);
	strbuf_addf(&rule, "%cpmkmod%cM%c%c", *delimiter, *delimiter, *delimiter, *delimiter);
	add_hex(&rule, m.magic, sizeof(m.magic), *delimiter);
	add_hex(&rule, m.mask, sizeof(m.mask), *delimiter);
	strbuf_addf(&rule, "%s%cFP", qemu, *delimiter);
	/* one write is one rule; CAP_SYS_ADMIN over the user namespace the instance belongs to */
	return write(fd, rule.s, rule.len) < 0 ? -errno : 0;
}

static int own_instance(struct box *b)
{
	_cleanup_close_ int fs = sys_fsopen("binfmt_misc");
	_cleanup_close_ int mnt = -1;
	int r = fs < 0 ? fs : sys_fsconfig_create(fs);

	if (r < 0)
		return r;
	mnt = sys_fsmount(fs, ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC);
	r = mnt < 0 ? mnt : write_rule(mnt, b->s->emulate, b->qemu);
	if (r == 0)
		b->binfmt_fd = steal_fd(&mnt);
	return r;
}

/* ---- the host's entries ---- */

static bool parse_hex(const char *text, const char *key, uint8_t *out, size_t n)
{
	const char *p = strstr(text, key);

	if (!p)
		return false;
	p += strlen(key);
	for (size_t i = 0; i < n; i++, p += 2)
		if (sscanf(p, "%2hhx", &out[i]) != 1)
			return false;
	return true;
}

static bool entry_fits(const char *text, const struct binfmt_magic *want)
{
	struct binfmt_magic has;
	const char *flags = strstr(text, "\nflags: ");

	if (!starts_with(text, "enabled\n") || !flags ||
		!memchr(flags, 'F', strcspn(flags + 1, "\n") + 1))
		return false;
	if (!strstr(text, "\noffset 0\n") ||
		!parse_hex(text, "\nmagic ", has.magic, sizeof(has.magic)) ||
		!parse_hex(text, "\nmask ", has.mask, sizeof(has.mask)))
		return false;
	for (size_t i = 0; i < sizeof(has.magic); i++)
		if ((want->magic[i] ^ has.magic[i]) & has.mask[i])
			return false;
	return true;
}

bool binfmt_host_has(const char *dir, const struct arch_info *a)
{
	DIR *d = opendir(dir);
	struct binfmt_magic want;
	struct dirent *de;
	bool found = false;

	binfmt_magic(a, &want);
	while (d && !found && (de = readdir(d))) {
		_cleanup_free_ char *text = NULL;

		if (de->d_name[0] == '.' || streq(de->d_name, "register") ||
			streq(de->d_name, "status"))
			continue;
		found = fs_read_at(dirfd(d), de->d_name, 4096, &text, NULL, NULL) == 0 &&
			entry_fits(text, &want);
	}
	if (d)
		closedir(d);
	return found;
}

/* ---- how emulated programs find their libraries ---- */

/* The prefixes distributions compile into qemu-user. */
static const char *const prefixes[] = {"/etc/qemu-binfmt/", "/usr/gnemul/qemu-", "/usr/qemu-"};

static bool file_has(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;
	bool found;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
		return false;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return false;
	found = memmem(map, (size_t)st.st_size, text, strlen(text) + 1);
	munmap(map, (size_t)st.st_size);
	return found;
}

/*
 * QEMU_LD_PREFIX is lost in a build that calls `env -i`. qemu then uses the prefix it was compiled
 * with, so a link there leads to the same place.
 */
static void find_prefix(struct box *b)
{
	for (size_t i = 0; b->qemu && b->s->foreign_root && i < ARRAY_SIZE(prefixes); i++) {
		_cleanup_free_ char *path = xasprintf("%s%s", prefixes[i], b->s->emulate->qemu);

		if (file_has(b->qemu, path)) {
			b->qemu_prefix = steal_ptr(path);
			return;
		}
	}
}

/* ---- both ---- */

int binfmt_register(struct box *b, struct err *e)
{
	const char *host = "/proc/sys/fs/binfmt_misc";
	struct utsname u;
	int r;

	if (!b->qemu)
		return 0;
	find_prefix(b);
	r = sandbox_force & FORCE_HOST_BINFMT ? -EPERM : own_instance(b);
	if (r == 0 || binfmt_host_has(host, b->s->emulate))
		return 0;
	uname(&u);
	err_errno(e, r, "cannot run programs for %s through '%s'", b->s->emulate->alpine, b->qemu);
	if (r == -ENODEV)
		err_hint(e, "This kernel has no binfmt_misc. Load it: sudo modprobe binfmt_misc");
	else if (r == -EPERM || r == -ENOSYS || r == -EACCES)
		err_hint(e,
			"Linux %s allows no binfmt_misc inside a user namespace (6.7 and later do) "
			"and the host has no entry with flag F for %s in %s. Install one: "
			"sudo apt install qemu-user-static (or: sudo systemctl restart systemd-binfmt).",
			u.release, b->s->emulate->alpine, host);
	return r;
}

int emulation_links(struct box *b, struct err *e)
{
	_cleanup_free_ char *dir = NULL;
	int r;

	if (!b->qemu_prefix || streq(b->s->foreign_root, "/"))
		return 0;
	dir = xstrndup(b->qemu_prefix, (size_t)(path_base(b->qemu_prefix) - b->qemu_prefix - 1));
	r = target_make(b, dir, true, e);
	if (r == 0 && symlink(b->s->foreign_root, b->qemu_prefix) < 0 && errno != EEXIST)
		r = err_errno(e, -errno, "cannot create '%s' in the sandbox", b->qemu_prefix);
	return r;
}
