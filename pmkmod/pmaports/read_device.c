// SPDX-License-Identifier: GPL-3.0-or-later
/* One device: its deviceinfo, and which kernels its APKBUILD names. */
#include "chroot/base/fs.h"
#include "pmkmod/aport/apkbuild.h"
#include "pmkmod/pmaports/tree.h"

#define INFO_MAX (1u << 20)

static struct device_kernel *add_kernel(
	struct read_device *d, const char *variant, const char *package)
{
	struct device_kernel *k;

	d->kernels = xrealloc(d->kernels, d->n_kernels + 1, sizeof(*d->kernels));
	k = &d->kernels[d->n_kernels++];
	*k = (struct device_kernel){.variant = xstrdup(variant), .package = xstrdup(package)};
	return k;
}

/* ---- packages in depends ---- */

/* What begins with linux- and is no kernel. */
static bool is_kernel_name(const char *name)
{
	static const char *const prefixes[] = {
		"linux-firmware", "linux-headers", "linux-pam", "linux-tools"};
	static const char *const suffixes[] = {"-dev", "-doc", "-src", "-dbg"};

	if (!starts_with(name, "linux-") || !name[strlen("linux-")])
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (starts_with(name, prefixes[i]))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (ends_with(name, suffixes[i]))
			return false;
	return true;
}

/* Names of kernels in a list of dependencies, without what is said of their versions. */
static void kernels_in(const char *depends, struct strvec *out)
{
	_cleanup_strvec_ struct strvec words = {0};

	strvec_split(&words, depends, " \t\r\n");
	for (size_t i = 0; i < words.n; i++) {
		char *w = words.v[i];

		w[strcspn(w, "<>=~@")] = '\0';
		if (is_kernel_name(w) && !strvec_has(out, w))
			strvec_add(out, w);
	}
}

/* ---- subpackages that choose a kernel ---- */

/* The variant in "device-x-kernel-mainline"; NULL: it is another subpackage. */
static const char *variant_of(
	const struct read_device *d, const char *pkgname, const char *subpackage)
{
	const char *const mains[] = {d->dir->name, pkgname};

	for (size_t i = 0; i < ARRAY_SIZE(mains); i++) {
		_cleanup_free_ char *prefix = mains[i] ? xasprintf("%s-kernel-", mains[i]) : NULL;

		if (prefix && starts_with(subpackage, prefix) && subpackage[strlen(prefix)])
			return subpackage + strlen(prefix);
	}
	return NULL;
}

/* The function of "name:function:arch": given, else the last word of the name, as abuild has it. */
static char *function_of(const struct apkbuild *b, const char *variant, const char *given)
{
	const char *dash = strrchr(variant, '-');
	char *f, *c;

	if (given && *given)
		return xstrdup(given);
	f = xstrdup(dash ? dash + 1 : variant);
	if (apkbuild_function(b, f, NULL))
		return f;
	free(f);
	f = xasprintf("kernel_%s", variant);
	for (c = f; *c; c++)
		if (*c == '-')
			*c = '_';
	return f;
}

/* What abuild sets before it reads the recipe of a device. */
#define DEVICE_ENV(d)                                                                              \
	{                                                                                          \
		{"CARCH", *(d)->arch ? (d)->arch : "aarch64"}, {"startdir", (d)->dir->path},       \
			{"srcdir", "/srcdir"},                                                     \
		{                                                                                  \
			"pkgdir", "/pkgdir"                                                        \
		}                                                                                  \
	}

/* The second way for a function: *depends is replaced if a shell knows it. */
static bool ask_function(struct read_device *d, const char *function,
	const struct apkbuild_env *more, size_t n_more, char **depends)
{
	const struct apkbuild_env device[] = DEVICE_ENV(d);
	struct apkbuild_env env[ARRAY_SIZE(device) + 2];
	struct apkbuild_question q = {.name = "depends"};

	d->gave_up = true;
	if (!d->ask || n_more > 2)
		return false;
	memcpy(env, device, sizeof(device));
	memcpy(env + ARRAY_SIZE(device), more, n_more * sizeof(*more));
	if (apkbuild_ask(d->dir->path, env, ARRAY_SIZE(device) + n_more, function, &q, 1, NULL) <
			0 ||
		!q.answer)
		return false;
	free(*depends);
	*depends = q.answer;
	return true;
}

