// SPDX-License-Identifier: GPL-3.0-or-later
/* Distributions, and what their packages are called. */
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/doctor/doctor.h"

/* ID and the words of ID_LIKE in os-release(5). */
static const struct {
	const char *id;
	enum host_kind kind;
} ids[] = {
	{"debian", HOST_DEBIAN},
	{"ubuntu", HOST_DEBIAN},
	{"alpine", HOST_ALPINE},
	{"postmarketos", HOST_ALPINE},
	{"arch", HOST_ARCH},
	{"archlinux", HOST_ARCH},
	{"archarm", HOST_ARCH},
	{"fedora", HOST_FEDORA},
	{"rhel", HOST_FEDORA},
};

static const char *const installers[] = {
	[HOST_DEBIAN] = "apt install",
	[HOST_ALPINE] = "apk add",
	[HOST_ARCH] = "pacman -S",
	[HOST_FEDORA] = "dnf install",
};

/* By host_kind. */
static const char *const packages[][5] = {
	[WARE_QEMU_USER] = {[HOST_DEBIAN] = "qemu-user-static",
		[HOST_ARCH] = "qemu-user-static qemu-user-static-binfmt",
		[HOST_FEDORA] = "qemu-user-static"},
	[WARE_GIT] = {"git", "git", "git", "git", "git"},
	[WARE_SSH] = {"OpenSSH's ssh and scp", "openssh-client", "openssh-client", "openssh",
		"openssh-clients"},
	[WARE_PATCH] = {"GNU patch", "patch", "patch", "patch", "patch"},
	[WARE_CURL] = {"libcurl (libcurl.so.4)", "libcurl4", "libcurl", "curl", "libcurl"},
	[WARE_ARCHIVE] = {"libarchive (libarchive.so.13)", "libarchive13", "libarchive",
		"libarchive", "libarchive"},
};

/* qemu-system is split by families of architectures, differently everywhere. */
static const struct {
	const char *qemu, *package[5];
} systems[] = {
	{"aarch64", {"qemu-system-aarch64", "qemu-system-arm", "qemu-system-aarch64",
			    "qemu-system-aarch64", "qemu-system-aarch64"}},
	{"arm", {"qemu-system-arm", "qemu-system-arm", "qemu-system-arm", "qemu-system-arm",
			"qemu-system-arm"}},
	{"x86_64", {"qemu-system-x86_64", "qemu-system-x86", "qemu-system-x86_64",
			   "qemu-system-x86", "qemu-system-x86"}},
	{"i386", {"qemu-system-i386", "qemu-system-x86", "qemu-system-i386", "qemu-system-x86",
			 "qemu-system-x86"}},
	{"riscv64", {"qemu-system-riscv64", "qemu-system-misc", "qemu-system-riscv64",
			    "qemu-system-riscv", "qemu-system-riscv"}},
};

/* The value of a line KEY=VALUE without its quotes; NULL if there is none. Caller frees. */
static char *value_of(const char *text, const char *key)
{
	_cleanup_strvec_ struct strvec lines = {0};

	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		const char *l = lines.v[i];
		size_t n = strlen(key);
		char quote;

		if (!starts_with(l, key) || l[n] != '=')
			continue;
		l += n + 1;
		quote = *l == '"' || *l == '\'' ? *l : 0;
		l += quote != 0;
		n = strlen(l);
		return xstrndup(l, quote && n && l[n - 1] == quote ? n - 1 : n);
	}
	return NULL;
}

static enum host_kind kind_of(const char *words)
{
	_cleanup_strvec_ struct strvec all = {0};

	strvec_split(&all, words ? words : "", " ");
	for (size_t i = 0; i < all.n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(ids); k++)
			if (streq(all.v[i], ids[k].id))
				return ids[k].kind;
	return HOST_OTHER;
}

void host_read(struct host *h, const char *path)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *id = NULL;
	_cleanup_free_ char *like = NULL;

	*h = (struct host){0};
	if (fs_read(path, 65536, &text, NULL, NULL) == 0) {
		id = value_of(text, "ID");
		like = value_of(text, "ID_LIKE");
		h->title = value_of(text, "PRETTY_NAME");
	}
	h->kind = kind_of(id);
	if (h->kind == HOST_OTHER)
		h->kind = kind_of(like);
	if (!h->title)
		h->title = xstrdup("Linux");
}

void host_free(struct host *h)
{
	free(h->title);
	*h = (struct host){0};
}

char *host_as_root(const struct host *h, const char *command)
{
	if (geteuid() == 0)
		return xstrdup(command);
	return xasprintf("%s %s", h->kind == HOST_ALPINE ? "doas" : "sudo", command);
}

/* Another architecture than the table has gets its name, as the program is called. */
static char *system_package(const struct host *h, const struct arch_info *arch)
{
	for (size_t i = 0; i < ARRAY_SIZE(systems); i++)
		if (streq(systems[i].qemu, arch->qemu))
			return xstrdup(systems[i].package[h->kind]);
	return xasprintf("qemu-system-%s", arch->qemu);
}

static char *user_package(const struct host *h, const struct arch_info *arch)
{
	switch (h->kind) {
	case HOST_OTHER:
		return xasprintf("qemu-user, statically linked (qemu-%s-static)", arch->qemu);
	case HOST_ALPINE:
		return xasprintf("qemu-%s", arch->qemu);
	default:
		return xstrdup(packages[WARE_QEMU_USER][h->kind]);
	}
}

char *host_install(const struct host *h, enum ware w, const struct arch_info *arch)
{
	_cleanup_free_ char *package = w == WARE_QEMU_SYSTEM ? system_package(h, arch)
				       : w == WARE_QEMU_USER ? user_package(h, arch)
							     : xstrdup(packages[w][h->kind]);
	_cleanup_free_ char *command = NULL;

	if (h->kind == HOST_OTHER)
		return xasprintf("install %s", package);
	command = xasprintf("%s %s", installers[h->kind], package);
	return host_as_root(h, command);
}
