// SPDX-License-Identifier: GPL-3.0-or-later
/* What packages have beside modules: recipes' [package], the files made of it, and splitting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/apk/apk_solve.h"
#include "chroot/base/fs.h"
#include "pmkmod/export/export_parts.h"
#include "pmkmod/export/hardware.h"
#include "pmkmod/module/module.h"
#include "pmkmod/util/exit_codes.h"
#include "tests/unit/ko_builder.h"

static char dir[] = "/tmp/pmkmod-extras-XXXXXX";
static struct apk_signkey *key;
static struct apk_keys *keys;

/* ---- recipes ---- */

static struct config *config_with(const char *recipe)
{
	_cleanup_free_ char *profiles = path_join(dir, "profiles");
	_cleanup_free_ char *modules = path_join(profiles, "modules"),
			    *path = path_join(modules, "x.ini");
	_cleanup_free_ char *text =
		xasprintf("[module]\nsource = package:x-src\n[package]\n%s", recipe);
	struct config *c = config_new();

	assert_int_equal(fs_mkdirs(modules, 0755, NULL), 0);
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, NULL), 0);
	config_set(c, "paths", "profiles", profiles);
	return c;
}

static void refused_recipes(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"load = a/b\n", "no name of a module"},
		{"options = install x /bin/sh\n", "runs a command as root"},
		{"options = remove x /bin/sh\n", "runs a command as root"},
		{"options = optoins x a=1\n", "no command of modprobe.d"},
		{"options = x a=1\n", "no command of modprobe.d"},
		{"options = options x\n", "options MODULE NAME=VALUE"},
		{"options = blacklist\n", "blacklist MODULE"},
		{"options = blacklist x y\n", "blacklist MODULE"},
		{"options = alias x\n", "alias WILDCARD MODULE"},
		{"options = softdep x a b\n", "pre: OTHER"},
		{"options = softdep x pre:\n", "pre: OTHER"},
		{"options = softdep x pre: post:\n", "pre: OTHER"},
		{"options = softdep x pre: a/b\n", "pre: OTHER"},
		{"options = options x a=1 \\\n", "must be whole"},
		{"options = options $(x) a=1\n", "options MODULE"},
		{"options = options x a=1\n\tinstall x true\n", "runs a command"},
		{"firmware = !x\n", "no name of a package"},
		{"firmware = x@edge\n", "no name of a package"},
		{"firmware = a/b\n", "no name of a package"},
		{"conflicts = !x\n", "no name of a package"},
		{"overlays = x.dts\n", "needs overlays_dir"},
		{"overlays = x.dtb\noverlays_dir = boot\n", ".dts or .dtso"},
		{"overlays = ../x.dts\noverlays_dir = boot\n", "inside the source"},
		{"overlays = /x.dts\noverlays_dir = boot\n", "inside the source"},
		{"overlays = a//x.dts\noverlays_dir = boot\n", "inside the source"},
		{"overlays = -x.dts\noverlays_dir = boot\n", "inside the source"},
		{"overlays = x.dts\noverlays_dir = boot/../etc\n", "no folder of the phone"},
		{"overlays = x.dts\noverlays_dir = ..\n", "no folder of the phone"},
		{"overlays = x.dts\noverlays_dir = /\n", "no folder of the phone"},
		{"overlays = x.dts\noverlays_dir = //boot\n", "no folder of the phone"},
		{"overlays = x.dts\noverlays_dir = a b\n", "no folder of the phone"},
		{"initramfs = perhaps\n", "initramfs"},
		{"split = 2\n", "split"},
		{"option = options x a=1\n", "no key 'option'"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config *c = config_with(cases[i].text);
		struct err e = ERR_INIT;
		struct module m;

		if (module_load(&m, c, "x", &e) != -EINVAL)
			fail_msg("case %zu, %s: accepted", i, cases[i].text);
		if (!strstr(e.text, cases[i].words) || !strstr(e.text, "x.ini"))
			fail_msg("case %zu: '%s' lacks '%s'", i, e.text, cases[i].words);
		config_free(c);
	}
}

