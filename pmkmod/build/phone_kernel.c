// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/phone_kernel.h"

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/repos.h"
#include "pmkmod/image/image.h"
#include "pmkmod/kernel/inflate.h"
#include "pmkmod/kernel/kernel.h"

#define CONFIG_MAX (8u << 20)

/* What is compared. */
struct comparing {
	struct phone_kernel *k;
	struct context *x;
	const struct device *d;
};

/* "linux-foo-6.1-r0" -> version of linux-foo; NULL: another package. Borrowed. */
static const char *version_in(const char *package, const char *name)
{
	size_t n = strlen(name);

	return starts_with(package, name) && package[n] == '-' && package[n + 1] >= '0' &&
			       package[n + 1] <= '9'
		       ? package + n + 1
		       : NULL;
}

static const char *installed_version(const struct comparing *c)
{
	const struct strvec *l = &c->k->record.packages;

	for (size_t i = 0; i < l->n; i++)
		if (version_in(l->v[i], c->d->kernel))
			return version_in(l->v[i], c->d->kernel);
	return NULL;
}

/* ---- profile and phone ---- */

static void against_profile(const struct comparing *c)
{
	const struct phone_record *r = &c->k->record;
	_cleanup_free_ char *have = strvec_join(&r->packages, ", ");

	if (!phone_machine_fits(c->d->arch, r->machine))
		strvec_addf(&c->k->contradictions,
			"the phone's kernel is one for %s, but the device %s is %s: is this the right "
			"phone?",
			r->machine, c->d->name, c->d->arch->alpine);
	if (!installed_version(c))
		strvec_addf(&c->k->contradictions,
			"the device's kernel is %s, but the phone has %s: the module's package would "
			"not go onto it",
			c->d->kernel, *have ? have : "no kernel's package");
}

static void against_image(const struct comparing *c)
{
	_cleanup_free_ char *path = path_join(c->k->dir, phone_file_names[PHONE_IMAGE]);
	const struct phone_record *r = &c->k->record;
	struct image_identity id = {0};
	struct kernel_image im;
	struct err why = ERR_INIT;

	if (!r->got[PHONE_IMAGE])
		return;
	if (kernel_image_read(&im, path, &why) < 0) {
		strvec_addf(&c->k->contradictions,
			"the phone's %s is no kernel that is understood: "
			"%s",
			r->path[PHONE_IMAGE], why.text);
		return;
	}
	image_identify(&id, &im);
	if (id.release && !streq(id.release, r->release))
		strvec_addf(&c->k->contradictions,
			"the phone runs %s, but its %s is Linux %s: it was not started anew since an "
			"upgrade, or starts from elsewhere",
			r->release, r->path[PHONE_IMAGE], id.release);
	image_identity_free(&id);
	kernel_image_free(&im);
}

/* ---- the repositories ---- */

static void compare_lines(const struct comparing *c, const char *theirs, const char *ours)
{
	struct kconfig *a = NULL, *b = NULL;
	_cleanup_strvec_ struct strvec lines = {0};
	_cleanup_strbuf_ struct strbuf some = {0};
	size_t differ = 0;
	int r = kconfig_parse(&a, theirs, strlen(theirs), NULL);

	if (r == 0)
		r = kconfig_parse(&b, ours, strlen(ours), NULL);
	strvec_split(&lines, ours, "\n");
	for (size_t i = 0; r == 0 && i < lines.n; i++) {
		char *eq = strchr(lines.v[i], '=');
		const char *symbol = lines.v[i] + strlen("CONFIG_"), *x, *y;

		if (!eq || !starts_with(lines.v[i], "CONFIG_"))
			continue;
		*eq = '\0';
		x = kconfig_get(a, symbol);
		y = kconfig_get(b, symbol);
		if (x && y && streq(x, y))
			continue;
		if (differ++ < 3)
			strbuf_addf(&some, "%s%s (phone %s, package %s)", differ > 1 ? ", " : "",
				symbol, y ? y : "not set", x ? x : "not set");
	}
	if (differ)
		strvec_addf(&c->k->contradictions,
			"the phone's configuration is not that of the kernel's package: %zu lines "
			"differ, %s",
			differ, some.s);
	kconfig_free(a);
	kconfig_free(b);
}

