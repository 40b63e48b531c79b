// SPDX-License-Identifier: GPL-3.0-or-later
/* What a command may use and do: resource limits and capabilities. */
#include "chroot/sandbox/internal.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int set_limit(int what, rlim_t soft, rlim_t hard)
{
	struct rlimit l;

	if (getrlimit((__rlimit_resource_t)what, &l) < 0)
		return -errno;
	if (hard < l.rlim_max)
		l.rlim_max = hard;
	l.rlim_cur = soft < l.rlim_max ? soft : l.rlim_max;
	return setrlimit((__rlimit_resource_t)what, &l) < 0 ? -errno : 0;
}

int limits_set(const struct sandbox_spec *s, struct err *e)
{
	int r = set_limit(RLIMIT_CORE, 0, 0);

	/* the same for everybody, and low enough for programs that close every possible number */
	if (r == 0)
		r = set_limit(RLIMIT_NOFILE, 4096, 65536);
	if (r == 0 && s->max_file_bytes)
		r = set_limit(RLIMIT_FSIZE, s->max_file_bytes, s->max_file_bytes);
	/*
	 * Since Linux 5.14 processes are counted per user namespace, so this is the number inside.
	 * The kernel exempts the host's uid 0 from it; a pids cgroup would not help the ordinary
	 * user either, since delegated cgroups may hold either processes or controllers.
	 */
	if (r == 0 && s->max_procs)
		r = set_limit(RLIMIT_NPROC, s->max_procs, s->max_procs);
	return r < 0 ? err_errno(e, r, "cannot limit the command's resources") : 0;
}

/* What scripts of packages do in a root: write anywhere, set modes, change users, chroot. */
static const int setup_caps[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,
	CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SETFCAP, CAP_SYS_CHROOT};
static const int init_caps[] = {CAP_SYS_PTRACE};
static const unsigned long no_root = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
				     SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
				     SECBIT_NO_CAP_AMBIENT_RAISE |
				     SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

static bool listed(int cap, const int *keep, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (keep[i] == cap)
			return true;
	return false;
}

static int set_caps(const int *keep, size_t n)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {{0, 0, 0}, {0, 0, 0}};

	for (size_t i = 0; i < n; i++) {
		d[keep[i] / 32].permitted |= 1U << keep[i] % 32;
		d[keep[i] / 32].effective |= 1U << keep[i] % 32;
	}
	return syscall(SYS_capset, &h, d) < 0 ? -errno : 0;
}

/* What is not in the bounding set, exec can never give back, to uid 0 neither. Needs CAP_SETPCAP,
 * so it comes before set_caps(). EINVAL ends the list of capabilities this kernel knows. */
static int bound_caps(const int *keep, size_t n)
{
	for (int cap = 0; cap < 64; cap++)
		if (!listed(cap, keep, n) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return errno == EINVAL ? 0 : -errno;
	return 0;
}

int caps_drop(enum sandbox_privilege p, struct err *e)
{
	bool setup = p == SANDBOX_SETUP;
	size_t n = setup ? ARRAY_SIZE(setup_caps) : 0;
	int r = 0;

	/* uid 0 shall not mean anything: no capability at exec, and no way to switch that back on
	 */
	if (!setup && prctl(PR_SET_SECUREBITS, no_root, 0, 0, 0) < 0)
		r = -errno;
	if (r == 0)
		r = bound_caps(setup_caps, n);
	/* EINVAL before Linux 4.3, which had no such set */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (r == 0)
		r = set_caps(setup_caps, n);
	/* also set for the filter; here in case somebody makes the filter optional one day */
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	return r < 0 ? err_errno(e, r, "cannot drop the sandbox's capabilities") : 0;
}

/* No bounding set here: init never executes anything. */
int caps_init(struct err *e)
{
	int r = set_caps(init_caps, ARRAY_SIZE(init_caps));

	return r < 0 ? err_errno(e, r, "cannot drop init's capabilities") : 0;
}
