// SPDX-License-Identifier: GPL-3.0-or-later
/* Kernel packages of several layouts, and the cache of what was read from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "chroot/apk/apk_write.h"
#include "chroot/base/fs.h"
#include "pmkmod/kernel/kernel.h"
#include "pmkmod/kernel/modules.h"
#include "tests/unit/ko_builder.h"

#define VERMAGIC "6.1.0-x SMP mod_unload modversions "

static char folder[] = "/tmp/pmkmod-facts-XXXXXX";
static struct apk_signkey *key;

static int set_up(void **state)
{
	struct err e = ERR_INIT;
	char *path;
	int r;

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	path = path_join(folder, "test.rsa");
	r = apk_signkey_generate(path, 2048, &e);
	if (r == 0)
		r = apk_signkey_load(&key, path, &e);
	free(path);
	return r;
}

static int tear_down(void **state)
{
	(void)state;
	apk_signkey_free(key);
	return fs_remove_tree(folder, NULL);
}

/* A content of "KO <vermagic>" is a module with it. */
struct file {
	const char *name, *content;
};

static void add_file(struct apk_writer *w, const struct file *f)
{
	size_t len = strlen(f->content);
	struct err e = ERR_INIT;
	char *bytes;

	if (starts_with(f->content, "KO ")) {
		char *vermagic = xasprintf("vermagic=%s", f->content + 3);
		const char *const info[] = {
			vermagic, "depends=fat,other-one", "alias=fs-*", "softdep=pre: nls", NULL};
		const uint32_t text[] = {0x36b1c5a6, 0};
		/* the first one has no function to end with, another does */
		const struct kb_spec s = {.modinfo = info,
			.this_module_size = 832,
			.text = text,
			.n_text = 2,
			.init_at = 312,
			.init_value = 4,
			.exit_at = strstr(f->name, "vfat") ? 800 : 0,
			.extra = (const char *const[]){".plt", ".other", NULL}};

		bytes = kb_build(&s, &len);
		free(vermagic);
	} else {
		bytes = xstrdup(f->content);
	}
	/* its entries end with NUL */
	for (char *p = bytes; ends_with(f->name, ".modinfo") && (p = strchr(p, '|'));)
		*p++ = '\0';
	assert_int_equal(apk_writer_file(w, f->name, bytes, len, 0644, &e), 0);
	free(bytes);
}

static char *make_package(const struct file *files, struct hash *identity)
{
	struct apk_writer *w = apk_writer_new(1700000000);
	char *path = path_join(folder, "linux-test-6.1-r0.apk");
	struct apk_pkg p = {.name = xstrdup("linux-test"),
		.version = xstrdup("6.1-r0"),
		.arch = xstrdup("aarch64"),
		.desc = xstrdup("a kernel"),
		.url = xstrdup("https://x"),
		.license = xstrdup("GPL-2.0-only"),
		.origin = xstrdup("linux-test")};
	struct err e = ERR_INIT;
	int r;

	for (; files->name; files++)
		add_file(w, files);
	r = apk_writer_finish(w, &p, key, path, &e);
	if (r < 0)
		fail_msg("%s", e.text);
	*identity = p.identity;
	apk_writer_free(w);
	apk_pkg_free(&p);
	return path;
}

static const struct file usual[] = {
	{"boot/config-6.1.0-x", "CONFIG_SMP=y\n"},
	{"boot/dtbs/Image.dtb", "no image"},
	{"boot/System.map", ""},
	{"boot/vmlinuz", "image"},
	{"lib/modules/6.1.0-x/kernel/fs/fat/fat.ko", "KO " VERMAGIC},
	{"lib/modules/6.1.0-x/kernel/fs/fat/vfat.ko", "KO of another text "},
	{"lib/modules/6.1.0-x/kernel/drivers/usb/usb-core.ko.zst", "not really zstd"},
	{"lib/modules/6.1.0-x/modules.builtin",
		"kernel/fs/ext4/ext4.ko\nkernel/net/ipv6/ipv6.ko\n"},
	{"lib/modules/6.1.0-x/modules.builtin.modinfo",
		"ext4.license=GPL|printk.parm=time:show times|printk.parmtype=time:bool|"
		"ipv6.version=1.0|odd|=odd|odd.parmtype|a.b=c.parmtype=|x.parmtype=y"},
	{"lib/modules/6.1.0-x/modules.order", "kernel/fs/fat/fat.ko\n"},
	{"lib/modules/5.0.0-old/kernel/old.ko", "KO 5.0.0-old "},
	{"usr/share/kernel/test/kernel.release", "6.1.0-x\n"},
	{NULL, NULL},
};

