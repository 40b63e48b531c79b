// SPDX-License-Identifier: GPL-3.0-or-later
/* What on this host forbids what we asked for, and how to allow it. */
#include "chroot/sandbox/internal.h"

#include <sys/utsname.h>
#include <unistd.h>

#include "chroot/base/fs.h"

static const struct {
	const char *path, *bad, *say, *setting;
} switches[] = {
	{"/proc/sys/user/max_user_namespaces", "0",
		"User namespaces are switched off here (user.max_user_namespaces is 0). Allow them",
		"user.max_user_namespaces=15000"},
	{"/proc/sys/kernel/unprivileged_userns_clone", "0",
		"User namespaces are for root only here. Allow them",
		"kernel.unprivileged_userns_clone=1"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
		"AppArmor takes the rights of user namespaces away here (Ubuntu 23.10 and later). "
		"Give pmkmod an AppArmor profile with 'userns,' or allow them to all",
		"kernel.apparmor_restrict_unprivileged_userns=0"},
};

static bool switched(const char *path, const char *bad)
{
	_cleanup_free_ char *text = NULL;

	return fs_read(path, 64, &text, NULL, NULL) == 0 && streq(str_strip(text), bad);
}

void sandbox_settings(struct strvec *settings)
{
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++)
		if (switched(switches[i].path, switches[i].bad))
			strvec_add(settings, switches[i].setting);
}

static bool in_container(void)
{
	return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 ||
	       getenv("container");
}

void hint_namespaces(struct err *e)
{
	int code = e->code;
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(switches); i++)
		if (switched(switches[i].path, switches[i].bad)) {
			err_hint(e, "%s: sudo sysctl %s", switches[i].say, switches[i].setting);
			found = true;
		}
	if (found)
		return;
	if (in_container())
		err_hint(e,
			"This looks like a container. Start it so that it may make namespaces: "
			"docker run --security-opt seccomp=unconfined --security-opt "
			"apparmor=unconfined --security-opt systempaths=unconfined, or --privileged.");
	else if (code == -ENOSPC || code == -EUSERS)
		err_hint(e,
			"A limit on namespaces is reached: see /proc/sys/user/max_*_namespaces.");
	else if (code == -ENOSYS || code == -EINVAL)
		err_hint(e, "This kernel was built without user namespaces (CONFIG_USER_NS).");
	else if (code == -EPERM)
		err_hint(e,
			"A security module, a seccomp filter or a chroot(2) around pmkmod refuses "
			"user namespaces.");
}

void hint_overlay(struct err *e, int code, bool upper)
{
	struct utsname u;
	unsigned major = 0, minor = 0;

	if (uname(&u) == 0 && sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
		(major < 5 || (major == 5 && minor < 11))) {
		err_hint(e, "overlayfs inside user namespaces needs Linux 5.11; this is %s.",
			u.release);
	} else if (code == -ENODEV) {
		err_hint(e, "Load the module: sudo modprobe overlay");
	} else if (code == -EINVAL && upper) {
		err_hint(e,
			"The folder for the writable layer must be on a file system overlayfs can "
			"write to (ext4, xfs, btrfs, tmpfs), not on overlayfs itself, NFS or FAT.");
	} else if (code == -EINVAL) {
		err_hint(
			e, "A layer must be a folder without other file systems mounted below it.");
	} else if (code == -ENOSPC) {
		err_hint(e, "No space is left, or a limit on mounts is reached "
			    "(/proc/sys/fs/mount-max).");
	}
}