static void read_variant(struct read_device *d, struct apkbuild *b, const char *name,
	const char *variant, const char *given)
{
	const struct apkbuild_env env[] = {{"subpkgname", name}, {"subpkgdir", "/pkgdir"}};
	_cleanup_free_ char *function = function_of(b, variant, given);
	_cleanup_free_ char *why = NULL, *depends = NULL;
	_cleanup_strvec_ struct strvec kernels = {0};

	if (!apkbuild_function(b, function, NULL)) {
		strvec_addf(&d->notes, "the subpackage %s has no function %s()", name, function);
		add_kernel(d, variant, NULL);
		return;
	}
	depends = apkbuild_in_function(b, function, env, ARRAY_SIZE(env), "depends", &why);
	if (why && ask_function(d, function, env, ARRAY_SIZE(env), &depends)) {
		free(why);
		why = NULL;
	}
	if (why)
		strvec_addf(&d->notes, "what %s depends on is not known: %s", name, why);
	kernels_in(depends && !why ? depends : "", &kernels);
	if (kernels.n > 1) {
		_cleanup_free_ char *all = strvec_join(&kernels, ", ");

		strvec_addf(&d->notes, "%s depends on several kernels (%s); the first is looked at",
			name, all);
	}
	add_kernel(d, variant, kernels.n ? kernels.v[0] : NULL);
}

static void read_variants(struct read_device *d, struct apkbuild *b)
{
	const char *list = apkbuild_get(b, "subpackages"),
		   *why = apkbuild_unknown(b, "subpackages");
	_cleanup_strvec_ struct strvec words = {0};

	if (why)
		strvec_addf(&d->notes, "its subpackages are not known: %s", why);
	strvec_split(&words, list ? list : "", " \t\r\n");
	for (size_t i = 0; i < words.n; i++) {
		char *name = words.v[i], *function = strchr(name, ':'), *arch = NULL;
		const char *variant;

		if (function) {
			*function++ = '\0';
			arch = strchr(function, ':');
		}
		if (arch)
			*arch = '\0';
		variant = variant_of(d, apkbuild_get(b, "pkgname"), name);
		if (variant)
			read_variant(d, b, name, variant, function);
	}
}

static void read_recipe(struct read_device *d, struct apkbuild *b)
{
	const char *depends = apkbuild_get(b, "depends"), *why = apkbuild_unknown(b, "depends");
	const char *pkgname = apkbuild_get(b, "pkgname");
	_cleanup_strvec_ struct strvec kernels = {0};
	size_t len;
	const char *text = apkbuild_text(b, &len);

	if (memchr(text, '\r', len))
		strvec_add(&d->notes, "its APKBUILD has the line ends of another system (CR LF), "
				      "which neither pmbootstrap nor abuild takes");
	if (pkgname && !streq(pkgname, d->dir->name))
		strvec_addf(&d->notes,
			"its APKBUILD says pkgname=%s, which must be the folder's name (%s) for "
			"pmbootstrap",
			pkgname, d->dir->name);
	if (why)
		d->problem = xasprintf("what it depends on is not known (depends): %s", why);
	read_variants(d, b);
	kernels_in(depends ? depends : "", &kernels);
	/* the variants are chosen between; a kernel in depends itself is always there */
	for (size_t i = 0; i < kernels.n; i++)
		add_kernel(d, kernels.n > 1 || d->n_kernels ? kernels.v[i] : NULL, kernels.v[i]);
	if (d->n_kernels) {
		free(d->problem);
		d->problem = NULL;
	}
}

