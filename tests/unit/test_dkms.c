// SPDX-License-Identifier: GPL-3.0-or-later
/* What the variables of a dkms.conf mean for one kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/module/dkms.h"
#include "pmkmod/util/exit_codes.h"

#define WHOLE "PACKAGE_NAME=n PACKAGE_VERSION=1\nBUILT_MODULE_NAME=m DEST_MODULE_LOCATION=/extra\n"

static int apply(struct dkms_conf *c, const char *text, const char *release, const char *arch,
	const struct kconfig *config, const char *folder, struct err *e)
{
	struct dkms_kernel k = {.kernelver = release,
		.arch = arch,
		.source_dir = "/headers",
		.dkms_tree = "/var/lib/dkms",
		.config = config};
	struct dkms_vars vars;
	const char *why;
	int rc;

	err_clear(e);
	assert_int_equal(dkms_read_text(&vars, text, strlen(text), "dkms.conf", &k, &why, e), 0);
	rc = dkms_apply(c, &vars, &k, folder, "dkms.conf", e);
	dkms_vars_free(&vars);
	return rc;
}

/* Bounds and patterns: which kernels are kept out, and that the sentence says why. */
static void excluded(void **state)
{
	static const struct {
		const char *text, *release, *arch, *says; /* NULL: not excluded */
	} cases[] = {
		{"", "6.6.1-lts", "aarch64", NULL},
		{"BUILD_EXCLUSIVE_KERNEL_MIN=6.6", "6.6.1-lts", "aarch64", NULL},
		{"BUILD_EXCLUSIVE_KERNEL_MIN=6.6", "6.6.0", "aarch64", NULL},
		{"BUILD_EXCLUSIVE_KERNEL_MIN=3.5", "3.5-rc2", "aarch64", NULL},
		{"BUILD_EXCLUSIVE_KERNEL_MIN=7.1", "7.1.0-rc1-sdm845", "aarch64", NULL},
		{"BUILD_EXCLUSIVE_KERNEL_MIN=6.10", "6.9.3", "aarch64",
			"the kernel is 6.9.3, and it is for 6.10 and later"},
		{"BUILD_EXCLUSIVE_KERNEL_MAX=6.6", "6.6.1", "aarch64", "6.6 and before"},
		{"BUILD_EXCLUSIVE_KERNEL_MAX=6.6.1", "6.6.1-lts", "aarch64", "6.6.1 and before"},
		{"BUILD_EXCLUSIVE_KERNEL_MAX=6.6.1", "6.6.1", "aarch64", NULL},
		{"BUILD_EXCLUSIVE_KERNEL_MAX=4.12", "4.12-rc1", "aarch64", "4.12 and before"},
		{"BUILD_EXCLUSIVE_KERNEL_MAX=6.10", "6.9.3", "aarch64", NULL},
		{"OBSOLETE_BY=6.6", "6.5.9", "aarch64", NULL},
		{"OBSOLETE_BY=6.6", "6.6.1", "aarch64", "OBSOLETE_BY"},
		{"OBSOLETE_BY=6.6 BUILD_EXCLUSIVE_KERNEL_MAX=7", "6.6.1", "aarch64", NULL},
		{"BUILD_EXCLUSIVE_KERNEL='^(5|6)\\.'", "6.6.1", "aarch64", NULL},
		{"BUILD_EXCLUSIVE_KERNEL='^(4|5)\\.'", "6.6.1", "aarch64", "match '^(4|5)\\.'"},
		{"BUILD_EXCLUSIVE_KERNEL=LTS", "6.6.1-lts", "aarch64", "match 'LTS'"},
		{"BUILD_EXCLUSIVE_KERNEL='('", "6.6.1", "aarch64", "match '('"},
		{"BUILD_EXCLUSIVE_ARCH=x86", "6.6.1", "x86_64", NULL},
		{"BUILD_EXCLUSIVE_ARCH=^arm", "6.6.1", "aarch64", "the architecture is aarch64"},
		{"BUILD_EXCLUSIVE_CONFIG='CONFIG_USB CONFIG_SND'", "6.6.1", "aarch64", NULL},
		{"BUILD_EXCLUSIVE_CONFIG=!CONFIG_RUST", "6.6.1", "aarch64", NULL},
		{"BUILD_EXCLUSIVE_CONFIG=!CONFIG_SND", "6.6.1", "aarch64",
			"the kernel has CONFIG_SND=m"},
		{"BUILD_EXCLUSIVE_CONFIG='CONFIG_USB CONFIG_RUST'", "6.6.1", "aarch64",
			"the kernel has no CONFIG_RUST"},
		{"BUILD_EXCLUSIVE_CONFIG=CONFIG_HZ", "6.6.1", "aarch64", "CONFIG_HZ set to"},
		{"BUILD_EXCLUSIVE_CONFIG=USB", "6.6.1", "aarch64", "no USB"},
	};
	static const char config_text[] = "CONFIG_USB=y\nCONFIG_SND=m\nCONFIG_HZ=250\n";
	struct kconfig *config = NULL;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(kconfig_parse(&config, config_text, sizeof(config_text) - 1, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = xasprintf("%s%s\n", WHOLE, cases[i].text);
		struct dkms_conf c;

		assert_int_equal(
			apply(&c, text, cases[i].release, cases[i].arch, config, NULL, &e), 0);
		if (!cases[i].says) {
			assert_null(c.excluded);
		} else {
			assert_non_null(c.excluded);
			assert_non_null(strstr(c.excluded, cases[i].says));
		}
		dkms_conf_free(&c);
	}
	kconfig_free(config);
}

/* Which texts are no dkms.conf, and every sentence about it. */
static void invalid(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "PACKAGE_NAME is missing\n  PACKAGE_VERSION is missing\n  it names no module"},
		{"PACKAGE_NAME=a/b " WHOLE, NULL},
		{WHOLE "PACKAGE_NAME=a/b", "PACKAGE_NAME has a blank, a slash"},
		{WHOLE "PACKAGE_VERSION='1 2'", "PACKAGE_VERSION has a blank"},
		{WHOLE "PACKAGE_VERSION=..", "PACKAGE_VERSION begins with a dot"},
		{WHOLE "BUILT_MODULE_NAME[2]=x DEST_MODULE_LOCATION[2]=/extra",
			"BUILT_MODULE_NAME is missing in record #1\n  DEST_MODULE_LOCATION is "
			"missing in record #1"},
		{WHOLE "BUILT_MODULE_NAME=m.ko", "ends in .o or .ko in record #0"},
		{WHOLE "DEST_MODULE_NAME=m.o", "DEST_MODULE_NAME ends in .o or .ko"},
		{WHOLE "DEST_MODULE_NAME=../m", "DEST_MODULE_NAME has a blank, a slash"},
		{WHOLE "BUILT_MODULE_LOCATION=../x", "leads outside of the source in record #0"},
		{WHOLE "BUILT_MODULE_LOCATION=a/../../x", "leads outside of the source"},
		{WHOLE "BUILT_MODULE_LOCATION=/x", "leads outside of the source"},
		{WHOLE "BUILT_MODULE_NAME=../m", "leads outside of the source"},
		{WHOLE "DEST_MODULE_LOCATION=/lib", "does not begin with /kernel"},
		{WHOLE "DEST_MODULE_LOCATION=/kernel/../../..", "is no folder for modules"},
		{WHOLE "BUILT_MODULE_NAME[1]=m DEST_MODULE_LOCATION[1]=/extra",
			"BUILT_MODULE_NAME 'm' is that of record #0 in record #1"},
		{WHOLE "BUILT_MODULE_NAME[1]=o DEST_MODULE_NAME[1]=m "
		       "DEST_MODULE_LOCATION[1]=/extra",
			"DEST_MODULE_NAME 'm' is that of record #0"},
	};
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dkms_conf c;
		int rc = apply(&c, cases[i].text, "6.6.1", "aarch64", NULL, NULL, &e);

		if (!cases[i].says) {
			assert_int_equal(rc, 0);
			dkms_conf_free(&c);
			continue;
		}
		assert_int_equal(rc, -EINVAL);
		assert_int_equal(e.exit_code, EXIT_BAD_DKMS_CONF);
		assert_non_null(strstr(e.text, cases[i].says));
	}
}

