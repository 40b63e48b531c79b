// SPDX-License-Identifier: GPL-3.0-or-later
/* execve(2) with a PATH search and with reasons. */
#include "chroot/sandbox/internal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static const char *env_path(const char *const *env)
{
	for (; env && *env; env++)
		if (starts_with(*env, "PATH="))
			return *env + strlen("PATH=");
	return default_path;
}

static bool runnable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Path of the program, or NULL. */
static char *find(const char *name, const char *path)
{
	if (strchr(name, '/'))
		return xstrdup(name);
	while (*path) {
		size_t len = strcspn(path, ":");
		char *full = xasprintf("%.*s/%s", (int)len, path, name);

		if (len && runnable(full))
			return full;
		free(full);
		path += len;
		path += *path == ':';
	}
	return NULL;
}

static const char *machine_name(const struct elf_facts *f)
{
	static const char *const names[] = {
		"aarch64", "armv7", "x86_64", "x86", "riscv64", "ppc64le", "loongarch64", "s390x"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct arch_info *a = arch_by_name(names[i]);

		if (a->elf_machine == f->machine && a->elf_class == f->elf_class)
			return a->alpine;
	}
	return "another architecture";
}

/* The interpreter a script names, into buf. */
static bool script_interp(const char *path, char *buf, size_t len)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *p;
	ssize_t n = fd < 0 ? -1 : read(fd, buf, len - 1);

	if (n < 3 || memcmp(buf, "#!", 2) != 0)
		return false;
	buf[n] = '\0';
	p = buf + 2 + strspn(buf + 2, " \t");
	p[strcspn(p, " \t\n")] = '\0';
	memmove(buf, p, strlen(p) + 1);
	return true;
}

static int explain(const char *path, int code, struct err *e)
{
	char interp[256];
	struct elf_facts f;
	int r = elf_peek(path, &f);

	if (code == -ENOENT && !fs_exists(path))
		return err_set(e, code, "'%s' does not exist in the sandbox", path);
	if (code == -ENOENT && r == 0 && f.interp[0])
		return err_set(e, code,
			"'%s' cannot start: its loader '%s' does not exist in the sandbox", path,
			f.interp);
	if (code == -ENOENT && script_interp(path, interp, sizeof(interp)))
		return err_set(e, code,
			"'%s' cannot start: its interpreter '%s' does not exist in the sandbox",
			path, interp);
	if (code == -ENOEXEC && r == 0)
		return err_set(e, code,
			"'%s' is a program for %s, which this sandbox cannot run (it emulates no "
			"such machine)",
			path, machine_name(&f));
	if (code == -ENOEXEC)
		return err_set(e, code, "'%s' is neither a program nor a script with '#!'", path);
	return err_errno(e, code, "cannot run '%s' in the sandbox", path);
}

int exec_command(const char *const *argv, const char *const *env, struct err *e)
{
	static const char *const none[] = {NULL};
	_cleanup_free_ char *path = find(argv[0], env_path(env));

	if (!path)
		return err_set(e, -ENOENT, "there is no program '%s' in the sandbox (PATH is %s)",
			argv[0], env_path(env));
	execve(path, (char *const *)argv, (char *const *)(env ? env : none));
	return explain(path, -errno, e);
}
