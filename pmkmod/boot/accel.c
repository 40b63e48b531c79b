// SPDX-License-Identifier: GPL-3.0-or-later
/* Is KVM there, and of use for this guest? */
#include "pmkmod/boot/boot_parts.h"

#include <fcntl.h>
#include <unistd.h>

/*
 * Only the machine's own architecture, and its 32-bit form on x86: few arm64 processors have a
 * 32-bit kernel mode, and no qemu-system-arm makes use of it.
 */
static bool of_use(const struct arch_info *arch)
{
	const struct arch_info *native = arch_native();

	return arch == native || (streq(native->alpine, "x86_64") && streq(arch->alpine, "x86"));
}

int accel_choose(enum boot_accel wish, const struct arch_info *arch, const char *device,
	struct strbuf *why, struct err *e)
{
	int fd, r;

	if (wish == BOOT_ACCEL_TCG) {
		strbuf_adds(why, "boot.accel says so");
		return 0;
	}
	if (!of_use(arch)) {
		strbuf_addf(why, "KVM here runs %s, not %s", arch_native()->alpine, arch->alpine);
		r = -ENOTSUP;
	} else {
		fd = open(device, O_RDWR | O_CLOEXEC);
		r = fd < 0 ? -errno : 0;
		if (fd >= 0)
			close(fd);
		else if (r == -ENOENT)
			strbuf_addf(why, "there is no %s", device);
		else
			strbuf_addf(why, "%s cannot be opened: %s", device, strerror(-r));
	}
	if (r == 0)
		return 1;
	if (wish == BOOT_ACCEL_AUTO)
		return 0;
	err_set(e, r, "boot.accel = kvm, but %s", why->s);
	if (r == -EACCES)
		err_hint(e, "Often being in the group 'kvm' gives the right to it.");
	return r;
}
