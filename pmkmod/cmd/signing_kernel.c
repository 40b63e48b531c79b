// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/base/fs.h"
#include "pmkmod/aport/aport.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/device/device.h"

static int find_aport(const struct device *d, struct err *e)
{
	if (d->origin.aport)
		return 0;
	return usage_error(e,
		"where is the aport of %s? Say --aport DIR (the folder of its APKBUILD, such as "
		"device/community/%s of pmaports), or `aport = DIR` in [kernel] of %s",
		d->kernel, d->kernel, d->profile ? d->profile : "a device profile");
}

static void say_next(const struct aport *a, const struct device *d, const char *to)
{
	printf("\nNext:\n"
	       "  cp -r %s/. PMAPORTS/device/.../%s/     # %s of your pmaports\n"
	       "  pmbootstrap build %s\n"
	       "  pmbootstrap install      # or, on a running phone: pmbootstrap sideload %s\n"
	       "  pmkmod build %s <module>\n",
		to, a->pkgname, a->dir, a->pkgname, a->pkgname, d->name);
}

static int emit(struct context *x, const struct device *d, const struct aport *a, const char *to,
	struct err *e)
{
	_cleanup_strvec_ struct strvec done = {0};
	struct module_signing s;
	bool first;
	int r;

	module_signing_paths(&s, x->state);
	first = !fs_exists(s.key);
	r = module_signing_make(&s, e);
	if (r == 0)
		r = aport_emit_signing(a, &s, to, x->force, &done, e);
	for (size_t i = 0; r == 0 && i < done.n; i++)
		printf("%s\n", done.v[i]);
	if (r == 0) {
		if (first)
			printf("made the key %s: keep it, and keep it secret\n", s.key);
		printf("%s: the aport of %s (after %s) whose kernel trusts %s\n", to, a->pkgname,
			a->version, s.certificate);
		say_next(a, d, to);
	}
	module_signing_free(&s);
	return r;
}

int cmd_signing_kernel(struct context *x, const struct options *o, int *status, struct err *e)
{
	struct device d;
	struct aport a;
	int r;

	(void)status;
	if (!o->emit_aport || !*o->emit_aport)
		return usage_error(
			e, "signing-kernel needs --emit-aport DIR, a new folder to write to");
	r = device_load(&d, x->config, o->args.v[1], e);
	if (r < 0)
		return r;
	r = find_aport(&d, e);
	if (r == 0)
		r = aport_load(&a, d.origin.aport, d.arch, e);
	if (r == 0) {
		if (!streq(a.pkgname, d.kernel))
			r = usage_error(e, "the kernel of %s is %s, but '%s' is the aport of %s",
				d.name, d.kernel, d.origin.aport, a.pkgname);
		else
			r = emit(x, &d, &a, o->emit_aport, e);
		aport_free(&a);
	}
	device_free(&d);
	return r;
}
