// SPDX-License-Identifier: GPL-3.0-or-later
/* One kernel, from its package or its image, made ready for fit_check(). */
#include "pmkmod/build/known_kernel.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "chroot/base/fs.h"
#include "chroot/apk/apk_read.h"
#include "pmkmod/aport/aport.h"
#include "pmkmod/build/known_parts.h"
#include "pmkmod/build/repos.h"
#include "pmkmod/build/taken_names.h"
#include "pmkmod/image/package.h"
#include "pmkmod/util/exit_codes.h"

#define HASHED_MAX (1 << 30)

/* ---- what was gathered, as the checks take it ---- */

int known_parse_texts(struct known_kernel *k, struct known_texts *t, struct err *e)
{
	size_t len;
	int r = 0;

	if (t->config)
		r = kconfig_parse(&k->config, t->config, strlen(t->config), e);
	if (r < 0)
		return err_prefix(e, "%s", t->config_from);
	k->config_from = xstrdup(t->config ? t->config_from : NULL);
	k->symvers_from = xstrdup(t->symvers ? t->symvers_from : NULL);
	if (!t->symvers)
		return 0;
	r = symvers_new(&k->symvers);
	if (r < 0)
		return r;
	len = strlen(t->symvers);
	return symvers_take(k->symvers, t->symvers_from, steal_ptr(t->symvers), len, e);
}

/* The architecture a configuration is for; NULL: it does not say. */
static const struct arch_info *config_arch(const struct kconfig *c)
{
	static const struct {
		const char *symbol, *arch;
	} symbols[] = {{"ARM64", "aarch64"}, {"ARM", "armv7"}, {"X86_64", "x86_64"},
		{"X86_32", "x86"}, {"RISCV", "riscv64"}, {"LOONGARCH", "loongarch64"},
		{"PPC64", "ppc64le"}, {"S390", "s390x"}};

	for (size_t i = 0; c && i < ARRAY_SIZE(symbols); i++)
		if (kconfig_yes(c, symbols[i].symbol))
			return arch_by_name(symbols[i].arch);
	return NULL;
}

/* A configuration that somebody names may be another kernel's. */
static int goes_together(struct known_kernel *k, struct err *e)
{
	const struct arch_info *arch = config_arch(k->config);
	const char *vermagic = k->facts.vermagic ? k->facts.vermagic : k->vermagic;
	bool has = vermagic && strstr(vermagic, " modversions ");

	if (!k->arch)
		k->arch = arch;
	if (arch && arch->elf_machine != k->arch->elf_machine)
		return err_exit(e, EXIT_USAGE, -EINVAL,
			"the configuration (%s) is for %s, the kernel %s for %s: they are of two "
			"kernels",
			k->config_from, arch->alpine, k->shown, k->arch->alpine);
	if (vermagic && k->config && has != kconfig_yes(k->config, "MODVERSIONS"))
		strvec_addf(&k->notes,
			"the configuration (%s) %s CONFIG_MODVERSIONS, the kernel itself %s: they are "
			"of two builds, and what follows from the configuration may be wrong",
			k->config_from, has ? "does not have" : "has",
			has ? "compares versions" : "does not compare versions");
	return 0;
}

int known_point(struct known_kernel *k, bool has_facts, struct err *e)
{
	int r = goes_together(k, e);

	if (r < 0)
		return r;
	k->fit.arch = k->arch;
	k->fit.release = k->release;
	k->fit.vermagic = k->facts.vermagic ? k->facts.vermagic : k->vermagic;
	k->fit.vermagic_source = k->shown;
	k->fit.config = k->config;
	k->fit.symvers = k->symvers;
	k->fit.facts = has_facts ? &k->facts : NULL;
	k->fit.modules = has_facts ? &k->modules : NULL;
	k->fit.sign_key = k->sign_key;
	return 0;
}

int known_load_key(struct known_kernel *k, struct context *x, const char *named, struct err *e)
{
	bool implied;
	_cleanup_free_ char *path = sign_key_path(
		x, named ? named : config_get(x->config, "kernel", "sign_key"), &implied);

	return path ? sign_key_load(&k->sign_key, path, e) : 0;
}

