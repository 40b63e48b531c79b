// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>
#include <zlib.h>

#include "chroot/base/fs.h"
#include "pmkmod/kernel/kernel.h"

static struct kconfig *parse(const char *text)
{
	struct err e = ERR_INIT;
	struct kconfig *c = NULL;

	assert_int_equal(kconfig_parse(&c, text, strlen(text), &e), 0);
	return c;
}

static void values(void **state)
{
	static const struct {
		const char *symbol, *value; /* NULL: not set */
	} cases[] = {
		{"SMP", "y"},
		{"SND", "m"},
		{"HZ", "250"},
		{"LOCALVERSION", "-sdm845"},
		{"PHYS", "0x80000000"},
		{"QUOTED", "say \"hi\" \\ there"},
		{"EMPTY", ""},
		{"PREEMPT", NULL},
		{"EXPLICIT_N", NULL},
		{"TWICE", "y"},
		{"CRLF", "y"},
		{"LAST", "y"},
		{"COMMENTED", NULL},
		{"NEVER_HEARD_OF", NULL},
	};
	struct kconfig *c =
		parse("#\n# Automatically generated file; DO NOT EDIT.\n# Linux/arm64 6.1.0 "
		      "Kernel Configuration\n#\nCONFIG_SMP=y\nCONFIG_SND=m\nCONFIG_HZ=250\n"
		      "CONFIG_LOCALVERSION=\"-sdm845\"\nCONFIG_PHYS=0x80000000\n"
		      "CONFIG_QUOTED=\"say \\\"hi\\\" \\\\ there\"\nCONFIG_EMPTY=\"\"\n"
		      "# CONFIG_PREEMPT is not set\nCONFIG_EXPLICIT_N=n\n"
		      "# CONFIG_TWICE is not set\nCONFIG_TWICE=y\nCONFIG_CRLF=y\r\n"
		      "#CONFIG_COMMENTED=y\nSMP2=y\nCONFIG_NOVALUE\nCONFIG_LAST=y");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *v = kconfig_get(c, cases[i].symbol);

		if (cases[i].value)
			assert_string_equal(v, cases[i].value);
		else
			assert_null(v);
	}
	assert_true(kconfig_yes(c, "SMP"));
	assert_false(kconfig_yes(c, "SND"));
	assert_false(kconfig_yes(c, "PREEMPT"));
	assert_true(kconfig_known(c, "PREEMPT"));
	assert_false(kconfig_known(c, "NEVER_HEARD_OF"));
	kconfig_free(c);
}

static void compression(void **state)
{
	static const struct {
		const char *text;
		enum ko_compression want;
	} cases[] = {
		{"CONFIG_MODULES=y\n", KO_PLAIN},
		/* 3.18 to 5.12 */
		{"CONFIG_MODULE_COMPRESS=y\nCONFIG_MODULE_COMPRESS_GZIP=y\n", KO_GZIP},
		{"CONFIG_MODULE_COMPRESS=y\n# CONFIG_MODULE_COMPRESS_GZIP is not set\n"
		 "CONFIG_MODULE_COMPRESS_XZ=y\n",
			KO_XZ},
		/* 5.13 to 6.11 */
		{"CONFIG_MODULE_COMPRESS_NONE=y\n# CONFIG_MODULE_COMPRESS_ZSTD is not set\n",
			KO_PLAIN},
		{"# CONFIG_MODULE_COMPRESS_NONE is not set\nCONFIG_MODULE_COMPRESS_ZSTD=y\n",
			KO_ZSTD},
		/* since 6.12 */
		{"CONFIG_MODULE_COMPRESS=y\nCONFIG_MODULE_COMPRESS_ZSTD=y\n"
		 "CONFIG_MODULE_COMPRESS_ALL=y\n",
			KO_ZSTD},
		{"CONFIG_MODULE_COMPRESS=y\nCONFIG_MODULE_COMPRESS_ZSTD=y\n"
		 "# CONFIG_MODULE_COMPRESS_ALL is not set\n",
			KO_PLAIN},
		{"# CONFIG_MODULE_COMPRESS is not set\n", KO_PLAIN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kconfig *c = parse(cases[i].text);

		assert_int_equal(kconfig_module_compression(c), cases[i].want);
		kconfig_free(c);
	}
}

static void gzipped_file(void **state)
{
	char path[] = "/tmp/pmkmod-kconfig-XXXXXX";
	int fd = mkstemp(path);
	gzFile gz = gzdopen(fd, "wb");
	struct err e = ERR_INIT;
	struct kconfig *c = NULL;
	char *bytes = NULL;
	size_t len = 0;

	(void)state;
	assert_non_null(gz);
	gzputs(gz, "CONFIG_IKCONFIG=y\n");
	gzclose(gz);
	assert_int_equal(kconfig_read(&c, path, &e), 0);
	assert_true(kconfig_yes(c, "IKCONFIG"));
	kconfig_free(c);

	/* cut off in the middle: a sentence, not half a configuration */
	assert_int_equal(fs_read(path, 4096, &bytes, &len, &e), 0);
	assert_int_equal(fs_write_atomic(path, bytes, len / 2, 0600, &e), 0);
	assert_int_equal(kconfig_read(&c, path, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "gzip"));
	free(bytes);
	unlink(path);
}

static void not_a_config(void **state)
{
	struct err e = ERR_INIT;
	struct kconfig *c = NULL;

	(void)state;
	assert_int_equal(kconfig_parse(&c, "<html>", 6, &e), -EINVAL);
	assert_int_equal(kconfig_parse(&c, "", 0, &e), -EINVAL);
	assert_int_equal(kconfig_read(&c, "/nonexistent", &e), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(compression),
		cmocka_unit_test(gzipped_file),
		cmocka_unit_test(not_a_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