static void modules(void **state)
{
	static const char text[] =
		"PACKAGE_NAME=n PACKAGE_VERSION=1\n"
		"BUILT_MODULE_NAME=(a src/b c)\nBUILT_MODULE_LOCATION=(./x//y '' z/../w/)\n"
		"DEST_MODULE_NAME[2]=d\nDEST_MODULE_LOCATION=(/kernel/drivers/ /extra /updates/)\n"
		"STRIP=(no '' Yes)\nMAKE=make\nBUILD_DEPENDS=('p q' r)\nAUTOINSTALL=true\n"
		"PRE_BUILD='a.sh x'\n";
	static const struct {
		const char *name, *location, *dest_name, *dest;
		bool strip;
	} expected[] = {
		{"a", "x/y/", "a", "/kernel/drivers", false},
		{"b", "src/", "b", "/extra", false},
		{"c", "w/", "d", "/updates", true},
	};
	struct dkms_conf c;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(apply(&c, text, "6.6.1", "aarch64", NULL, NULL, &e), 0);
	assert_int_equal(c.n_modules, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_string_equal(c.modules[i].name, expected[i].name);
		assert_string_equal(c.modules[i].location, expected[i].location);
		assert_string_equal(c.modules[i].dest_name, expected[i].dest_name);
		assert_string_equal(c.modules[i].dest_location, expected[i].dest);
		assert_int_equal(c.modules[i].strip, expected[i].strip);
	}
	assert_string_equal(c.make, "make");
	assert_string_equal(c.pre_build, "a.sh x");
	assert_null(c.post_build);
	assert_int_equal(c.build_depends.n, 3);
	assert_true(c.autoinstall);
	assert_int_equal(c.warnings.n, 2); /* the folder in a name, AUTOINSTALL=true */
	dkms_conf_free(&c);
}

