// SPDX-License-Identifier: GPL-3.0-or-later
/* Finding the qemu-user program: it runs inside a root without our libraries, so it is static. */
#include "chroot/sandbox/internal.h"

#include <unistd.h>

/* Debian and Fedora say -static, Arch as well; Alpine's own qemu-aarch64 is static and has no
 * suffix.*/
static const char *const suffixes[] = {"-static", "", NULL};
static const char *const usual_places[] = {"/usr/bin", "/usr/local/bin", "/bin", NULL};

static const char remedy[] =
	"Install it (Debian, Ubuntu: sudo apt install qemu-user-static; Fedora: sudo dnf install "
	"qemu-user-static; Arch: sudo pacman -S qemu-user-static; Alpine: doas apk add qemu-%s), or "
	"give its path in the configuration.";

static bool try_dir(
	const char *dir, size_t len, const char *suffix, const struct arch_info *a, char **out)
{
	_cleanup_free_ char *path = xasprintf("%.*s/qemu-%s%s", (int)len, dir, a->qemu, suffix);

	if (access(path, X_OK) < 0)
		return false;
	*out = steal_ptr(path);
	return true;
}

static bool search(const struct arch_info *a, const char *suffix, char **out)
{
	const char *p = getenv("PATH");

	while (p && *p) {
		size_t len = strcspn(p, ":");

		/* a relative folder on PATH means another program in every folder: skipped */
		if (*p == '/' && try_dir(p, len, suffix, a, out))
			return true;
		p += len;
		p += *p == ':';
	}
	for (size_t i = 0; usual_places[i]; i++)
		if (try_dir(usual_places[i], strlen(usual_places[i]), suffix, a, out))
			return true;
	return false;
}

static int check_static(const char *path, struct err *e)
{
	struct elf_facts f;
	int r = elf_peek(path, &f);

	if (r == -ENOEXEC)
		return err_set(e, -ENOEXEC, "'%s' is not an ELF program", path);
	if (r < 0)
		return err_errno(e, r, "cannot read '%s'", path);
	if (f.interp[0])
		return err_set(e, -ENOEXEC,
			"'%s' is dynamically linked (it needs '%s') and cannot run inside a foreign root; "
			"a static qemu-user is needed",
			path, f.interp);
	return 0;
}

int sandbox_find_qemu(const struct arch_info *a, const char *configured, char **out, struct err *e)
{
	_cleanup_free_ char *path = NULL;
	struct err dynamic = ERR_INIT;
	int r;

	*out = NULL;
	if (configured && *configured) {
		if (access(configured, X_OK) < 0)
			return err_errno(
				e, -errno, "the configured qemu '%s' cannot be run", configured);
		r = check_static(configured, e);
		if (r == 0)
			*out = xstrdup(configured);
		return r;
	}
	for (size_t i = 0; suffixes[i]; i++) {
		free(steal_ptr(path));
		if (!search(a, suffixes[i], &path))
			continue;
		r = check_static(path, &dynamic);
		if (r == 0) {
			*out = steal_ptr(path);
			return 0;
		}
	}
	if (dynamic.code)
		r = err_set(e, -ENOEXEC, "%s", dynamic.text);
	else
		r = err_set(e, -ENOENT,
			"programs for %s need qemu-%s-static (qemu-user), which is neither on PATH nor in "
			"/usr/bin",
			a->alpine, a->qemu);
	err_hint(e, remedy, a->qemu);
	return r;
}
