// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/device/device.h"
#include "chroot/base/fs.h"
#include "pmkmod/device/from_pmaports.h"
#include "pmkmod/util/exit_codes.h"

static int bad_profile(const char *path, const char *what, struct err *e)
{
	return err_exit(e, EXIT_USAGE, -EINVAL, "%s: %s", path, what);
}

static char *text(struct config *p, const char *section, const char *key, char *fallback)
{
	const char *v = p ? config_get(p, section, key) : NULL;

	if (!v)
		return fallback;
	free(fallback);
	return xstrdup(v);
}

/* The configuration's [boot] wins over the profile's, so that -o and --timeout do. */
static char *boot_text(struct config *c, struct config *p, const char *key)
{
	return text(config_get(c, "boot", key) ? c : p, "boot", key, NULL);
}

static int boot_number(struct device *d, struct config *c, struct config *p, const char *key,
	unsigned *out, struct err *e)
{
	bool here = config_get(c, "boot", key) != NULL;
	unsigned long long n = 0;
	int r = here || p ? config_number(here ? c : p, "boot", key, 0, &n, e) : 0;

	if (r == 0 && n > 1 << 20)
		r = err_set(
			e, -EINVAL, "boot.%s is too large (memory is in MiB, timeout in s)", key);
	*out = (unsigned)n;
	if (r == 0)
		return 0;
	if (e)
		e->exit_code = EXIT_USAGE;
	return here ? r : err_prefix(e, "%s", d->profile);
}

static int read_boot(struct device *d, struct config *c, struct config *p, struct err *e)
{
	int r = boot_number(d, c, p, "memory", &d->boot_memory_mib, e);

	if (r == 0)
		r = boot_number(d, c, p, "timeout", &d->boot_timeout_s, e);
	d->boot_machine = boot_text(c, p, "machine");
	d->boot_cpu = boot_text(c, p, "cpu");
	d->boot_append = boot_text(c, p, "append");
	d->boot_qemu = boot_text(c, p, "qemu");
	d->boot_accel = boot_text(c, p, "accel");
	return r;
}

static const struct {
	const char *key;
	size_t at;
	bool path;
} origin_keys[] = {
#define ORIGIN(name, path)                                                                         \
	{                                                                                          \
#name, offsetof(struct kernel_origin, name), path                                  \
	}
	ORIGIN(kdir, true),
	ORIGIN(source, true),
	ORIGIN(sha256, false),
	ORIGIN(aport, true),
	ORIGIN(config, true),
	ORIGIN(image, true),
	ORIGIN(symvers, true),
	ORIGIN(cc, false),
	ORIGIN(phone, true),
	ORIGIN(sign_key, true),
#undef ORIGIN
};

static char **origin_slot(struct kernel_origin *o, size_t i)
{
	return (char **)((char *)o + origin_keys[i].at);
}

/* An option of the command line or the configuration wins; a profile's paths start beside it. */
static void read_origin(struct device *d, struct config *c, struct config *p)
{
	const char *profile = d->profile ? d->profile : "";
	_cleanup_free_ char *beside = xstrndup(profile, (size_t)(path_base(profile) - profile));

	for (size_t i = 0; i < ARRAY_SIZE(origin_keys); i++) {
		const char *v = config_get(c, "kernel", origin_keys[i].key);
		char **slot = origin_slot(&d->origin, i);

		if (!v && p && (v = config_get(p, "kernel", origin_keys[i].key)) &&
			origin_keys[i].path && *v != '/' && !strstr(v, "://"))
			*slot = path_join(beside, v);
		else
			*slot = xstrdup(v);
	}
}

/* `p` NULL: no profile. */
static const char *profile_value(struct config *p, const char *key)
{
	return p ? config_get(p, "device", key) : NULL;
}

/* What `pmkmod phone` has kept of this device, if nobody names another folder. */
static void find_phone(struct device *d, struct config *c)
{
	const char *state = config_get(c, "paths", "state");
	_cleanup_free_ char *dir = state ? xasprintf("%s/phones/%s", state, d->name) : NULL;
	_cleanup_free_ char *file = dir ? path_join(dir, "phone.ini") : NULL;

	if (!d->origin.phone && file && fs_exists(file))
		d->origin.phone = steal_ptr(dir);
}