static void whole_recipe(void **state)
{
	struct config *c = config_with("load = a b\n"
				       "options = options a x=\"1 2\"\n"
				       "\tsoftdep a pre: c d post: e\n"
				       "\n"
				       "\tblacklist f\n"
				       "\talias usb:v1d2* a\n"
				       "\tweakdep a g\n"
				       "firmware = linux-firmware-a>=2 fw-b\n"
				       "firmware_note = one\n"
				       "\ttwo\n"
				       "initramfs = yes\n"
				       "overlays = a.dts sub/b.dtso\n"
				       "overlays_dir = /boot/dtbs/vendor,x/\n"
				       "conflicts = other-modules\n"
				       "split = yes\n");
	_cleanup_strbuf_ struct strbuf b = {0};
	struct err e = ERR_INIT;
	struct module m;

	(void)state;
	if (module_load(&m, c, "x", &e) < 0)
		fail_msg("%s", e.text);
	module_print_package(&m, &b);
	assert_string_equal(b.s, "load a\nload b\n"
				 "modprobe.d options a x=\"1 2\"\n"
				 "modprobe.d softdep a pre: c d post: e\n"
				 "modprobe.d blacklist f\n"
				 "modprobe.d alias usb:v1d2* a\n"
				 "modprobe.d weakdep a g\n"
				 "firmware linux-firmware-a>=2\nfirmware fw-b\n"
				 "conflicts other-modules\n"
				 "overlay a.dts\noverlay sub/b.dtso\n"
				 "firmware-note one\nfirmware-note two\n"
				 "overlays-dir boot/dtbs/vendor,x\n"
				 "initramfs yes\nsplit yes\n");
	module_free(&m);
	config_free(c);
}

static void empty_recipe(void **state)
{
	struct config *c = config_with("");
	_cleanup_strbuf_ struct strbuf b = {0};
	struct module m;

	(void)state;
	assert_int_equal(module_load(&m, c, "x", NULL), 0);
	module_print_package(&m, &b);
	assert_int_equal(b.len, 0);
	module_free(&m);
	config_free(c);
}

/* ---- packages ---- */

static char *make_ko(const char *name, const char *const *modinfo)
{
	struct kb_spec s = {.modinfo = modinfo};
	char *path = path_join(dir, name), *bytes;
	size_t len;

	bytes = kb_build(&s, &len);
	assert_int_equal(fs_write_atomic(path, bytes, len, 0644, NULL), 0);
	free(bytes);
	return path;
}

/* "user" needs "base-x", which comes later by name than what needs it in the list. */
static void add_kos(struct strvec *kos)
{
	static const char *const user[] = {"license=GPL", "name=a_user", "depends=z_base,usbcore",
		"description=The user", "firmware=vendor/one.bin", "firmware=two.bin",
		"firmware=bad:name", "softdep=pre: crc7", NULL};
	static const char *const base[] = {
		"license=GPL", "name=z_base", "description=The base", NULL};

	strvec_take(kos, make_ko("a_user.ko", user));
	strvec_take(kos, make_ko("z-base.ko", base));
}

static struct export_spec spec(const struct strvec *kos)
{
	return (struct export_spec){
		.module = "pair",
		.module_version = "1.0",
		.ko_paths = kos,
		.kernel_package = "linux-x",
		.kernel_version = "6.1.9-r0",
		.kernel_flavor = "x",
		.release = "6.1.9-x",
		.arch = "aarch64",
		.compression = KO_PLAIN,
		.source_date = 1700000000,
		.key = key,
		.out_dir = dir,
	};
}

struct listing {
	struct strbuf names;
};

static int on_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	struct listing *l = ctx;

	(void)e;
	if (en->type == APK_FILE)
		strbuf_addf(&l->names, "%s\n", en->name);
	return 0;
}

static char *files_of(const char *path)
{
	static const struct apk_reader_ops ops = {.entry = on_entry};
	FILE *f = fopen(path, "re");
	struct listing l = {0};
	struct err e = ERR_INIT;

	assert_non_null(f);
	if (apk_read(fileno(f), path, NULL, keys, NULL, &ops, &l, &e) < 0)
		fail_msg("%s", e.text);
	fclose(f);
	return strbuf_steal(&l.names);
}

static void files_are(const char *path, const char *want)
{
	_cleanup_free_ char *names = files_of(path);

	assert_string_equal(names, want);
}

static void file_is(const char *path, const char *name, const char *want)
{
	_cleanup_free_ char *text = NULL;
	struct err e = ERR_INIT;
	size_t len;

	if (apk_read_file(path, name, 1 << 20, &text, &len, &e) < 0)
		fail_msg("%s: %s", name, e.text);
	assert_string_equal(text, want);
}

static char *deps_text(const struct apk_deps *l)
{
	struct strbuf b = {0};

	strbuf_adds(&b, "");
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_free_ char *s = apk_dep_print(&l->v[i]);

		strbuf_addf(&b, "%s%s", i ? " " : "", s);
	}
	return strbuf_steal(&b);
}

