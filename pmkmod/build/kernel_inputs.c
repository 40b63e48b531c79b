// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/kernel_inputs.h"

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/fit/fit.h"
#include "pmkmod/kernel/inflate.h"
#include "pmkmod/util/exit_codes.h"

#define CONFIG_MAX (8u << 20)
#define SYMVERS_MAX (64u << 20)

/* What all steps look at. */
struct gathering {
	struct kernel_inputs *in;
	struct kernel_origin with_phone; /* what the phone gave fills in what nobody names */
	char *phone_config, *phone_image; /* owned */
	const struct kernel_origin *o;
	const struct kernel_facts *facts;
	const char *apk;
	const char *image_path; /* NULL: there is no image to look into */
	struct kernel_image image;
	bool have_image;
	bool only_looks; /* what cannot be found out is no error */
};

static int from_file(const char *path, size_t max, char **text, char **from, struct err *e)
{
	size_t len;
	int r = fs_read_regular(path, max, text, &len, e);

	if (r == 0) {
		r = inflate_in_place(text, &len, max, e);
		if (r < 0)
			err_prefix(e, "'%s'", path);
	}
	if (r == 0 && strlen(*text) != len)
		r = err_set(e, -EINVAL, "'%s' is no text file", path);
	*from = xasprintf("'%s'", path);
	if (r < 0 && e && !e->exit_code)
		e->exit_code = EXIT_USAGE;
	return r;
}

static int from_package(const struct gathering *g, const char *name, size_t max, char **text,
	char **from, struct err *e)
{
	size_t len;
	int r = apk_read_file(g->apk, name, max, text, &len, e);

	if (r == 0)
		r = inflate_in_place(text, &len, max, e);
	*from = xasprintf("%s of %s", name, path_base(g->apk));
	return r;
}

/* ---- the image ---- */

static int check_release(struct gathering *g, const struct image_identity *id, struct err *e)
{
	if (!id->release || !g->facts->release || streq(id->release, g->facts->release))
		return 0;
	err_exit(e, EXIT_USAGE, -EINVAL,
		"the image '%s' is of Linux %s, but the kernel package %s is release %s",
		path_base(g->image_path), id->release, path_base(g->apk), g->facts->release);
	return err_hint(e, "give the image of this very kernel, or none: the package has one");
}

/* Of the same release, but built anew, perhaps with another configuration or compiler. */
static void compare_banner(struct gathering *g, const struct image_identity *id)
{
	struct kernel_image im;
	_cleanup_free_ char *theirs = NULL;

	if (!g->o->image || !g->facts->image_name || !id->banner ||
		kernel_image_read(&im, g->apk, NULL) < 0)
		return;
	theirs = kernel_image_banner(&im);
	if (theirs && !streq(theirs, id->banner))
		strvec_addf(&g->in->notes,
			"the image '%s' is of another build than the one in %s: it says '%s', that one "
			"'%s'; what is taken from the one need not hold for the other",
			path_base(g->image_path), path_base(g->apk), id->banner, theirs);
	kernel_image_free(&im);
}

static int open_image(struct gathering *g, struct err *e)
{
	struct image_identity id = {0};
	struct err why = ERR_INIT;
	int r;

	g->image_path = g->o->image ? g->o->image : g->facts->image_name ? g->apk : NULL;
	if (!g->image_path)
		return 0;
	r = kernel_image_read(&g->image, g->image_path, &why);
	if (r < 0 && g->phone_image) {
		strvec_addf(&g->in->notes, "the phone's image is not used: %s", why.text);
		g->with_phone.image = NULL;
		free(g->phone_image);
		g->phone_image = NULL;
		return open_image(g, e);
	}
	if (r < 0 && g->o->image) {
		if (!e)
			return r;
		*e = why;
		e->exit_code = EXIT_USAGE;
		return strstr(e->text, "give ")
			       ? r
			       : err_hint(e, "give a vmlinux, Image, zImage, bzImage, "
					     "uImage or boot.img, or the kernel's package");
	}
	if (r < 0) {
		strvec_addf(&g->in->notes, "%s", why.text);
		g->image_path = NULL;
		return 0;
	}
	g->have_image = true;
	image_identify(&id, &g->image);
	r = check_release(g, &id, e);
	if (r == 0)
		compare_banner(g, &id);
	g->in->image_release = steal_ptr(id.release);
	g->in->image_vermagic = steal_ptr(id.vermagic);
	g->in->image_machine = id.machine;
	g->in->image_arch = id.arch;
	image_identity_free(&id);
	return r;
}