static void assert_layout(const struct kernel_facts *f)
{
	assert_int_equal(f->layout.size, 832);
	assert_int_equal(f->layout.init, 312);
	assert_int_equal(f->layout.exit, 800);
	assert_int_equal(f->layout.init_hash, 0x36b1c5a6);
	assert_int_equal(f->trampolines.n, 1);
	assert_string_equal(f->trampolines.v[0], ".plt");
}

static void usual_package(void **state)
{
	struct err e = ERR_INIT;
	struct kernel_facts f;
	struct hash id;
	char *path = make_package(usual, &id);

	(void)state;
	if (kernel_facts_read(&f, path, &id, "test", NULL, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(f.release, "6.1.0-x");
	assert_string_equal(f.vermagic, VERMAGIC);
	assert_string_equal(f.config_name, "boot/config-6.1.0-x");
	assert_string_equal(f.image_name, "boot/vmlinuz");
	assert_int_equal(f.this_module_size, 832);
	assert_layout(&f);
	assert_int_equal(f.modules.n, 3);
	assert_string_equal(f.modules.v[0], "kernel/drivers/usb/usb-core.ko.zst");
	assert_int_equal(f.builtin.n, 2);
	assert_int_equal(f.builtin_attributes.n, 3);
	assert_string_equal(f.builtin_attributes.v[0], "printk.time");
	assert_string_equal(f.builtin_attributes.v[1], "ipv6");
	assert_string_equal(f.builtin_attributes.v[2], "x.y");
	assert_true(kernel_facts_has_module(&f, "usb_core", false));
	assert_true(kernel_facts_has_module(&f, "usb-core", false));
	assert_false(kernel_facts_has_module(&f, "ext4", false));
	assert_true(kernel_facts_has_module(&f, "ext4", true));
	assert_false(kernel_facts_has_module(&f, "old", true));
	kernel_facts_free(&f);
	assert_int_equal(kernel_facts_read(&f, "/nonexistent.apk", &id, NULL, NULL, &e), -ENOENT);
	free(path);
}

static void layouts(void **state)
{
	static const struct {
		struct file files[4];
		const char *flavor, *release, *vermagic, *image;
		size_t modules;
	} cases[] = {
		/* a vendor kernel that installs no modules */
		{{{"boot/zImage", "z"}, {"usr/share/kernel/lt02/kernel.release", "3.4.5"}}, "lt02",
			"3.4.5", NULL, "boot/zImage", 0},
		/* usr-merged, no kernel.release */
		{{{"usr/lib/modules/6.12.1/kernel/a.ko", "KO 6.12.1 "},
			 {"usr/lib/modules/6.12.1/vmlinuz", "v"}},
			NULL, "6.12.1", "6.12.1 ", "usr/lib/modules/6.12.1/vmlinuz", 1},
		/* two releases and nothing to choose by */
		{{{"lib/modules/1.0.0/kernel/a.ko", "KO 1.0.0 "},
			 {"lib/modules/2.0.0/kernel/a.ko", "KO 2.0.0 "}},
			NULL, NULL, NULL, NULL, 0},
		/* another flavor's release is not ours */
		{{{"usr/share/kernel/other/kernel.release", "9.9.9"}, {"boot/Image.gz-dtb", "i"}},
			"mine", NULL, NULL, "boot/Image.gz-dtb", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = ERR_INIT;
		struct kernel_facts f;
		struct hash id;
		char *path = make_package(cases[i].files, &id);

		assert_int_equal(kernel_facts_read(&f, path, &id, cases[i].flavor, NULL, &e), 0);
		assert_true(!f.release == !cases[i].release);
		if (f.release)
			assert_string_equal(f.release, cases[i].release);
		assert_true(!f.vermagic == !cases[i].vermagic);
		if (f.vermagic)
			assert_string_equal(f.vermagic, cases[i].vermagic);
		assert_true(!f.image_name == !cases[i].image);
		if (f.image_name)
			assert_string_equal(f.image_name, cases[i].image);
		assert_int_equal(f.modules.n, cases[i].modules);
		kernel_facts_free(&f);
		free(path);
	}
}

/* Read again, from the cache if the package is gone. */
static int read_again(
	const char *path, const struct hash *id, const char *cache, const char *flavor)
{
	struct err e = ERR_INIT;
	struct kernel_facts f;
	int r = kernel_facts_read(&f, path, id, flavor, cache, &e);

	if (r == 0) {
		assert_string_equal(f.vermagic, VERMAGIC); /* its final blank, too */
		assert_string_equal(f.config_name, "boot/config-6.1.0-x");
		assert_layout(&f);
		assert_int_equal(f.modules.n, 3);
		assert_int_equal(f.builtin.n, 2);
		assert_int_equal(f.builtin_attributes.n, 3);
		assert_int_equal(f.this_module_size, 832);
	}
	kernel_facts_free(&f);
	return r;
}

static void cache(void **state)
{
	char *dir = path_join(folder, "cache/facts"), hex[HASH_HEX_MAX], *file, *text = NULL;
	struct err e = ERR_INIT;
	size_t len = 0;
	struct hash id;
	char *path = make_package(usual, &id), *away = xasprintf("%s.away", path);

	(void)state;
	hash_hex(&id, hex);
	file = path_join(dir, hex);
	assert_int_equal(read_again(path, &id, dir, NULL), 0);
	assert_int_equal(fs_read(file, 1 << 20, &text, &len, &e), 0);
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(read_again(path, &id, dir, NULL), 0);
	assert_int_equal(read_again(path, &id, dir, "test"), -ENOENT); /* another question */

	/* every damage is noticed: cut off, altered, empty, of another kind */
	for (size_t at = 0; at < len; at += 37) {
		text[at] ^= 1;
		assert_int_equal(fs_write_atomic(file, text, len, 0600, &e), 0);
		assert_int_equal(read_again(path, &id, dir, NULL), -ENOENT);
		text[at] ^= 1;
		assert_int_equal(fs_write_atomic(file, text, at, 0600, &e), 0);
		assert_int_equal(read_again(path, &id, dir, NULL), -ENOENT);
	}

	/* and mended from the package */
	assert_int_equal(rename(away, path), 0);
	assert_int_equal(read_again(path, &id, dir, NULL), 0);
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(read_again(path, &id, dir, NULL), 0);
	free(text);
	free(file);
	free(dir);
	free(path);
	free(away);
}

/* Only what lies in the folder of the kernel's release; and once, unless what was kept is damaged.
 */
static void modules_kept(void **state)
{
	char *dir = path_join(folder, "cache-of-modules"), *kept;
	struct err e = ERR_INIT;
	struct kernel_facts f;
	struct kernel_modules m;
	struct hash id;
	char *path = make_package(usual, &id);
	struct kernel_modules_source from = {
		.apk = path, .identity = &id, .flavor = "test", .cache_dir = dir};

	(void)state;
	assert_int_equal(kernel_facts_read(&f, path, &id, "test", NULL, &e), 0);
	assert_int_equal(f.modules_order, 1);
	assert_int_equal(fs_mkdirs(dir, 0700, &e), 0);
	for (int again = 0; again < 2; again++) {
		if (kernel_modules_read(&m, &from, &f, &e) < 0)
			fail_msg("%s", e.text);
		/* three modules, two that are built in, and those modules.builtin.modinfo names */
		assert_int_equal(m.n, 5);
		assert_string_equal(kernel_modules_find(&m, "vfat")->depends, "fat,other_one");
		assert_string_equal(kernel_modules_find(&m, "vfat")->softdeps, "nls");
		assert_string_equal(kernel_modules_find(&m, "usb_core")->depends, "?");
		assert_string_equal(kernel_modules_find(&m, "ipv6")->path, "");
		assert_null(kernel_modules_find(&m, "old"));
		assert_int_equal(m.n_aliases, 2);
		assert_true(m.knows_builtin);
		kernel_modules_free(&m);
		from.apk = "/nonexistent.apk";
	}
	kept = kernel_cache_path(dir, &id, "test", ".modules");
	assert_int_equal(truncate(kept, 200), 0);
	assert_int_equal(kernel_modules_read(&m, &from, &f, &e), -ENOENT);
	from.apk = path;
	assert_int_equal(kernel_modules_read(&m, &from, &f, &e), 0);
	kernel_modules_free(&m);
	kernel_facts_free(&f);
	free(kept);
	free(path);
	free(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual_package),
		cmocka_unit_test(layouts),
		cmocka_unit_test(cache),
		cmocka_unit_test(modules_kept),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