/* pmaports has no answer to give for it. */
static int no_architecture(const struct device *d, const struct device_aport *a, struct err *e)
{
	err_exit(e, EXIT_EXCLUDED, -ENOTSUP, "%s: %s", d->name, a->device->kernels[0].why);
	return err_hint(e, "%s", a->device->kernels[0].remedy);
}

/* Its kernels were judged for the one, and would be built for the other. */
static int other_architecture(const struct device *d, const struct device_aport *a, struct err *e)
{
	err_exit(e, EXIT_USAGE, -EINVAL, "%s: [device] arch is %s, but pmaports' %s is for %s",
		d->profile, d->arch->alpine, d->name, a->device->arch->alpine);
	return err_hint(e,
		"leave `arch` out; what has another architecture is another device, and needs a name "
		"of its own");
}

/* A profile that leaves it to pmaports, which does not have the device or is not there itself. */
static int says_too_little(const struct device *d, const struct aports_tree *t, struct err *e)
{
	const char *pmaports = t->folders.n ? t->folders.v[t->folders.n - 1] : NULL;

	if (!t->problem.code && pmaports && fs_is_dir(pmaports))
		return bad_profile(d->profile,
			"[device] needs at least arch and kernel, since pmaports does not have the "
			"device",
			e);
	bad_profile(d->profile, "it leaves arch and kernel to pmaports, and that is not there", e);
	if (t->problem.code)
		return err_hint(e, "%s", t->problem.text);
	return err_hint(e,
		"'%s' is no folder: `pmbootstrap init` makes a checkout of pmaports there; or name "
		"yours with -o pmbootstrap.aports=DIR",
		pmaports ? pmaports : "pmbootstrap.aports");
}

static int read_arch(struct device *d, struct config *p, const struct device_aport *a,
	const struct aports_tree *t, struct err *e)
{
	const char *arch = profile_value(p, "arch");

	d->arch = arch ? arch_by_name(arch) : a->device ? a->device->arch : NULL;
	if (d->arch && a->device && a->device->arch && d->arch != a->device->arch)
		return other_architecture(d, a, e);
	if (d->arch)
		return 0;
	if (arch)
		return bad_profile(d->profile,
			"[device] arch is not one that Alpine has (aarch64, "
			"armv7, armhf, x86_64, x86, riscv64, ...)",
			e);
	if (a->device)
		return no_architecture(d, a, e);
	return says_too_little(d, t, e);
}

static int no_kernel(const struct device *d, const struct pmaports_kernel *k, struct err *e)
{
	err_exit(e, EXIT_UNKNOWN_NAME, -ENOENT, "%s: %s", d->name,
		k && k->why ? k->why : "its kernel is not known");
	return err_hint(e, "%s",
		k && k->remedy ? k->remedy : "a device profile can name it: `kernel = NAME`");
}

/*
 * The kernel: --kernel wins, then a profile's. Of a device with several in pmaports one must be
 * chosen, unless the profile did.
 */
static int read_kernel(struct device *d, struct config *c, struct config *p, struct device_aport *a,
	const struct aports_tree *t, struct err *e)
{
	const char *option = config_get(c, "kernel", "name");
	const char *kernel = option ? option : profile_value(p, "kernel");
	/* what a profile names need not be in pmaports */
	bool must = option || !kernel;
	int r = a->device ? device_aport_choose(a, t, c, kernel, must ? e : NULL) : 0;

	if (r < 0 && must)
		return r;
	/* a variant's name is none of a package */
	if (!a->kernel || !starts_with(kernel ? kernel : "", "linux-"))
		kernel = a->kernel ? NULL : kernel;
	d->kernel = xstrdup(kernel);
	d->flavor = xstrdup(profile_value(p, "flavor"));
	device_aport_fill(a, d);
	if (!d->kernel && !a->device)
		return says_too_little(d, t, e);
	if (!d->kernel || (d->judged && !kernel && d->verdict == VERDICT_NO_KERNEL))
		return no_kernel(d, a->kernel, e);
	if (!d->flavor)
		d->flavor = xstrdup(starts_with(d->kernel, "linux-") ? d->kernel + strlen("linux-")
								     : d->kernel);
	return 0;
}