/* ---- configuration ---- */

static int no_config(const struct gathering *g, struct err *e)
{
	if (g->only_looks) {
		strvec_add(&g->in->notes,
			"the kernel's configuration is not known: it is neither in its package nor in "
			"its image (CONFIG_IKCONFIG); --kernel-config names it");
		return 0;
	}
	err_exit(e, EXIT_NO_HEADERS, -ENOENT,
		"the configuration of the kernel in %s is not known: the package has no config in /boot, "
		"and its image carries none (CONFIG_IKCONFIG)",
		path_base(g->apk));
	return err_hint(e,
		"give the .config it was built with by --kernel-config: config-<flavor>.<arch> of its "
		"aport, or /proc/config.gz of the phone");
}

/* What the kernel itself says is what it was really built with. */
static void compare_config(struct gathering *g, const char *carried, const char *who)
{
	struct kconfig *ours = NULL, *theirs = NULL;
	_cleanup_strvec_ struct strvec lines = {0}, differ = {0};
	int r = kconfig_parse(&ours, g->in->config, strlen(g->in->config), NULL);

	if (r == 0)
		r = kconfig_parse(&theirs, carried, strlen(carried), NULL);
	strvec_split(&lines, carried, "\n");
	for (size_t i = 0; r == 0 && i < lines.n; i++) {
		char *eq = strchr(lines.v[i], '=');
		const char *symbol = lines.v[i] + strlen("CONFIG_"), *a, *b;

		if (!eq || !starts_with(lines.v[i], "CONFIG_"))
			continue;
		*eq = '\0';
		a = kconfig_get(ours, symbol);
		b = kconfig_get(theirs, symbol);
		if (!a || !b || !streq(a, b))
			strvec_addf(&differ, "%s (%s, there %s)", symbol, a ? a : "not set",
				b ? b : "not set");
	}
	if (differ.n)
		strvec_addf(&g->in->notes,
			"the configuration (%s) is not the one %s: %zu lines differ, %s first",
			g->in->config_from, who, differ.n, differ.v[0]);
	kconfig_free(ours);
	kconfig_free(theirs);
}

/* The phone's own was taken: does the aport say the same? */
static void compare_with_aport(struct gathering *g, const char *aport_config)
{
	_cleanup_free_ char *text = NULL, *from = NULL;

	if (from_file(aport_config, CONFIG_MAX, &text, &from, NULL) == 0)
		compare_config(g, text, "of the aport");
}

static int find_config(struct gathering *g, const char *aport_config, struct err *e)
{
	struct kernel_inputs *in = g->in;
	_cleanup_free_ char *carried = NULL;
	size_t len;
	int r = 0;

	if (g->have_image && kernel_image_config(&g->image, &carried, &len, NULL) < 0)
		carried = NULL;
	if (g->o->config || aport_config)
		r = from_file(g->o->config ? g->o->config : aport_config, CONFIG_MAX, &in->config,
			&in->config_from, e);
	else if (g->facts->config_name)
		r = from_package(
			g, g->facts->config_name, CONFIG_MAX, &in->config, &in->config_from, e);
	else if (carried)
		in->config_from =
			xasprintf("the one inside the image of %s", path_base(g->image_path));
	else
		return no_config(g, e);
	if (r < 0)
		return err_prefix(e, "the kernel's configuration");
	if (!in->config)
		in->config = steal_ptr(carried);
	else if (carried && in->config)
		compare_config(g, carried, "the shipped image carries");
	if (g->phone_config && aport_config)
		compare_with_aport(g, aport_config);
	return 0;
}

