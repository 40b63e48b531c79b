// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/device/device.h"
#include "chroot/base/fs.h"
#include "pmkmod/util/exit_codes.h"

static int bad_profile(const char *path, const char *what, struct err *e)
{
	if (e)
		e->exit_code = EXIT_USAGE;
	return err_set(e, -EINVAL, "%s: %s", path, what);
}

static char *text(struct config *p, const char *section, const char *key, char *fallback)
{
	const char *v = config_get(p, section, key);

	if (!v)
		return fallback;
	free(fallback);
	return xstrdup(v);
}

static int read_boot(struct device *d, struct config *p, struct err *e)
{
	unsigned long long memory = 0, timeout = 0;
	int r = config_number(p, "boot", "memory", 0, &memory, e);

	if (r == 0)
		r = config_number(p, "boot", "timeout", 0, &timeout, e);
	if (r < 0)
		return err_prefix(e, "%s", d->profile);
	if (memory > 1 << 20 || timeout > 1 << 20)
		return bad_profile(
			d->profile, "[boot] memory (MiB) or timeout (seconds) is too large", e);
	d->boot_memory_mib = (unsigned)memory;
	d->boot_timeout_s = (unsigned)timeout;
	d->boot_machine = text(p, "boot", "machine", NULL);
	d->boot_cpu = text(p, "boot", "cpu", NULL);
	d->boot_append = text(p, "boot", "append", NULL);
	d->boot_qemu = text(p, "boot", "qemu", NULL);
	return 0;
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
	_cleanup_free_ char *beside =
		xstrndup(d->profile, (size_t)(path_base(d->profile) - d->profile));

	for (size_t i = 0; i < ARRAY_SIZE(origin_keys); i++) {
		const char *v = config_get(c, "kernel", origin_keys[i].key);
		char **slot = origin_slot(&d->origin, i);

		if (!v && (v = config_get(p, "kernel", origin_keys[i].key)) &&
			origin_keys[i].path && *v != '/' && !strstr(v, "://"))
			*slot = path_join(beside, v);
		else
			*slot = xstrdup(v);
	}
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

static int read_profile(struct device *d, struct config *c, struct config *p, struct err *e)
{
	const char *arch = config_get(p, "device", "arch");
	const char *kernel = config_get(p, "device", "kernel");
	const char *channel = config_get(p, "device", "channel");
	int r;

	if (!arch || !kernel)
		return bad_profile(d->profile, "[device] needs at least arch and kernel", e);
	d->arch = arch_by_name(arch);
	if (!d->arch)
		return bad_profile(d->profile,
			"[device] arch is not one that Alpine has (aarch64, "
			"armv7, armhf, x86_64, x86, riscv64, ...)",
			e);
	d->title = text(p, "device", "title", xstrdup(d->name));
	d->kernel = xstrdup(kernel);
	d->flavor = text(p, "device", "flavor",
		xstrdup(starts_with(kernel, "linux-") ? kernel + strlen("linux-") : kernel));
	d->headers = text(p, "device", "headers", xasprintf("%s-dev", kernel));
	d->scripts = text(p, "device", "scripts", xasprintf("kernel-scripts-%s", d->flavor));
	read_origin(d, c, p);
	find_phone(d, c);
	r = channel_load(&d->channel, c, channel ? channel : "edge", e);
	if (r < 0)
		return err_prefix(e, "%s", d->profile);
	return read_boot(d, p, e);
}

int device_load(struct device *d, struct config *c, const char *name, struct err *e)
{
	struct config *p = NULL;
	int r;

	*d = (struct device){.name = xstrdup(name)};
	d->profile = profile_path(c, "devices", name);
	if (!d->profile) {
		_cleanup_strvec_ struct strvec names = {0};

		profile_names(c, "devices", &names);
		r = profile_unknown("device", name, &names, "pmkmod list devices", e);
	} else {
		r = profile_read(&p, d->profile, e);
		if (r == 0)
			r = read_profile(d, c, p, e);
	}
	config_free(p);
	if (r < 0)
		device_free(d);
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
	for (size_t i = 0; i < ARRAY_SIZE(origin_keys); i++)
		free(*origin_slot(&d->origin, i));
	free(d->boot_machine);
	free(d->boot_cpu);
	free(d->boot_append);
	free(d->boot_qemu);
	channel_free(&d->channel);
	*d = (struct device){0};
}