void known_take_image(struct known_kernel *k, const char *image)
{
	struct sign_rule rule;
	bool known = false, trusted = false;

	k->image = xstrdup(image);
	k->fit.image = k->image;
	k->fit.key_is_trusted = FIT_UNKNOWN;
	if (!k->sign_key || !k->config || !image)
		return;
	sign_rule_read(&rule, k->config, k->release);
	if (!rule.required_by)
		return;
	key_in_image(k->sign_key, k->config, image, &known, &trusted, NULL);
	k->fit.key_is_trusted = !known ? FIT_UNKNOWN : trusted ? FIT_PASS : FIT_FAIL;
}

/* ---- a package ---- */

void known_take_inputs(struct known_texts *t, struct kernel_inputs *in)
{
	t->config = steal_ptr(in->config);
	t->config_from = steal_ptr(in->config_from);
	t->symvers = steal_ptr(in->symvers);
	t->symvers_from = steal_ptr(in->symvers_from);
	t->vermagic = steal_ptr(in->image_vermagic);
	t->release = steal_ptr(in->image_release);
	t->notes = in->notes.n ? strvec_join(&in->notes, "\n") : NULL;
}

/* A file of the build folder, if there is one and nobody names another. Caller frees. */
static char *of_build_folder(const struct kernel_origin *o, const char *named, const char *name)
{
	_cleanup_free_ char *path = o->kdir ? path_join(o->kdir, name) : NULL;

	return !named && path && fs_exists(path) ? steal_ptr(path) : NULL;
}

static int read_texts(struct known_texts *t, const struct known_kernel *k,
	const struct kernel_origin *o, const char *apk, struct err *e)
{
	_cleanup_free_ char *config = of_build_folder(o, o->config, ".config");
	_cleanup_free_ char *symvers = of_build_folder(o, o->symvers, "Module.symvers");
	struct kernel_origin named = *o;
	struct kernel_inputs in;
	struct aport a = {0};
	bool has_aport;
	int r;

	/* what it lacks is looked for where it would be without it */
	named.kdir = NULL;
	named.config = config ? config : o->config;
	named.symvers = symvers ? symvers : o->symvers;
	has_aport = !k->facts.config_name && !named.config && o->aport &&
		    aport_load(&a, o->aport, k->arch, NULL) == 0;
	r = kernel_inputs_look(&in, &named, &k->facts, apk, has_aport ? a.config : NULL, e);
	if (has_aport)
		aport_free(&a);
	if (r < 0)
		return r;
	known_take_inputs(t, &in);
	kernel_inputs_free(&in);
	return 0;
}

/* What the porter or the phone says beside the package may be another thing the next time. */
static bool is_fixed(const struct kernel_origin *o, const struct kernel_facts *f)
{
	/* an aport is only asked for a configuration that the package does not have */
	return !o->config && !o->image && !o->symvers && !o->phone && !o->kdir &&
	       (!o->aport || f->config_name);
}

/* Of what was given only until the repositories are closed, copies. */
static void take_modules(struct known_kernel *k, const char *apk, const struct hash *identity,
	const char *flavor, const char *cache)
{
	k->modules_at = xstrdup(apk);
	k->flavor = xstrdup(flavor);
	k->cache = xstrdup(cache);
	k->modules = (struct kernel_modules_source){
		.apk = k->modules_at, .flavor = k->flavor, .cache_dir = k->cache};
	if (!identity)
		return;
	k->identity = *identity;
	k->modules.identity = &k->identity;
}

static int of_package(struct known_kernel *k, struct context *x, const char *apk,
	const struct hash *identity, const char *flavor, const struct kernel_origin *o,
	struct err *e)
{
	_cleanup_free_ char *cache = path_join(x->cache, "kernels");
	_cleanup_(known_texts_free) struct known_texts t = {0};
	int r = kernel_facts_read(&k->facts, apk, identity, flavor, cache, e);
	bool keep;