/* ---- exports ---- */

static void from_image(struct gathering *g)
{
	struct image_symvers_report rep = {0};
	struct strbuf b = {0};
	struct err why = ERR_INIT;
	int r = image_symvers(&b, &rep, g->image_path, g->o->image ? g->apk : NULL, &why);

	if (r == 0) {
		g->in->symvers = strbuf_steal(&b);
		g->in->symvers_from =
			xasprintf("recovered from %s: %zu exports of the kernel, %zu of "
				  "its modules, %s",
				path_base(g->image_path), rep.n, rep.module_exports,
				rep.has_crcs ? "with their CRCs" : "without CRCs");
		for (size_t i = 0; i < rep.doubts.n; i++)
			strvec_addf(&g->in->notes, "exports: %s", rep.doubts.v[i]);
	} else {
		strvec_addf(
			&g->in->notes, "the kernel's exports cannot be recovered: %s", why.text);
	}
	strbuf_free(&b);
	image_symvers_report_free(&rep);
}

/* What somebody calls Module.symvers must be one. */
static int check_symvers(const struct kernel_inputs *in, bool named, struct err *e)
{
	struct symvers *s = NULL;
	int r = symvers_new(&s);

	if (r == 0)
		r = symvers_parse(s, in->symvers_from, in->symvers, strlen(in->symvers), e);
	/* it would mean that the kernel exports nothing */
	if (r == 0 && named && !symvers_count(s))
		r = err_set(e, -EINVAL,
			"%s has no symbol in it: the kernel's build was not finished; give the "
			"Module.symvers of one that was",
			in->symvers_from);
	symvers_free(s);
	if (r < 0 && e)
		e->exit_code = EXIT_USAGE;
	return r;
}

static int find_symvers(struct gathering *g, struct err *e)
{
	struct kernel_inputs *in = g->in;
	int r = 0;

	if (g->o->symvers)
		r = from_file(g->o->symvers, SYMVERS_MAX, &in->symvers, &in->symvers_from, e);
	else if (g->o->kdir)
		return 0;
	else if (g->facts->symvers_name)
		r = from_package(
			g, g->facts->symvers_name, SYMVERS_MAX, &in->symvers, &in->symvers_from, e);
	else if (g->have_image)
		from_image(g);
	if (r == 0 && in->symvers)
		r = check_symvers(in, g->o->symvers, e);
	return r < 0 ? err_prefix(e, "the kernel's symbol versions") : 0;
}

/* ---- what shipped modules expect: to compare with what is computed from the source ---- */

#define SAMPLES 4
#define KO_MAX (32u << 20)

static void sample_module(const struct gathering *g, const char *name, struct strbuf *out)
{
	_cleanup_free_ char *bytes = NULL;
	struct ko k;
	size_t len;

	if (apk_read_file(g->apk, name, KO_MAX, &bytes, &len, NULL) < 0 ||
		inflate_in_place(&bytes, &len, KO_MAX, NULL) < 0 ||
		ko_parse(&k, name, bytes, len, NULL) < 0)
		return;
	for (size_t i = 0; i < k.n_versions; i++)
		strbuf_addf(out, "%s %llx\n", k.versions[i].name,
			(unsigned long long)k.versions[i].crc);
	ko_free(&k);
}

static void take_sample(struct gathering *g)
{
	static const char *const folders[] = {"usr/lib/modules", "lib/modules"};
	const struct kernel_facts *f = g->facts;
	struct strbuf b = {0};

	for (size_t i = 0; f->release && i < f->modules.n && i < SAMPLES; i++) {
		/* not the first few, which are all of one kind */
		const char *path = f->modules.v[i * f->modules.n / SAMPLES];

		for (size_t k = 0; k < ARRAY_SIZE(folders); k++) {
			_cleanup_free_ char *name =
				xasprintf("%s/%s/%s", folders[k], f->release, path);

			sample_module(g, name, &b);
		}
	}
	if (b.len)
		g->in->sample = strbuf_steal(&b);
	strbuf_free(&b);
}

