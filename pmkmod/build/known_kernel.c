// SPDX-License-Identifier: GPL-3.0-or-later
/* One kernel, from its package, its image or a folder, made ready for fit_check(). */
#include "pmkmod/build/known_kernel.h"

#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/apk/apk_read.h"
#include "pmkmod/aport/aport.h"
#include "pmkmod/build/kernel_inputs.h"
#include "pmkmod/build/known_cache.h"
#include "pmkmod/build/repos.h"
#include "pmkmod/build/taken_names.h"
#include "pmkmod/image/package.h"
#include "pmkmod/util/exit_codes.h"

#define FILE_MAX (64u << 20)
#define MODULES_ASKED 16

/* ---- what was gathered, as the checks take it ---- */

static int parse_texts(struct known_kernel *k, const struct known_texts *t, struct err *e)
{
	int r = 0;

	if (t->config)
		r = kconfig_parse(&k->config, t->config, strlen(t->config), e);
	if (r < 0)
		return err_prefix(e, "%s", t->config_from);
	if (t->symvers) {
		r = symvers_new(&k->symvers);
		if (r == 0)
			r = symvers_parse(
				k->symvers, t->symvers_from, t->symvers, strlen(t->symvers), e);
	}
	k->config_from = xstrdup(t->config ? t->config_from : NULL);
	k->symvers_from = xstrdup(t->symvers ? t->symvers_from : NULL);
	return r;
}

static void point(struct known_kernel *k, bool has_facts)
{
	k->fit.arch = k->arch;
	k->fit.release = k->release;
	k->fit.vermagic = k->facts.vermagic ? k->facts.vermagic : k->vermagic;
	k->fit.vermagic_source = k->shown;
	k->fit.config = k->config;
	k->fit.symvers = k->symvers;
	k->fit.facts = has_facts ? &k->facts : NULL;
	k->fit.modules = has_facts ? &k->modules : NULL;
	k->fit.sign_key = k->sign_key;
}

/* The porter's key, if there is one: whose signature it is, and whether the kernel knows it. */
static int load_key(struct known_kernel *k, struct context *x, const char *named, struct err *e)
{
	bool implied;
	_cleanup_free_ char *path = sign_key_path(
		x, named ? named : config_get(x->config, "kernel", "sign_key"), &implied);

	return path ? sign_key_load(&k->sign_key, path, e) : 0;
}

/* Of the image: its type information, if a module's decides, and whether it trusts the key. */
static void take_image(struct known_kernel *k, const char *image)
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

static void take_inputs(struct known_texts *t, struct kernel_inputs *in)
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
	take_inputs(t, &in);
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
		r = parse_texts(k, &t, e);
	if (r < 0)
		return r;
	strvec_split(&k->notes, t.notes ? t.notes : "", "\n");
	k->release = xstrdup(k->facts.release ? k->facts.release : t.release);
	/* another kernel's image says nothing about this one */
	if (t.release && k->release && streq(t.release, k->release))
		k->vermagic = steal_ptr(t.vermagic);
	take_modules(k, apk, identity, flavor, cache);
	point(k, true);
	take_image(k, o->image ? o->image : k->facts.image_name ? apk : NULL);
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
	return repos_fetch(repos, x, *pkg, apk, e);
}

static int of_device(
	struct known_kernel *k, struct context *x, const struct device *d, struct err *e)
{
	struct repo_set repos = {0};
	const struct apk_pkg *pkg = NULL;
	_cleanup_free_ char *apk = NULL;
	int r = fetch_kernel(x, &repos, d, &pkg, &apk, e);