	if (r < 0)
		return r;
	keep = identity && is_fixed(o, &k->facts);
	if (!keep || known_texts_load(&t, cache, identity, flavor) < 0) {
		r = read_texts(&t, k, o, apk, e);
		if (r == 0 && keep)
			known_texts_save(&t, cache, identity, flavor);
	}
	if (r == 0)
		r = known_parse_texts(k, &t, e);
	if (r < 0)
		return r;
	strvec_split(&k->notes, t.notes ? t.notes : "", "\n");
	k->release = xstrdup(k->facts.release ? k->facts.release : t.release);
	/* another kernel's image says nothing about this one */
	if (t.release && k->release && streq(t.release, k->release))
		k->vermagic = steal_ptr(t.vermagic);
	take_modules(k, apk, identity, flavor, cache);
	r = known_point(k, true, e);
	if (r < 0)
		return r;
	known_take_image(k, o->image ? o->image : k->facts.image_name ? apk : NULL);
	if (taken_names(&k->taken, k->image, &k->facts, o->image ? NULL : identity, flavor, cache))
		k->fit.taken = &k->taken;
	return 0;
}

static int fetch_kernel(struct context *x, struct repo_set *repos, const struct device *d,
	const struct apk_pkg **pkg, char **apk, struct err *e)
{
	int r = repos_open(repos, x, &d->channel, d->arch, NULL, e);

	if (r == 0)
		r = repos_parse(repos, e);
	if (r < 0)
		return r;
	*pkg = repos_newest(repos, d->kernel);
	if (!*pkg)
		return err_exit(e, EXIT_NO_HEADERS, -ENOENT,
			"%s: the kernel package %s is in none of the repositories of channel %s (%s)",
			d->name, d->kernel, d->channel.name, d->arch->alpine);
	return repos_fetch(x, *pkg, apk, e);
}

static int of_device(
	struct known_kernel *k, struct context *x, const struct device *d, struct err *e)
{
	struct repo_set repos = {0};
	const struct apk_pkg *pkg = NULL;
	_cleanup_free_ char *apk = NULL;
	int r = fetch_kernel(x, &repos, d, &pkg, &apk, e);

	if (r == 0)
		r = known_load_key(k, x, d->origin.sign_key, e);
	if (r == 0) {
		k->arch = d->arch;
		k->shown = xasprintf("%s-%s", pkg->name, pkg->version);
		k->package = xstrdup(pkg->name);
		k->version = xstrdup(pkg->version);
		r = of_package(k, x, apk, &pkg->identity, d->flavor, &d->origin, e);
	}
	repos_close(&repos);
	return r;
}

int known_kernel_of_device(
	struct known_kernel *k, struct context *x, const char *device, struct err *e)
{
	struct device d;
	int r = device_load(&d, x->config, device, e);

	*k = (struct known_kernel){0};
	if (r < 0)
		return r;
	r = of_device(k, x, &d, e);
	for (size_t i = 0; r == 0 && i < d.notes.n; i++)
		strvec_add(&k->notes, d.notes.v[i]);
	device_free(&d);
	if (r < 0)
		known_kernel_free(k);
	return r;
}

/* ---- an image ---- */

/*
 * A file has its bytes as its identity, below which is kept what was read of it, unless something
 * beside it is named as well.
 */
static bool identify(struct hash *h, const struct kernel_origin *o, const char *path)
{
	struct stat st;

	/* a pipe would be waited for, and read away; what is larger is no image */
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= HASHED_MAX &&
	       !o->config && !o->symvers && hash_file(AT_FDCWD, path, HASH_SHA256, h, NULL) == 0;
}

static int look_into_image(struct known_texts *t, const struct kernel_origin *o, struct err *e)
{
	const struct kernel_facts none = {0};
	const struct arch_info *arch;
	struct kernel_inputs in;
	int r = kernel_inputs_look(&in, o, &none, NULL, NULL, e);

	if (r < 0)
		return r;
	arch = arch_by_elf(in.image_machine);
	t->arch = arch ? xstrdup(arch->alpine) : NULL;
	known_take_inputs(t, &in);
	kernel_inputs_free(&in);
	return 0;
}