static void against_config(const struct comparing *c, const char *apk, const struct kernel_facts *f)
{
	_cleanup_free_ char *path = path_join(c->k->dir, phone_file_names[PHONE_CONFIG]);
	_cleanup_free_ char *ours = NULL, *theirs = NULL;
	size_t n, m;

	if (!c->k->record.got[PHONE_CONFIG] || !f->config_name)
		return;
	if (fs_read(path, CONFIG_MAX, &ours, &n, NULL) < 0 ||
		inflate_in_place(&ours, &n, CONFIG_MAX, NULL) < 0) {
		strvec_addf(
			&c->k->contradictions, "the phone's /proc/config.gz cannot be unpacked");
		return;
	}
	if (apk_read_file(apk, f->config_name, CONFIG_MAX, &theirs, &m, NULL) == 0 &&
		inflate_in_place(&theirs, &m, CONFIG_MAX, NULL) == 0)
		compare_lines(c, theirs, ours);
}

/* Same version of the package: then all else must be the same too. */
static int against_package(const struct comparing *c, const struct apk_pkg *kernel, struct err *e)
{
	_cleanup_free_ char *apk = NULL, *cache = path_join(c->x->cache, "kernels");
	struct kernel_facts f = {0};
	int r = repos_fetch(c->x, kernel, &apk, e);

	if (r == 0)
		r = fs_mkdirs(cache, 0700, e);
	if (r == 0)
		r = kernel_facts_read(&f, apk, &kernel->identity, c->d->flavor, cache, e);
	if (r < 0)
		return r;
	if (f.release && !streq(f.release, c->k->record.release))
		strvec_addf(&c->k->contradictions,
			"the phone has %s-%s, which is release %s, but runs %s: start it anew",
			kernel->name, kernel->version, f.release, c->k->record.release);
	else
		against_config(c, apk, &f);
	kernel_facts_free(&f);
	return 0;
}

static int against_repositories(const struct comparing *c, struct err *e)
{
	const char *have = installed_version(c);
	const struct apk_pkg *newest;
	struct repo_set s = {0};
	int r = repos_open(&s, c->x, &c->d->channel, c->d->arch, NULL, e);

	if (r == 0)
		r = repos_parse(&s, e);
	newest = r == 0 ? repos_newest(&s, c->d->kernel) : NULL;
	if (newest && have && streq(newest->version, have))
		r = against_package(c, newest, e);
	else if (newest && have && apk_version_compare(newest->version, have, false) == APK_VER_GT)
		strvec_addf(&c->k->contradictions,
			"the phone runs %s-%s, which the repositories of channel %s have no more; they "
			"have %s, and modules are built for that: bring the phone up to date (apk "
			"upgrade, start it anew), or keep the old package in a repository of your own",
			newest->name, have, c->d->channel.name, newest->version);
	else if (newest && have)
		strvec_addf(&c->k->contradictions,
			"the phone's %s-%s is newer than the %s of channel %s: it is from another "
			"channel, or built by yourself; name that repository in channel.%s",
			newest->name, have, newest->version, c->d->channel.name,
			c->d->channel.name);
	else if (r == 0 && !newest)
		strvec_addf(&c->k->contradictions,
			"the device's kernel %s is in no repository of channel %s", c->d->kernel,
			c->d->channel.name);
	repos_close(&s);
	return r;
}

/* ---- the whole ---- */

static int ask(struct phone_kernel *k, struct context *x, const struct device *d, struct err *e)
{
	_cleanup_free_ char *all = path_join(x->state, "phones");
	struct phone p;
	int r = phone_open(&p, x->config, e);

	if (r < 0)
		return r;
	k->shown = xstrdup(p.shown);
	k->dir = path_join(all, d->name);
	progress_stage(&x->progress, "phone", "reading what %s says of its kernel", p.shown);
	r = fs_mkdirs(all, 0700, e);
	if (r == 0)
		r = phone_record_fetch(&k->record, &p, d->flavor, k->dir, e);
	if (r == 0)
		progress_done(&x->progress, "%s runs %s", p.shown, k->record.release);
	else
		progress_failed(&x->progress);
	phone_close(&p);
	return r;
}

int phone_kernel_read(struct phone_kernel *k, struct context *x, const char *device, struct err *e)
{
	struct device d;
	struct err why = ERR_INIT;
	struct comparing c = {.k = k, .x = x, .d = &d};
	int r = device_load(&d, x->config, device, e);

	*k = (struct phone_kernel){0};
	if (r < 0)
		return r;
	r = ask(k, x, &d, e);
	if (r == 0) {
		against_profile(&c);
		against_image(&c);
		/* without a network what the phone said is still worth having */
		if (against_repositories(&c, &why) < 0)
			strvec_addf(&k->contradictions,
				"what the repositories have is not known: %s", why.text);
	}
	device_free(&d);
	if (r < 0)
		phone_kernel_free(k);
	return r;
}

void phone_kernel_free(struct phone_kernel *k)
{
	phone_record_free(&k->record);
	free(k->dir);
	free(k->shown);
	strvec_free(&k->contradictions);
	*k = (struct phone_kernel){0};
}