	if (r == 0)
		r = load_key(k, x, d->origin.sign_key, e);
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

static int of_image(struct known_kernel *k, struct context *x, const char *path, struct err *e)
{
	const struct kernel_origin o = {.image = (char *)path,
		.config = (char *)config_get(x->config, "kernel", "config"),
		.symvers = (char *)config_get(x->config, "kernel", "symvers")};
	const struct kernel_facts none = {0};
	struct kernel_inputs in;
	_cleanup_(known_texts_free) struct known_texts t = {0};
	int r = kernel_inputs_look(&in, &o, &none, NULL, NULL, e);

	if (r < 0)
		return r;
	k->arch = arch_by_elf(in.image_machine);
	take_inputs(&t, &in);
	kernel_inputs_free(&in);
	r = parse_texts(k, &t, e);
	if (r < 0)
		return r;
	k->release = steal_ptr(t.release);
	k->vermagic = steal_ptr(t.vermagic);
	k->fit.symvers_partial = !o.symvers;
	strvec_split(&k->notes, t.notes ? t.notes : "", "\n");
	point(k, false);
	take_image(k, path);
	return 0;
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
	k->arch = arch_by_name(c.pkg.arch);
	k->package = xstrdup(c.pkg.name);
	k->version = xstrdup(c.pkg.version);
	r = of_package(k, x, path, NULL, NULL, &o, e);
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
	r = load_key(k, x, NULL, e);
	if (r == 0)
		r = is_apk_package(path) ? of_package_file(k, x, path, e) : of_image(k, x, path, e);
	if (r < 0 && e && !e->exit_code)
		e->exit_code = r == -EBADMSG ? EXIT_UNTRUSTED : EXIT_USAGE;
	if (r < 0)
		known_kernel_free(k);
	return r;
}

/* ---- a folder ---- */

static char *text_of(const char *dir, const char *name)
{
	_cleanup_free_ char *path = path_join(dir, name);
	char *text = NULL;
	size_t len;

	return fs_read_regular(path, FILE_MAX, &text, &len, NULL) == 0 ? text : NULL;
}

static void list_of(const char *dir, const char *name, struct strvec *out)
{
	_cleanup_free_ char *text = text_of(dir, name);

	strvec_split(out, text ? text : "", "\r\n");
}

/* An absolute link in a root that lies somewhere else, such as an unpacked package; NULL: none. */
static char *link_in_root(const char *dir, const char *link)
{
	static const char *const folders[] = {"/usr/lib/modules", "/lib/modules"};
	_cleanup_free_ char *up = xstrndup(dir, (size_t)(path_base(dir) - dir - 1));
	char to[4096];
	ssize_t n = readlink(link, to, sizeof(to) - 1);

	if (n <= 0 || *to != '/')
		return NULL;
	to[n] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (ends_with(up, folders[i])) {
			up[strlen(up) - strlen(folders[i])] = '\0';
			return path_join(*up ? up : "/", to);
		}
	return NULL;
}

/* What depmod found where modules are installed, or what was built. */
static void list_modules(const char *dir, struct kernel_facts *f)
{
	_cleanup_free_ char *dep = text_of(dir, "modules.dep"),
			    *order = path_join(dir, "modules.order");
	_cleanup_strvec_ struct strvec lines = {0};

	f->modules_order = fs_exists(order);
	strvec_split(&lines, dep ? dep : "", "\r\n");
	for (size_t i = 0; i < lines.n; i++) {
		lines.v[i][strcspn(lines.v[i], ":")] = '\0';
		if (ko_stem(lines.v[i]))
			strvec_add(&f->modules, lines.v[i]);
	}
	if (!f->modules.n)
		list_of(dir, "modules.order", &f->modules);
}

/* Where the configuration and the exports are: the folder itself, or what its `build` leads to. */
static char *build_folder(const char *dir)
{
	_cleanup_free_ char *config = path_join(dir, ".config"), *build = path_join(dir, "build");
	_cleanup_free_ char *there = NULL;

	if (fs_exists(config))
		return xstrdup(dir);
	if (fs_is_dir(build))
		return steal_ptr(build);
	there = strchr(dir, '/') ? link_in_root(dir, build) : NULL;
	return there && fs_is_dir(there) ? steal_ptr(there) : xstrdup(dir);
}

static char *release_of(const char *build, const char *dir)
{
	_cleanup_free_ char *header = text_of(build, "include/generated/utsrelease.h"),
			    *file = text_of(build, "include/config/kernel.release");
	char *release = header ? kernel_uts_release(header) : NULL;

	if (release)
		return release;
	if (file && *str_strip(file))
		return xstrdup(str_strip(file));
	/* the folder is called like it where modules are installed */
	return kernel_version_code(path_base(dir)) ? xstrdup(path_base(dir)) : NULL;
}

static const struct arch_info *arch_of(const struct kconfig *c)
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

/* Some of the kernel's own modules say what no file beside them does. */
static void ask_modules(struct known_kernel *k, const char *dir)
{
	size_t asked = 0;

	for (size_t i = 0; i < k->facts.modules.n && asked < MODULES_ASKED; i++) {
		const char *name = k->facts.modules.v[i];
		_cleanup_free_ char *path = path_join(dir, name);
		uint16_t machine = 0;
		size_t suffix = 0, len;
		char *bytes;

		/* modules.order names them without what compression adds */
		while (!fs_exists(path) && suffix < KO_ZSTD) {
			free(path);
			path = xasprintf("%s/%s%s", dir, name, ko_compression_suffix[++suffix]);
		}
		if (fs_read_regular(path, FILE_MAX, &bytes, &len, NULL) < 0 ||
			!kernel_facts_add_module(&k->facts, bytes, len, &machine))
			continue;
		if (!k->arch)
			k->arch = arch_by_elf(machine);
		asked++;
	}
}

static int read_folder(struct known_kernel *k, const char *dir, const char *build, struct err *e)
{
	_cleanup_(known_texts_free) struct known_texts t = {.config = text_of(build, ".config"),
		.config_from = xasprintf("%s/.config", build),
		.symvers = text_of(build, "Module.symvers"),
		.symvers_from = xasprintf("%s/Module.symvers", build)};
	int r;

	k->release = release_of(build, dir);
	/* of a build that was not finished; that is not a kernel that exports nothing */
	if (t.symvers && !*str_strip(t.symvers)) {
		free(t.symvers);
		t.symvers = NULL;
		strvec_addf(&k->notes, "%s is empty", t.symvers_from);
	}
	if (!t.config && !t.symvers && !k->release)
		return err_exit(e, EXIT_USAGE, -ENOENT,
			"'%s' is neither a kernel's build folder nor its headers nor a "
			"/lib/modules/<release>: it has no .config, no Module.symvers and no "
			"kernel.release",
			dir);
	r = parse_texts(k, &t, e);
	if (r < 0)
		return r;
	if (!t.config)
		strvec_addf(&k->notes, "there is no .config in '%s'", build);
	if (!t.symvers && !k->notes.n)
		strvec_addf(&k->notes, "there is no Module.symvers in '%s'", build);
	k->arch = arch_of(k->config);
	list_modules(dir, &k->facts);
	list_of(dir, "modules.builtin", &k->facts.builtin);
	ask_modules(k, dir);
	k->modules_at = xstrdup(dir);
	k->modules.dir = k->modules_at;
	point(k, k->facts.modules.n || k->facts.builtin.n);
	return 0;
}

int known_kernel_of_folder(
	struct known_kernel *k, struct context *x, const char *dir, struct err *e)
{
	_cleanup_free_ char *plain = xstrdup(dir), *build = NULL;
	int r;

	while (strlen(plain) > 1 && ends_with(plain, "/"))
		plain[strlen(plain) - 1] = '\0';
	build = build_folder(plain);
	*k = (struct known_kernel){.shown = xstrdup(dir)};
	if (!fs_is_dir(dir))
		r = err_exit(e, EXIT_USAGE, -ENOENT,
			fs_exists(dir)
				? "'%s' is no folder; --image names a kernel's image or package"
				: "there is no folder '%s'",
			dir);
	else
		r = load_key(k, x, NULL, e);
	if (r == 0)
		r = read_folder(k, plain, build, e);
	if (r < 0 && e && !e->exit_code)
		e->exit_code = EXIT_USAGE;
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