static void relations_are(const char *path, const char *depends, const char *install_if)
{
	_cleanup_free_ char *d = NULL, *w = NULL;
	struct apk_control c;

	assert_int_equal(apk_read_control(path, keys, &c, NULL), 0);
	d = deps_text(&c.pkg.depends);
	w = deps_text(&c.pkg.install_if);
	assert_string_equal(d, depends);
	assert_string_equal(w, install_if);
	apk_control_free(&c);
}

static void lines(struct strvec *l, const char *text)
{
	strvec_split(l, text, "\n");
}

static void one_package(void **state)
{
	static const struct export_firmware firmware[] = {
		{(char *)"vendor/one.bin", (char *)"linux-firmware-vendor"}};
	_cleanup_strvec_ struct strvec kos = {0}, options = {0}, load = {0}, conflicts = {0},
				       overlays = {0};
	_cleanup_(export_result_free) struct export_result out = {0};
	struct export_spec s = spec(&kos);
	struct err e = ERR_INIT;

	(void)state;
	add_kos(&kos);
	lines(&options, "options a-user x=1\nblacklist foreign");
	lines(&load, "a_user");
	lines(&conflicts, "old-modules");
	strvec_take(&overlays, path_join(dir, "pair.dtbo"));
	assert_int_equal(fs_write_atomic(overlays.v[0], "dtb", 3, 0600, NULL), 0);
	s.options = &options;
	s.load = &load;
	s.conflicts = &conflicts;
	s.overlays = &overlays;
	s.overlays_dir = "boot/overlays";
	s.initramfs = s.initramfs_firmware = true;
	s.firmware = firmware;
	s.n_firmware = ARRAY_SIZE(firmware);
	if (export_package(&s, &out, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(out.parts.n, 0);
	files_are(out.path, "boot/overlays/pair.dtbo\n"
			    "lib/modprobe.d/pair-kmod.conf\n"
			    "lib/modules/6.1.9-x/extra/a_user.ko\n"
			    "lib/modules/6.1.9-x/extra/z-base.ko\n"
			    "usr/lib/modules-load.d/pair-kmod.conf\n"
			    "usr/share/mkinitfs/files/pair-kmod-x.files\n"
			    "usr/share/mkinitfs/hooks/pair-kmod.sh\n"
			    "usr/share/mkinitfs/modules/pair-kmod.modules\n");
	file_is(out.path, "lib/modprobe.d/pair-kmod.conf",
		"options a-user x=1\nblacklist foreign\n");
	file_is(out.path, "usr/lib/modules-load.d/pair-kmod.conf", "a_user\n");
	/* what is needed first; a softdep's modules, which mkinitfs does not look for */
	file_is(out.path, "usr/share/mkinitfs/modules/pair-kmod.modules", "crc7\nz_base\na_user\n");
	/* a name with ':' would mean another place */
	file_is(out.path, "usr/share/mkinitfs/files/pair-kmod-x.files",
		"/lib/modules/6.1.9-x/extra/z-base.ko\n"
		"/lib/modules/6.1.9-x/extra/a_user.ko\n"
		"/lib/modprobe.d/pair-kmod.conf:/etc/modprobe.d/pair-kmod.conf\n"
		"/lib/firmware/vendor/one.bin!optional\n"
		"/lib/firmware/two.bin!optional\n");
	file_is(out.path, "usr/share/mkinitfs/hooks/pair-kmod.sh",
		"#!/bin/sh\nmodprobe -a a_user || :\n");
	relations_are(out.path,
		"linux-x=6.1.9-r0 linux-firmware-vendor !postmarketos-mkinitfs<2.10.0 !old-modules",
		"pair-kmod linux-x=6.1.9-r0");
}

/* Where /usr is merged, and mkinitfs is an old one. */
static void other_system(void **state)
{
	_cleanup_strvec_ struct strvec kos = {0}, options = {0};
	_cleanup_(export_result_free) struct export_result out = {0};
	struct export_spec s = spec(&kos);

	(void)state;
	add_kos(&kos);
	lines(&options, "options a_user x=1");
	s.options = &options;
	s.usr_merge = s.initramfs = true;
	s.compression = KO_ZSTD;
	assert_int_equal(export_package(&s, &out, NULL), 0);
	files_are(out.path, "usr/lib/modprobe.d/pair-kmod.conf\n"
			    "usr/lib/modules/6.1.9-x/extra/a_user.ko.zst\n"
			    "usr/lib/modules/6.1.9-x/extra/z-base.ko.zst\n"
			    "usr/share/mkinitfs/files/pair-kmod-x.files\n"
			    "usr/share/mkinitfs/hooks/pair-kmod.sh\n"
			    "usr/share/mkinitfs/modules/pair-kmod.modules\n");
	file_is(out.path, "usr/share/mkinitfs/files/pair-kmod-x.files",
		"/usr/lib/modules/6.1.9-x/extra/z-base.ko.zst\n"
		"/usr/lib/modules/6.1.9-x/extra/a_user.ko.zst\n"
		"/usr/lib/modprobe.d/pair-kmod.conf:/etc/modprobe.d/pair-kmod.conf\n");
	file_is(out.path, "usr/share/mkinitfs/hooks/pair-kmod.sh",
		"#!/bin/sh\nmodprobe -a z_base a_user || :\n");
	relations_are(out.path, "linux-x=6.1.9-r0", "pair-kmod linux-x=6.1.9-r0");
}

static void load_of_none(void **state)
{
	_cleanup_strvec_ struct strvec kos = {0}, load = {0};
	struct export_spec s = spec(&kos);
	struct export_result out;
	struct err e = ERR_INIT;

	(void)state;
	add_kos(&kos);
	lines(&load, "a_user\nb_user");
	s.load = &load;
	assert_int_equal(export_package(&s, &out, &e), -ENOENT);
	assert_int_equal(e.exit_code, EXIT_NO_MODULE);
	assert_non_null(strstr(e.text, "names b_user, but what was built is a_user, z_base"));
}

/* ---- split ---- */

static int judged(void *ctx, const struct apk_pkg *p, const struct apk_pkg *beside, size_t n,
	struct package_summary *summary, struct err *e)
{
	struct strbuf *b = ctx;

	(void)summary, (void)e;
	strbuf_addf(b, "%s:", p->name);
	for (size_t i = 0; i < n; i++)
		strbuf_addf(b, " %s", beside[i].name);
	strbuf_adds(b, "\n");
	return 0;
}

static void split_up(const struct strvec *kos, struct export_result *out, struct strbuf *seen)
{
	_cleanup_strvec_ struct strvec options = {0}, load = {0}, conflicts = {0};
	struct export_spec s = spec(kos);
	struct err e = ERR_INIT;

	lines(&options, "options a-user x=1\noptions z_base y=1\nblacklist foreign");
	lines(&load, "a-user");
	lines(&conflicts, "old-modules");
	s.options = &options;
	s.load = &load;
	s.conflicts = &conflicts;
	s.split = true;
	s.judge = judged;
	s.judge_ctx = seen;
	strvec_add(&s.depends, "other-kmod-x");
	if (export_package(&s, out, &e) < 0)
		fail_msg("%s", e.text);
	strvec_free(&s.depends);
}

static void parts(void **state)
{
	_cleanup_strvec_ struct strvec kos = {0};
	_cleanup_(export_result_free) struct export_result out = {0};
	_cleanup_strbuf_ struct strbuf seen = {0};

	(void)state;
	add_kos(&kos);
	split_up(&kos, &out, &seen);
	assert_int_equal(out.parts.n, 2);
	/* what is depended on is made before */
	assert_string_equal(seen.s, "pair-kmod-x-z_base:\n"
				    "pair-kmod-x-a_user: pair-kmod-x-z_base\n"
				    "pair-kmod-x: pair-kmod-x-z_base pair-kmod-x-a_user\n");
	files_are(out.parts.v[0], "lib/modprobe.d/pair-kmod-z_base.conf\n"
				  "lib/modules/6.1.9-x/extra/z-base.ko\n");
	files_are(out.parts.v[1], "lib/modprobe.d/pair-kmod-a_user.conf\n"
				  "lib/modules/6.1.9-x/extra/a_user.ko\n"
				  "usr/lib/modules-load.d/pair-kmod-a_user.conf\n");
	files_are(out.path, "lib/modprobe.d/pair-kmod.conf\n");
	file_is(out.path, "lib/modprobe.d/pair-kmod.conf", "blacklist foreign\n");
	relations_are(out.parts.v[0], "linux-x=6.1.9-r0 other-kmod-x",
		"pair-kmod-x=1.0_p6_p1_p9-r0 linux-x=6.1.9-r0");
	relations_are(out.parts.v[1],
		"linux-x=6.1.9-r0 pair-kmod-x-z_base=1.0_p6_p1_p9-r0 other-kmod-x",
		"pair-kmod-x=1.0_p6_p1_p9-r0 linux-x=6.1.9-r0");
	relations_are(out.path,
		"linux-x=6.1.9-r0 pair-kmod-x-z_base=1.0_p6_p1_p9-r0 "
		"pair-kmod-x-a_user=1.0_p6_p1_p9-r0 other-kmod-x !old-modules",
		"pair-kmod linux-x=6.1.9-r0");
}

/* One module is not split, and a split package that has nothing in it is installed all the same. */
static void nothing_to_split(void **state)
{
	_cleanup_strvec_ struct strvec kos = {0}, two = {0};
	_cleanup_(export_result_free) struct export_result out = {0}, empty = {0};
	static const char *const info[] = {"license=GPL", "name=a_user", NULL};
	struct export_spec s = spec(&kos);
	struct apk_control c;

	(void)state;
	strvec_take(&kos, make_ko("a_user.ko", info));
	s.split = true;
	assert_int_equal(export_package(&s, &out, NULL), 0);
	assert_int_equal(out.parts.n, 0);
	files_are(out.path, "lib/modules/6.1.9-x/extra/a_user.ko\n");

	add_kos(&two);
	s.ko_paths = &two;
	assert_int_equal(export_package(&s, &empty, NULL), 0);
	assert_int_equal(apk_read_control(empty.path, keys, &c, NULL), 0);
	assert_true(c.pkg.installed_size > 0);
	apk_control_free(&c);
}

static void order(void **state)
{
	/* 0 needs 2 and 1, 1 needs 2; 3 and 4 claim to need each other */
	static const char *const needs[] = {"m2,m1", "m2", NULL, "m4", "m3"};
	struct ko ko[5] = {0};
	size_t *o;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ko); i++) {
		ko[i].name = xasprintf("m%zu", i);
		if (needs[i])
			strvec_split(&ko[i].depends, needs[i], ",");
	}
	o = export_load_order(ko, ARRAY_SIZE(ko));
	assert_int_equal(o[0], 2);
	assert_int_equal(o[1], 1);
	assert_int_equal(o[2], 0);
	assert_int_equal(o[3] + o[4], 7);
	free(o);
	for (size_t i = 0; i < ARRAY_SIZE(ko); i++)
		ko_free(&ko[i]);
}