static void commands(void **state)
{
	static const struct {
		const char *text, *make;
		size_t warnings;
	} cases[] = {
		{"", "make -C /headers M=/var/lib/dkms/n/1/build", 0},
		{"MAKE=a", "a", 0},
		{"MAKE=(a b) MAKE_MATCH[1]=^6", "b", 0},
		{"MAKE=(a b) MAKE_MATCH[1]=^5", "a", 0},
		{"MAKE=(a b c) MAKE_MATCH=(^6 ^6 ^5)", "b", 0},
		{"MAKE=(a) MAKE_MATCH=(^5)", "make -C /headers M=/var/lib/dkms/n/1/build", 0},
		{"MAKE=(a b) MAKE_MATCH[1]='('", "a", 1},
		{"MAKE[0]=a MAKE[7]=b MAKE_MATCH[7]=^6", "b", 1},
		{"MAKE='a X=\"b c\"'", "a X=\"b c\"", 1},
		{"MAKE='a $kernelver'", "a $kernelver", 0},
		{"MAKE='a $(uname -r)'", "a $(uname -r)", 1},
		{"MAKE=a CLEAN='make clean' REMAKE_INITRD=yes", "a", 2},
		{"MAKE='a   b'", "a   b", 0},
	};
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = xasprintf("%s%s\n", WHOLE, cases[i].text);
		struct dkms_conf c;

		assert_int_equal(apply(&c, text, "6.6.1", "aarch64", NULL, NULL, &e), 0);
		assert_string_equal(c.make, cases[i].make);
		assert_int_equal(c.warnings.n, cases[i].warnings);
		dkms_conf_free(&c);
	}
}

static void patches(void **state)
{
	static const struct {
		const char *text, *patch; /* NULL: exit code 5 */
		size_t n;
	} cases[] = {
		{"PATCH=a.patch", "patches/a.patch", 1},
		{"PATCH=(a.patch b.patch) PATCH_MATCH[1]=^5", "patches/a.patch", 1},
		{"PATCH=(b.patch a.patch) PATCH_MATCH[0]=^5", "patches/a.patch", 1},
		{"PATCH[0]=a.patch PATCH[9]=a.patch", "patches/a.patch", 2},
		{"PATCH=b.patch BUILD_EXCLUSIVE_KERNEL=^5", "", 0},
		{"PATCH=b.patch", NULL, 0},
		{"PATCH=../a.patch", NULL, 0},
		{"PATCH=../patches/a.patch", NULL, 0},
		{"PATCH=link", NULL, 0},
		{"PATCH=.", NULL, 0},
	};
	char dir[] = "/tmp/pmkmod-dkms.XXXXXX";
	struct err e = ERR_INIT;
	_cleanup_free_ char *folder = NULL, *patch = NULL, *link = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	folder = path_join(dir, "patches");
	patch = path_join(folder, "a.patch");
	link = path_join(folder, "link");
	assert_int_equal(fs_mkdirs(folder, 0755, &e), 0);
	assert_int_equal(fs_write_atomic(patch, "x", 1, 0600, &e), 0);
	assert_int_equal(symlink("/etc/passwd", link), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = xasprintf("%s%s\n", WHOLE, cases[i].text);
		struct dkms_conf c;
		int rc = apply(&c, text, "6.6.1", "aarch64", NULL, dir, &e);

		if (!cases[i].patch) {
			assert_true(rc < 0);
			assert_int_equal(e.exit_code, EXIT_PATCH_PATH);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(c.patches.n, cases[i].n);
		if (c.patches.n > 0)
			assert_string_equal(c.patches.v[0], cases[i].patch);
		dkms_conf_free(&c);
	}
	fs_remove_tree(dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(excluded),
		cmocka_unit_test(invalid),
		cmocka_unit_test(modules),
		cmocka_unit_test(commands),
		cmocka_unit_test(patches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
