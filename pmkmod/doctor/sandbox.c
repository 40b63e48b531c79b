// SPDX-License-Identifier: GPL-3.0-or-later
/* A sandbox is started, as builds do; what the kernel refuses is told in the sandbox's own words.
 */
#include "chroot/base/fs.h"
#include "pmkmod/doctor/doctor.h"

#define TIMEOUT_S 30

static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};

static void add_settings(struct doctor *d, struct point *p)
{
	_cleanup_strvec_ struct strvec settings = {0};

	sandbox_settings(&settings);
	for (size_t i = 0; i < settings.n; i++) {
		_cleanup_free_ char *now = xasprintf("sysctl %s", settings.v[i]);
		_cleanup_free_ char *later =
			xasprintf("sh -c 'echo %s >>/etc/sysctl.d/90-pmkmod.conf'", settings.v[i]);

		point_mend_take(p, host_as_root(&d->host, now));
		point_mend_take(p, host_as_root(&d->host, later));
	}
}

/* /bin/true on the host's own programs: namespaces, mounts, /proc, the system call filter. */
static int try_true(struct err *e)
{
	const char *const argv[] = {"true", NULL};
	struct sandbox_spec s = {.host_root = true,
		.privilege = SANDBOX_BUILD,
		.argv = argv,
		.env = environment,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.timeout_s = TIMEOUT_S};
	struct sandbox_result result = {0};
	int r = sandbox_run(&s, &result, e);

	if (r == 0 && result.status)
		r = err_set(e, -EIO, "'true' ended with exit status %d in it", result.status);
	return r;
}

static int succeed(void *ctx)
{
	(void)ctx;
	return 0;
}

/* `kept`: the writable layer is below paths.state, as layers are made; else in memory, as a build
 * has it. */
static int try_overlay(const char *dir, bool kept, struct err *e)
{
	_cleanup_free_ char *lower = path_join(dir, "lower");
	_cleanup_free_ char *upper = path_join(dir, "over");
	_cleanup_strvec_ struct strvec layers = {0};
	struct sandbox_result result = {0};
	struct sandbox_spec s = {.layers = &layers,
		.upper = kept ? upper : NULL,
		.privilege = SANDBOX_SETUP,
		.inside = succeed,
		.env = environment,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.timeout_s = TIMEOUT_S};
	int r = fs_mkdirs(lower, 0755, e);

	strvec_add(&layers, lower);
	return r == 0 ? sandbox_run(&s, &result, e) : r;
}

static void examine_overlay(struct doctor *d)
{
	static const char use[] = "roots made of layers";
	struct err e = ERR_INIT, kept = ERR_INIT;
	struct work w = WORK_INIT;
	struct point *p;

	if (!d->namespaces || !d->folders) {
		point_add(d, POINT_NOTE, "overlayfs", use, "not tried: %s",
			d->namespaces ? "paths.state cannot be written to"
				      : "a sandbox cannot be started");
		return;
	}
	if (work_open(&w, d->x, "doctor", &e) < 0 || try_overlay(w.dir, false, &e) < 0) {
		p = point_add(d, POINT_LACKS, "overlayfs", use, "%s", e.text);
		if (e.code == -ENODEV)
			point_mend_take(p, host_as_root(&d->host, "modprobe overlay"));
	} else if (try_overlay(w.dir, true, &kept) < 0) {
		p = point_add(d, POINT_LACKS, "overlayfs", use, "%s", kept.text);
		point_mend(p, "pmkmod -o paths.state=DIR ..., or that key in pmkmod.ini");
	} else {
		point_add(d, POINT_OK, "overlayfs", use,
			"one was mounted in a user namespace, in memory and in paths.state");
	}
	work_close(&w);
}

int examine_sandbox(struct doctor *d, struct err *e)
{
	struct err why = ERR_INIT;
	struct point *p;

	if (sandbox_try_namespaces(&why) < 0) {
		p = point_add(
			d, POINT_LACKS, "namespaces", "every build's sandbox", "%s", why.text);
		add_settings(d, p);
		point_add(d, POINT_NOTE, "sandbox", "everything foreign runs in one",
			"not tried: namespaces cannot be made");
	} else {
		point_add(d, POINT_OK, "namespaces", "every build's sandbox",
			"user, mount, pid, ipc, uts, network and cgroup namespaces can be made");
		if (try_true(&why) < 0) {
			p = point_add(d, POINT_LACKS, "sandbox", "everything foreign runs in one",
				"%s", why.text);
			add_settings(d, p);
		} else {
			d->namespaces = true;
			point_add(d, POINT_OK, "sandbox", "everything foreign runs in one",
				"a program ran in one, with a /proc of its own");
		}
	}
	examine_overlay(d);
	return interrupted() ? err_set(e, -EINTR, "interrupted") : 0;
}