/* ---- hardware ---- */

static void hardware(void **state)
{
	static const struct {
		const char *aliases, *text;
	} cases[] = {
		{"", NULL},
		{"fs-ext4\nchar-major-10-1\ndevname:loop", NULL},
		{"usb:v1d2*\nof:N*T*Ca,b\nusb:v2*\nfs-x", "usb 2, of 1"},
		{"acpi*:PNP0:*", "acpi 1"},
		{"\x1b[2J:x\n:y", "other 2"},
		{"averyveryverylongnameofabusthatnobodyhas:x", "other 1"},
	};
	_cleanup_strvec_ struct strvec many = {0};
	_cleanup_free_ char *all = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strvec_ struct strvec l = {0};
		_cleanup_free_ char *text = NULL;

		strvec_split(&l, cases[i].aliases, "\n");
		text = hardware_text(&l);
		if (!cases[i].text)
			assert_null(text);
		else
			assert_string_equal(text, cases[i].text);
	}
	for (int i = 0; i < 100; i++)
		strvec_addf(&many, "bus%d:x", i);
	all = hardware_text(&many);
	assert_non_null(strstr(all, "bus31 1, more 68"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_recipes),
		cmocka_unit_test(whole_recipe),
		cmocka_unit_test(empty_recipe),
		cmocka_unit_test(one_package),
		cmocka_unit_test(other_system),
		cmocka_unit_test(load_of_none),
		cmocka_unit_test(parts),
		cmocka_unit_test(nothing_to_split),
		cmocka_unit_test(order),
		cmocka_unit_test(hardware),
	};
	_cleanup_strvec_ struct strvec dirs = {0};
	int r = 1;

	if (mkdtemp(dir)) {
		_cleanup_free_ char *folder = path_join(dir, "keys");
		_cleanup_free_ char *path = path_join(folder, "test.rsa");

		strvec_add(&dirs, folder);
		if (fs_mkdirs(folder, 0700, NULL) == 0 &&
			apk_signkey_generate(path, 2048, NULL) == 0 &&
			apk_signkey_load(&key, path, NULL) == 0 &&
			apk_keys_load(&keys, &dirs, NULL) == 0)
			r = cmocka_run_group_tests(tests, NULL, NULL);
	}
	apk_keys_free(keys);
	apk_signkey_free(key);
	fs_remove_tree(dir, NULL);
	return r;
}
