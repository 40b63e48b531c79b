// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/aport/apkbuild.h"
#include "pmkmod/pmaports/tree.h"
#include "pmkmod/util/json.h"

/* ---- deviceinfo ---- */

static void deviceinfo_rules(void **state)
{
	static const char text[] = "# deviceinfo_arch=\"x86\"\n deviceinfo_arch=\"x86\"\n"
				   "deviceinfo_arch=\"armv7\"\ndeviceinfo_arch=\"aarch64\"\r\n"
				   "deviceinfo_name=Some \"thing\" = else\n"
				   "deviceinfo_dtb=\"one\"\rdeviceinfo_dtb_main_line=\"two\"\n"
				   "other=\"x\"\ndeviceinfo_empty=\ndeviceinfo_last='q'";
	static const struct {
		const char *key, *variant, *value; /* NULL: not there */
	} cases[] = {
		{"arch", NULL, "aarch64"},
		{"name", NULL, "Some thing = else"},
		{"dtb", NULL, "one"},
		{"dtb", "main-line", "two"},
		{"dtb", "other", "one"},
		{"empty", NULL, ""},
		{"last", NULL, "'q'"},
		{"other", NULL, NULL},
		{"nothing", "main-line", NULL},
	};
	struct deviceinfo d;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(deviceinfo_parse(&d, text, strlen(text), &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *v = deviceinfo_get(&d, cases[i].key, cases[i].variant);

		if (cases[i].value)
			assert_string_equal(v, cases[i].value);
		else
			assert_null(v);
	}
	deviceinfo_free(&d);
}

static void deviceinfo_refused(void **state)
{
	struct deviceinfo d;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(deviceinfo_parse(&d, "a\ndeviceinfo_arch\n", 18, &e), -EINVAL);
	assert_non_null(strstr(e.text, "line 2"));
	assert_int_equal(deviceinfo_parse(&d, "a\0b", 3, &e), -EINVAL);
	assert_int_equal(deviceinfo_parse(&d, "", 0, &e), 0);
	assert_null(deviceinfo_get(&d, "arch", NULL));
	deviceinfo_free(&d);
}

/* ---- verdicts ---- */

static void verdicts(void **state)
{
	static const struct {
		const char *config;
		enum verdict verdict;
		bool firmware;
		const char *line;
	} cases[] = {
		{"CONFIG_MODULES=y\n", VERDICT_SOURCE, false, "CONFIG_MODULES=y"},
		{"CONFIG_MODULES=y\nCONFIG_MODVERSIONS=y\n", VERDICT_SYMVERS, false,
			"CONFIG_MODVERSIONS=y"},
		{"# CONFIG_MODULES is not set\nCONFIG_MODVERSIONS=y\n", VERDICT_NO_MODULES, false,
			"# CONFIG_MODULES is not set"},
		{"CONFIG_SMP=y\n", VERDICT_NO_MODULES, false, "# CONFIG_MODULES is not set"},
		{"CONFIG_MODULES=y\nCONFIG_MODULE_SIG=y\n", VERDICT_SOURCE, false, NULL},
		{"CONFIG_MODULES=y\nCONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_FORCE=y\n",
			VERDICT_SIGNED, false, "CONFIG_MODULE_SIG_FORCE=y"},
		{"CONFIG_MODULES=y\nCONFIG_MODULE_SIG=y\n"
		 "CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY=y\n",
			VERDICT_SIGNED, false, "CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY=y"},
		{"CONFIG_MODULES=y\nCONFIG_MODULE_SIG=y\nCONFIG_MODVERSIONS=y\n"
		 "CONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY=y\n",
			VERDICT_SIGNED, false, "CONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY=y"},
		/* lockdown is compiled in, but not among the modules that are started */
		{"CONFIG_MODULES=y\nCONFIG_MODULE_SIG=y\nCONFIG_LSM=\"yama\"\n"
		 "CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY=y\n",
			VERDICT_SOURCE, false, NULL},
		/* no signature is looked at: lockdown lets every module in */
		{"CONFIG_MODULES=y\n# CONFIG_MODULE_SIG is not set\n"
		 "CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY=y\n",
			VERDICT_SOURCE, false, NULL},
		{"CONFIG_MODULES=y\nCONFIG_TIMA_LKMAUTH=y\nCONFIG_MODVERSIONS=y\n", VERDICT_SIGNED,
			true, "CONFIG_TIMA_LKMAUTH=y"},
		{"CONFIG_MODULES=y\r\nCONFIG_MODVERSIONS=y\r\n", VERDICT_SYMVERS, false, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct judgement j;
		struct kconfig *c;
		struct err e = ERR_INIT;

		assert_int_equal(kconfig_parse_only(&c, cases[i].config, strlen(cases[i].config),
					 judged_symbols, &e),
			0);
		judge_config(&j, c, "6.1.0");
		if (j.verdict != cases[i].verdict || j.firmware_decides != cases[i].firmware)
			fail_msg("%s: %s", cases[i].config, verdict_names[j.verdict]);
		assert_non_null(j.why);
		assert_non_null(j.remedy);
		if (cases[i].line)
			assert_non_null(strstr(j.lines, cases[i].line));
		judgement_free(&j);
		kconfig_free(c);
	}
}

/* Reading a part gives of each symbol exactly what reading the whole gives. */
static void part_of_a_configuration(void **state)
{
	static const char text[] =
		"# Linux/arm64 6.1.0 Kernel Configuration\nCONFIG_MODULES=y\n"
		"CONFIG_MODULESX=y\n# CONFIG_MODVERSIONS is not set\n"
		"CONFIG_LSM=\"a,b\"\n \tCONFIG_MODULE_SIG=y\nCONFIG_LO=y\n"
		"CONFIG_LOCALVERSION=\"-x\"\nCONFIG_M=y\n#CONFIG_LSM=\"c\"\nCONFIG_";
	struct kconfig *whole, *part;

	(void)state;
	assert_int_equal(kconfig_parse(&whole, text, strlen(text), NULL), 0);
	assert_int_equal(kconfig_parse_only(&part, text, strlen(text), judged_symbols, NULL), 0);
	for (size_t i = 0; judged_symbols[i]; i++) {
		const char *a = kconfig_get(whole, judged_symbols[i]);
		const char *b = kconfig_get(part, judged_symbols[i]);

		assert_true(!a == !b && (!a || streq(a, b)));
		assert_int_equal(kconfig_known(whole, judged_symbols[i]),
			kconfig_known(part, judged_symbols[i]));
	}
	assert_false(kconfig_known(part, "MODULESX"));
	kconfig_free(whole);
	kconfig_free(part);
	assert_int_equal(kconfig_parse_only(&part, "CONFIG_X=y\n", 11, judged_symbols, NULL), 0);
	kconfig_free(part);
	assert_true(kconfig_parse_only(&part, "hello\n", 6, judged_symbols, NULL) < 0);
	assert_true(kconfig_parse_only(&part, "", 0, judged_symbols, NULL) < 0);
}

static void header_version(void **state)
{
	static const struct {
		const char *text, *version;
	} cases[] = {
		{"#\n# Automatically generated\n# Linux/arm64 6.1.2-rc1 Kernel Configuration\n",
			"6.1.2-rc1"},
		{"# Linux/arm 3.4.113 Kernel Configuration\r\n", "3.4.113"},
		{"# Linux/x86_64 7.1.0 Kernel Configuration\n", "7.1.0"},
		{"# Linux/arm64 Kernel Configuration\n", NULL},
		{"CONFIG_X=y\n", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *v = config_header_version(cases[i].text);

		if (cases[i].version)
			assert_string_equal(v, cases[i].version);
		else
			assert_null(v);
	}
}

/* ---- functions of an APKBUILD ---- */

static void in_a_function(void **state)
{
	static const char text[] = "pkgname=device-x\ndepends=\"base\"\n"
				   "kernel_a() {\n\tdepends=\"linux-$_soc\"\n\tinstall -d /x\n}\n"
				   "kernel_b() {\n\tdepends=\"$depends $subpkgname\"\n}\n"
				   "kernel_c() {\n\tdepends=\"$(unknown-command)\"\n}\n"
				   "kernel_d() {\n\tif true; then\n}\n_soc=soc\n";
	const struct apkbuild_env env[] = {{"subpkgname", "device-x-kernel-b"}};
	struct apkbuild *b;
	const char *before;
	char *why, *v;

	(void)state;
	assert_int_equal(apkbuild_parse(&b, "t", text, strlen(text), NULL, 0, NULL), 0);
	before = apkbuild_get(b, "depends");
	v = apkbuild_in_function(b, "kernel_a", env, 1, "depends", &why);
	assert_string_equal(v, "linux-soc");
	assert_null(why);
	free(v);
	v = apkbuild_in_function(b, "kernel_b", env, 1, "depends", &why);
	assert_string_equal(v, "base device-x-kernel-b");
	free(v);
	v = apkbuild_in_function(b, "kernel_c", env, 1, "depends", &why);
	assert_null(v);
	assert_non_null(why);
	free(why);
	assert_null(apkbuild_in_function(b, "kernel_d", env, 1, "depends", &why));
	free(why);
	assert_null(apkbuild_in_function(b, "nothing", env, 1, "depends", &why));
	assert_null(why);
	/* what was borrowed before is where and what it was */
	assert_ptr_equal(before, apkbuild_get(b, "depends"));
	assert_string_equal(before, "base");
	assert_null(apkbuild_get(b, "subpkgname"));
	apkbuild_free(b);
}

/* ---- a small tree ---- */

struct box {
	char *top;
	struct strvec folders;
	char *cache;
};

static void put(const struct box *b, const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(b->top, name);
	_cleanup_free_ char *dir = xstrndup(path, (size_t)(path_base(path) - path));

	assert_int_equal(fs_mkdirs(dir, 0755, NULL), 0);
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static int make_box(void **state)
{
	struct box *b = xcalloc(1, sizeof(*b));
	char name[] = "/tmp/pmkmod-pmaports-XXXXXX";

	assert_non_null(mkdtemp(name));
	b->top = xstrdup(name);
	b->cache = path_join(name, "cache");
	strvec_addf(&b->folders, "%s/tree", name);
	put(b, "tree/device/testing/device-one/deviceinfo",
		"deviceinfo_name=\"One\"\ndeviceinfo_arch=\"aarch64\"\n");
	put(b, "tree/device/testing/device-one/APKBUILD",
		"pkgname=device-one\ndepends=\"linux-one>=3\"\n");
	put(b, "tree/device/testing/device-two/deviceinfo", "deviceinfo_arch=\"aarch64\"\n");
	put(b, "tree/device/testing/device-two/APKBUILD",
		"pkgname=device-two\nsubpackages=\"$pkgname-kernel-a:a $pkgname-kernel-b:b\"\n"
		"a() {\n\tdepends=linux-one\n}\nb() {\n\tdepends=linux-lts\n}\n");
	put(b, "tree/any/where/linux-one/APKBUILD",
		"pkgname=linux-one\npkgver=3\npkgrel=0\narch=aarch64\nsource=\"config-one.aarch64\"\n");
	put(b, "tree/any/where/linux-one/config-one.aarch64",
		"# Linux/arm64 3.10.5 Kernel Configuration\nCONFIG_MODULES=y\n"
		"CONFIG_LOCALVERSION=\"-perf\"\n");
	*state = b;
	return 0;
}

static int remove_box(void **state)
{
	struct box *b = *state;

	fs_remove_tree(b->top, NULL);
	strvec_free(&b->folders);
	free(b->top);
	free(b->cache);
	free(b);
	return 0;
}

static struct pmaports *load(const struct box *b, bool cached)
{
	struct pmaports_query q = {.folders = &b->folders, .cache = cached ? b->cache : NULL};
	struct pmaports *t;
	struct err e = ERR_INIT;

	if (pmaports_load(&t, &q, &e) < 0)
		fail_msg("%s", e.text);
	return t;
}

static void small_tree(void **state)
{
	struct pmaports *t = load(*state, false);
	const struct pmaports_device *d = pmaports_find(t, "one");
	const struct pmaports_kernel *k;
	struct err e = ERR_INIT;
	size_t n;

	pmaports_devices(t, &n);
	assert_int_equal(n, 2);
	assert_non_null(d);
	assert_string_equal(d->title, "One");
	assert_string_equal(d->category, "testing");
	assert_int_equal(d->verdict, VERDICT_SOURCE);
	assert_string_equal(d->kernels[0].package, "linux-one");
	assert_string_equal(d->kernels[0].version, "3-r0");
	assert_string_equal(d->kernels[0].release, "3.10.5-perf");
	assert_int_equal(pmaports_choose_kernel(&k, d, NULL, &e), 0);
	assert_int_equal(pmaports_choose_kernel(&k, d, "linux-one", &e), 0);
	assert_int_equal(pmaports_choose_kernel(&k, d, "x", &e), -EINVAL);
	d = pmaports_find(t, "two");
	assert_string_equal(d->title, "two");
	assert_int_equal(d->verdict, VERDICT_READY);
	assert_int_equal(pmaports_choose_kernel(&k, d, NULL, &e), -ENOTUNIQ);
	assert_int_equal(pmaports_choose_kernel(&k, d, "b", &e), 0);
	assert_string_equal(k->package, "linux-lts");
	assert_null(pmaports_find(t, "three"));
	pmaports_free(t);
}

static void one_device_alone(void **state)
{
	struct box *b = *state;
	struct pmaports_query q = {.folders = &b->folders, .only = "two"};
	struct pmaports *t;
	size_t n;

	assert_int_equal(pmaports_load(&t, &q, NULL), 0);
	pmaports_devices(t, &n);
	assert_int_equal(n, 1);
	assert_int_equal(pmaports_find(t, "two")->n_kernels, 2);
	pmaports_free(t);
	q.only = "three";
	assert_int_equal(pmaports_load(&t, &q, NULL), 0);
	pmaports_devices(t, &n);
	assert_int_equal(n, 0);
	pmaports_free(t);
}

/* A tree this new is not remembered: it could change once more within the same tick. */
static void fresh_is_not_kept(void **state)
{
	struct box *b = *state;
	struct pmaports *t = load(b, true);

	assert_false(pmaports_from_cache(t));
	pmaports_free(t);
	t = load(b, true);
	assert_false(pmaports_from_cache(t));
	pmaports_free(t);
}

static void kept_and_stale(void **state)
{
	struct box *b = *state;
	_cleanup_free_ char *config =
		path_join(b->top, "tree/any/where/linux-one/config-one.aarch64");
	struct pmaports *t;
	struct stat st;
	int fd;

	sleep(3);
	pmaports_free(load(b, true));
	t = load(b, true);
	assert_true(pmaports_from_cache(t));
	assert_string_equal(pmaports_find(t, "one")->kernels[0].release, "3.10.5-perf");
	pmaports_free(t);
	/* in place, of the same size, with the times it had */
	assert_int_equal(stat(config, &st), 0);
	fd = open(config, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "4.19.7", 6, strlen("# Linux/arm64 ")), 6);
	assert_int_equal(futimens(fd, (struct timespec[]){st.st_atim, st.st_mtim}), 0);
	close(fd);
	t = load(b, true);
	assert_false(pmaports_from_cache(t));
	assert_string_equal(pmaports_find(t, "one")->kernels[0].release, "4.19.7-perf");
	pmaports_free(t);
	put(b, "tree/device/main/device-three/deviceinfo", "deviceinfo_arch=\"aarch64\"\n");
	t = load(b, true);
	assert_non_null(pmaports_find(t, "three"));
	pmaports_free(t);
}

static void nothing_there(void **state)
{
	struct box *b = *state;
	_cleanup_strvec_ struct strvec none = {0};
	struct pmaports_query q = {.folders = &none};
	struct pmaports *t;
	struct err e = ERR_INIT;

	assert_int_equal(pmaports_load(&t, &q, &e), -ENOENT);
	strvec_addf(&none, "%s/cache", b->top);
	assert_int_equal(pmaports_load(&t, &q, &e), -ENOENT);
	assert_non_null(strstr(e.text, "/cache"));
}

/* Whatever is cut off or changed in a block, it is refused or at least nothing is read beyond it.
 */
static void damaged_blocks(void **state)
{
	struct box *b = *state;
	struct read_device d = {0};
	struct read_kernel k = {0};
	struct read_kernel *kernels[] = {&k};
	char name[] = "device-one", category[] = "testing", package[] = "linux-x",
	     arch[] = "aarch64";
	struct aport_dir dir = {name, b->top, category};
	struct device_kernel dk = {NULL, package, arch};
	struct reading r = {&d, kernels, 1};
	struct walk w = {0};
	struct stamps stamps = {0};
	struct strbuf block = {0};
	struct pmaports *t;

	d = (struct read_device){
		.dir = &dir, .title = name, .arch = arch, .kernels = &dk, .n_kernels = 1};
	stamps_add(&stamps, b->top);
	store_encode(&block, &r, &w, &stamps, true);
	assert_int_equal(store_decode(&t, memcpy(xcalloc(block.len, 1), block.s, block.len),
				 block.len, true),
		0);
	assert_string_equal(pmaports_find(t, "one")->kernels[0].package, "linux-x");
	pmaports_free(t);
	for (size_t i = 0; i < block.len; i++) {
		char *cut = memcpy(xcalloc(i + 1, 1), block.s, i);
		char *changed = memcpy(xcalloc(block.len, 1), block.s, block.len);

		assert_true(store_decode(&t, cut, i, true) < 0);
		changed[i] ^= 0x11;
		assert_true(store_decode(&t, changed, block.len, true) < 0);
	}
	strbuf_free(&block);
	stamps_free(&stamps);
}

/* ---- JSON ---- */

static void json_of_any_bytes(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"plain", "plain"},
		{"t\xc3\xa9l", "t\xc3\xa9l"},
		{"t\xe9l", "t\xef\xbf\xbdl"},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf0\x9f\x93\xb1", "\xf0\x9f\x93\xb1"},
		{"end\xc3", "end\xef\xbf\xbd"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_object *o = json_text(cases[i].in);

		assert_string_equal(json_object_get_string(o), cases[i].out);
		json_object_put(o);
	}
	assert_null(json_text(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deviceinfo_rules),
		cmocka_unit_test(deviceinfo_refused),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(part_of_a_configuration),
		cmocka_unit_test(header_version),
		cmocka_unit_test(in_a_function),
		cmocka_unit_test_setup_teardown(small_tree, make_box, remove_box),
		cmocka_unit_test_setup_teardown(one_device_alone, make_box, remove_box),
		cmocka_unit_test_setup_teardown(fresh_is_not_kept, make_box, remove_box),
		cmocka_unit_test_setup_teardown(kept_and_stale, make_box, remove_box),
		cmocka_unit_test_setup_teardown(nothing_there, make_box, remove_box),
		cmocka_unit_test_setup_teardown(damaged_blocks, make_box, remove_box),
		cmocka_unit_test(json_of_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