/* ---- the phone ---- */

/* A file that the phone gave, if nobody names another. Caller frees. */
static char *of_phone(struct config *c, const char *dir, const char *named, const char *key)
{
	const char *file = config_get(c, "kernel", key);
	_cleanup_free_ char *path = file && !strchr(file, '/') ? path_join(dir, file) : NULL;

	return !named && path && fs_exists(path) ? steal_ptr(path) : NULL;
}

/* Only if it runs this very kernel: what it said may be older than the package, or newer. */
static int use_phone(struct gathering *g, struct err *e)
{
	_cleanup_free_ char *path = g->o->phone ? path_join(g->o->phone, "phone.ini") : NULL;
	const char *release;
	struct config *c;
	int r;

	if (!path)
		return 0;
	r = profile_read(&c, path, e);
	if (r < 0) {
		if (e && !e->exit_code)
			e->exit_code = EXIT_USAGE;
		return err_prefix(e, "what the phone said");
	}
	release = config_get(c, "phone", "release");
	if (!release || !g->facts->release || !streq(release, g->facts->release)) {
		strvec_addf(&g->in->notes,
			"the phone runs %s, but the kernel package %s is release %s: what the phone "
			"said is not used",
			release ? release : "an unknown kernel", path_base(g->apk),
			g->facts->release ? g->facts->release : "unknown");
	} else {
		g->with_phone = *g->o;
		g->phone_config = of_phone(c, g->o->phone, g->o->config, "config");
		g->phone_image = of_phone(c, g->o->phone, g->o->image, "image");
		if (g->phone_config)
			g->with_phone.config = g->phone_config;
		if (g->phone_image)
			g->with_phone.image = g->phone_image;
		g->o = &g->with_phone;
	}
	config_free(c);
	return 0;
}

static int gather(struct gathering *g, const char *aport_config, struct err *e)
{
	struct kernel_inputs *in = g->in;
	bool kdir = g->o->kdir;
	int r;

	*in = (struct kernel_inputs){0};
	r = use_phone(g, e);
	if (r == 0)
		r = open_image(g, e);
	if (r == 0 && !kdir)
		r = find_config(g, aport_config, e);
	if (r == 0)
		r = find_symvers(g, e);
	if (r == 0 && !in->symvers && !kdir && !g->only_looks)
		take_sample(g);
	if (g->have_image)
		kernel_image_free(&g->image);
	free(g->phone_config);
	free(g->phone_image);
	if (r < 0)
		kernel_inputs_free(in);
	return r;
}

int kernel_inputs_gather(struct kernel_inputs *in, const struct kernel_origin *origin,
	const struct kernel_facts *facts, const char *kernel_apk, const char *aport_config,
	struct err *e)
{
	struct gathering g = {.in = in, .o = origin, .facts = facts, .apk = kernel_apk};

	return gather(&g, aport_config, e);
}

int kernel_inputs_look(struct kernel_inputs *in, const struct kernel_origin *origin,
	const struct kernel_facts *facts, const char *kernel_apk, const char *aport_config,
	struct err *e)
{
	struct gathering g = {
		.in = in, .o = origin, .facts = facts, .apk = kernel_apk, .only_looks = true};

	return gather(&g, aport_config, e);
}

void kernel_inputs_free(struct kernel_inputs *in)
{
	free(in->config);
	free(in->config_from);
	free(in->symvers);
	free(in->symvers_from);
	free(in->sample);
	free(in->image_release);
	free(in->image_vermagic);
	strvec_free(&in->notes);
	*in = (struct kernel_inputs){0};
}