static int read_all(struct device *d, struct config *c, struct config *p, struct device_aport *a,
	const struct aports_tree *t, struct err *e)
{
	const char *channel = profile_value(p, "channel");
	int r = read_arch(d, p, a, t, e);

	d->title = xstrdup(profile_value(p, "title"));
	read_origin(d, c, p);
	find_phone(d, c);
	if (r == 0)
		r = read_kernel(d, c, p, a, t, e);
	if (r < 0)
		return r;
	if (!d->title)
		d->title = xstrdup(d->name);
	d->headers = text(p, "device", "headers", xasprintf("%s-dev", d->kernel));
	d->scripts = text(p, "device", "scripts", xasprintf("kernel-scripts-%s", d->flavor));
	if (!channel && a->device && t->channel_problem.code) {
		if (e)
			*e = t->channel_problem;
		return err_prefix(
			e, "%s is a device of pmaports, whose channel cannot be used", d->name);
	}
	if (!channel)
		channel = a->channel ? a->channel : "edge";
	r = channel_load(&d->channel, c, channel, e);
	if (r < 0)
		return err_prefix(e, "%s", d->profile ? d->profile : d->name);
	return read_boot(d, c, p, e);
}

static int unknown_device(
	struct config *c, const char *name, const struct aports_tree *t, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0}, found = {0};
	_cleanup_free_ char *folders = t->folders.n ? strvec_join(&t->folders, ", ") : NULL;
	size_t profiles;
	int r;

	profile_names(c, "devices", &names);
	profiles = names.n;
	pmaports_names(&t->folders, &found);
	for (size_t i = 0; i < found.n; i++)
		if (!strvec_has(&names, found.v[i]))
			strvec_add(&names, found.v[i]);
	r = profile_unknown("device", name, &names, "pmkmod list devices", e);
	if (t->problem.code)
		err_hint(e, "and pmaports is not asked: %s", t->problem.text);
	else if (names.n == profiles)
		err_hint(e, "these are profiles; there is no device of pmaports in %s",
			folders ? folders : "any folder");
	return r;
}

int device_load_with(struct device *d, struct config *c, const char *name,
	const struct aports_tree *aports, struct err *e)
{
	struct device_aport a;
	struct config *p = NULL;
	int r = 0;

	*d = (struct device){.name = xstrdup(name)};
	d->profile = profile_path(c, "devices", name);
	device_aport_find(&a, aports, name);
	if (!d->profile && !a.device)
		r = unknown_device(c, name, aports, e);
	if (r == 0 && d->profile)
		r = device_profile_read(&p, c, d->profile, e);
	if (r == 0)
		r = read_all(d, c, p, &a, aports, e);
	if (r == 0)
		r = device_read_extras(d, p, e);
	config_free(p);
	if (r < 0)
		device_free(d);
	return r;
}

int device_load(struct device *d, struct config *c, const char *name, struct err *e)
{
	_cleanup_free_ char *profile = profile_path(c, "devices", name);
	const char *kernel = config_get(c, "kernel", "name");
	struct aports_tree aports;
	struct config *p = NULL;
	int r;

	if (!kernel && profile && device_profile_read(&p, c, profile, NULL) == 0)
		kernel = config_get(p, "device", "kernel");
	/* what is wrong with pmaports only matters where no profile says enough */
	aports_tree_load(&aports, c, NULL, name, kernel);
	r = device_load_with(d, c, name, &aports, e);
	aports_tree_free(&aports);
	config_free(p);
	return r;
}

void device_free(struct device *d)
{
	free(d->name);
	free(d->title);
	free(d->profile);
	free(d->kernel);
	free(d->flavor);
	free(d->headers);
	free(d->scripts);
	free(d->why);
	free(d->remedy);
	free(d->decided_by);
	for (size_t i = 0; i < ARRAY_SIZE(origin_keys); i++)
		free(*origin_slot(&d->origin, i));
	free(d->boot_machine);
	free(d->boot_cpu);
	free(d->boot_append);
	free(d->boot_qemu);
	free(d->boot_accel);
	strvec_free(&d->packages);
	strvec_free(&d->notes);
	channel_free(&d->channel);
	*d = (struct device){0};
}