static int of_image(struct known_kernel *k, struct context *x, const char *path, struct err *e)
{
	const struct kernel_origin o = {.image = (char *)path,
		.config = (char *)config_get(x->config, "kernel", "config"),
		.symvers = (char *)config_get(x->config, "kernel", "symvers")};
	_cleanup_free_ char *cache = path_join(x->cache, "kernels");
	_cleanup_(known_texts_free) struct known_texts t = {0};
	struct hash h;
	bool keep = identify(&h, &o, path);
	int r = 0;

	if (!keep || known_texts_load(&t, cache, &h, NULL) < 0) {
		r = look_into_image(&t, &o, e);
		if (r == 0 && keep)
			known_texts_save(&t, cache, &h, NULL);
	}
	if (r == 0)
		r = known_parse_texts(k, &t, e);
	if (r < 0)
		return r;
	k->arch = t.arch ? arch_by_name(t.arch) : NULL;
	k->release = steal_ptr(t.release);
	k->vermagic = steal_ptr(t.vermagic);
	k->fit.symvers_partial = !o.symvers;
	strvec_split(&k->notes, t.notes ? t.notes : "", "\n");
	r = known_point(k, false, e);
	if (r == 0)
		known_take_image(k, path);
	return r;
}

/*
 * What is kept of a package is kept below the identity that its head claims: its end must say the
 * same. That the very bytes did so once is kept, too.
 */
static int is_whole(struct context *x, const char *path, const struct hash *identity, struct err *e)
{
	static const struct apk_reader_ops nothing = {0};
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *dir = path_join(x->cache, "kernels"), *seen = NULL;
	struct hash h;
	int r = hash_file(AT_FDCWD, path, HASH_SHA256, &h, e);

	if (r < 0)
		return r;
	seen = kernel_cache_path(dir, &h, NULL, ".whole");
	if (fs_exists(seen))
		return 0;
	r = apk_read(fd, path, identity, NULL, NULL, &nothing, NULL, e);
	/* a cache that cannot be written only costs time */
	if (r == 0 && fs_mkdirs(dir, 0755, NULL) == 0)
		fs_write_atomic(seen, "", 0, 0644, NULL);
	return r;
}

/* The architecture of a package is what it says. */
static int of_package_file(
	struct known_kernel *k, struct context *x, const char *path, struct err *e)
{
	const struct kernel_origin o = {.config = (char *)config_get(x->config, "kernel", "config"),
		.symvers = (char *)config_get(x->config, "kernel", "symvers")};
	struct apk_control c;
	int r = apk_read_control(path, NULL, &c, e);

	if (r < 0)
		return r;
	r = is_whole(x, path, &c.pkg.identity, e);
	k->arch = arch_by_name(c.pkg.arch);
	k->package = xstrdup(c.pkg.name);
	k->version = xstrdup(c.pkg.version);
	if (r == 0)
		r = of_package(k, x, path, &c.pkg.identity, NULL, &o, e);
	apk_control_free(&c);
	/* a module's package has modules, too */
	if (r == 0 && !k->facts.image_name && !k->facts.config_name && !k->facts.builtin.n)
		r = err_exit(e, EXIT_USAGE, -EINVAL,
			"'%s' is no kernel's package: there is neither an image nor a configuration in "
			"it; give the one that has the kernel in /boot",
			path);
	return r;
}

int known_kernel_of_image(
	struct known_kernel *k, struct context *x, const char *path, struct err *e)
{
	int r;

	*k = (struct known_kernel){.shown = xstrdup(path)};
	r = known_load_key(k, x, NULL, e);
	if (r == 0)
		r = is_apk_package(path) ? of_package_file(k, x, path, e) : of_image(k, x, path, e);
	if (r < 0 && e && !e->exit_code)
		e->exit_code = r == -EBADMSG ? EXIT_UNTRUSTED : EXIT_USAGE;
	if (r < 0)
		known_kernel_free(k);
	return r;
}

void known_kernel_free(struct known_kernel *k)
{
	free(k->shown);
	free(k->image);
	free(k->package);
	free(k->version);
	free(k->release);
	free(k->vermagic);
	free(k->config_from);
	free(k->symvers_from);
	kconfig_free(k->config);
	symvers_free(k->symvers);
	kernel_facts_free(&k->facts);
	strvec_free(&k->taken);
	free(k->modules_at);
	free(k->cache);
	free(k->flavor);
	sign_key_free(k->sign_key);
	strvec_free(&k->notes);
	*k = (struct known_kernel){0};
}