static void read_apkbuild(struct read_device *d)
{
	const struct apkbuild_env env[] = DEVICE_ENV(d);
	_cleanup_free_ char *path = path_join(d->dir->path, "APKBUILD");
	struct apkbuild *b = NULL;
	struct err e = ERR_INIT;

	stamps_add(&d->stamps, path);
	if (apkbuild_read(&b, path, env, ARRAY_SIZE(env), &e) < 0) {
		d->problem = xasprintf("its APKBUILD cannot be read: %s", e.text);
		return;
	}
	d->gave_up = apkbuild_unknown(b, "depends") || apkbuild_unknown(b, "subpackages");
	if (d->gave_up && d->ask)
		apkbuild_ask_unknown(b, d->dir->path, env, ARRAY_SIZE(env), NULL);
	read_recipe(d, b);
	apkbuild_free(b);
}

/* ---- deviceinfo ---- */

static const char *text_or_empty(const char *s)
{
	return s ? s : "";
}

static void take_info(struct read_device *d, const struct deviceinfo *info)
{
	const char *codename = deviceinfo_get(info, "codename", NULL);
	const char *name = d->dir->name + strlen(DEVICE_PREFIX);

	d->title = xstrdup(text_or_empty(deviceinfo_get(info, "name", NULL)));
	d->arch = xstrdup(text_or_empty(deviceinfo_get(info, "arch", NULL)));
	if (!*d->arch)
		strvec_add(&d->notes, "its deviceinfo has no deviceinfo_arch");
	if (!codename || !streq(codename, name))
		strvec_addf(&d->notes,
			"its deviceinfo says codename=%s; the folder's name %s counts",
			codename ? codename : "(nothing)", name);
}

/* Fills title and arch whatever happens. */
static void read_info(struct read_device *d, struct deviceinfo *info)
{
	_cleanup_free_ char *path = path_join(d->dir->path, "deviceinfo"), *text = NULL;
	struct err e = ERR_INIT;
	size_t len;

	stamps_add(&d->stamps, path);
	*info = (struct deviceinfo){0};
	if (fs_read_regular(path, INFO_MAX, &text, &len, &e) < 0) {
		strvec_addf(&d->notes, "it has no deviceinfo that can be read: %s", e.text);
	} else if (deviceinfo_parse(info, text, len, &e) < 0) {
		strvec_addf(&d->notes, "its deviceinfo is not understood: %s", e.text);
	} else {
		if (memchr(text, '\r', len))
			strvec_add(&d->notes,
				"its deviceinfo has the line ends of another system "
				"(CR LF), which the phone's own programs do not take");
		take_info(d, info);
		return;
	}
	d->title = xstrdup("");
	d->arch = xstrdup("");
}

static void read_into(struct read_device *d, const struct aport_dir *dir)
{
	struct deviceinfo info;

	d->dir = dir;
	read_info(d, &info);
	if (!*d->title) {
		free(d->title);
		d->title = xstrdup(dir->name + strlen(DEVICE_PREFIX));
	}
	read_apkbuild(d);
	if (!d->n_kernels) {
		add_kernel(d, NULL, NULL);
		if (!d->problem)
			d->problem = xstrdup("its APKBUILD names no kernel");
	}
	for (size_t i = 0; i < d->n_kernels; i++)
		d->kernels[i].arch = xstrdup(
			text_or_empty(deviceinfo_get(&info, "arch", d->kernels[i].variant)));
	deviceinfo_free(&info);
}

void read_device(struct read_device *d, const struct aport_dir *dir)
{
	*d = (struct read_device){0};
	read_into(d, dir);
}

void read_device_asking(struct read_device *d)
{
	const struct aport_dir *dir = d->dir;

	read_device_free(d);
	*d = (struct read_device){.ask = true};
	read_into(d, dir);
}

void read_device_offer(struct read_device *d, const char *package)
{
	for (size_t i = 0; i < d->n_kernels; i++)
		if (d->kernels[i].package && streq(d->kernels[i].package, package))
			return;
	add_kernel(d, NULL, package)->arch = xstrdup(d->arch);
}

void read_device_free(struct read_device *d)
{
	for (size_t i = 0; i < d->n_kernels; i++) {
		free(d->kernels[i].variant);
		free(d->kernels[i].package);
		free(d->kernels[i].arch);
	}
	free(d->kernels);
	free(d->title);
	free(d->arch);
	free(d->problem);
	strvec_free(&d->notes);
	stamps_free(&d->stamps);
	*d = (struct read_device){0};
}
