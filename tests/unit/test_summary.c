// SPDX-License-Identifier: GPL-3.0-or-later
/* The summary in a package, the report beside it, and what becomes of both when it is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/export/export.h"
#include "pmkmod/export/inspect.h"
#include "pmkmod/fit/fit.h"
#include "pmkmod/util/json.h"
#include "tests/unit/ko_builder.h"

static char dir[] = "/tmp/pmkmod-summary-XXXXXX";
static struct apk_signkey *key;
static struct apk_keys *keys, *nobody;

static struct package_summary sample(void)
{
	return (struct package_summary){.package = xstrdup("a-kmod-x"),
		.version = xstrdup("1_p6_p1_p0-r0"),
		.arch = xstrdup("aarch64"),
		.pmkmod = xstrdup("0.1"),
		.module = xstrdup("a"),
		.source = xstrdup("folder \"x\"\n\xff"),
		.kernel = xstrdup("linux-x"),
		.kernel_version = xstrdup("6.1.0-r0"),
		.kernel_identity = xstrdup("Q1x"),
		.verdict = xstrdup("fits"),
		.exports = 70000,
		.unknown = 3};
}

static void there_and_back(void **state)
{
	struct package_summary s = sample(), back;
	_cleanup_free_ char *text = summary_text(&s), *again = NULL;
	struct err e = ERR_INIT;

	(void)state;
	if (summary_parse(&back, "x", text, strlen(text), &e) < 0)
		fail_msg("%s", e.text);
	again = summary_text(&back);
	assert_string_equal(text, again);
	assert_string_equal(back.kernel_version, "6.1.0-r0");
	/* what is no UTF-8 cannot be in JSON */
	assert_string_equal(back.source, "folder \"x\"\n\xef\xbf\xbd");
	assert_null(back.compiler);
	assert_int_equal(back.exports, 70000);
	assert_int_equal(back.unknown, 3);
	/* no line of it ends a here-document of an aport */
	assert_null(strstr(text, "\nEOF"));
	summary_free(&s);
	summary_free(&back);
}

static void no_summaries(void **state)
{
	static const char *const texts[] = {"", "null", "1", "[]", "{}", "{\"format\": 1}",
		"{\"format\": 1, \"package\": \"a\", \"kernel\": {\"package\": \"b\"}}",
		"{\"format\": 2, \"package\": \"a\", \"kernel\": {\"package\": \"b\", "
		"\"version\": \"1\"}}",
		"{\"format\": 1, \"package\": [], \"kernel\": {\"package\": \"b\", "
		"\"version\": \"1\"}}",
		"{\"format\": 1, \"package\": \"a\", \"kernel\": {\"package\": \"b\", "
		"\"version\": \"1\"}} {}",
		"{\"format\": 1, \"package\": \"a\", \"kernel\": {\"package\": \"b\", "
		"\"version\": \"1\"}",
		"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}"};
	static const char good[] = "{\"format\": 1, \"package\": \"a\", \"more\": [1], \"kernel\": "
				   "{\"package\": \"b\", \"version\": \"1\"}}\n";
	struct package_summary s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct err e = ERR_INIT;

		if (summary_parse(&s, "x", texts[i], strlen(texts[i]), &e) != -EBADMSG)
			fail_msg("taken: %s", texts[i]);
		assert_true(starts_with(e.text, "x is no summary"));
		assert_null(s.package);
	}
	assert_int_equal(summary_parse(&s, "x", good, strlen(good), NULL), 0);
	summary_free(&s);
}

static void report(void **state)
{
	struct fit_report r = {0};
	struct json_object *o, *points;
	const char *text;

	(void)state;
	fit_report_add(&r, "a.ko", "vermagic", FIT_PASS, "good");
	fit_report_add(&r, "a.ko", "symbols", FIT_FAIL,
		"b\xff"
		"ad");
	fit_report_add(&r, "b.ko", "crc", FIT_UNKNOWN, "who knows");
	strvec_add(&r.unresolved, "a.ko: lost");
	o = fit_report_json(&r);
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	assert_string_equal(text,
		"{\"verdict\":\"does not fit\",\"pass\":1,\"fail\":1,\"unknown\":1,\"points\":["
		"{\"module\":\"a.ko\",\"point\":\"vermagic\",\"result\":\"pass\",\"text\":\"good\"},"
		"{\"module\":\"a.ko\",\"point\":\"symbols\",\"result\":\"fail\",\"text\":"
		"\"b\xef\xbf\xbd"
		"ad\"},"
		"{\"module\":\"b.ko\",\"point\":\"crc\",\"result\":\"unknown\",\"text\":"
		"\"who knows\"}],\"unresolved\":[\"a.ko: lost\"],\"loads\":[]}");
	assert_true(json_object_object_get_ex(o, "points", &points));
	assert_int_equal(json_object_array_length(points), 3);
	json_object_put(o);
	fit_report_free(&r);
}

/* ---- a package with one ---- */

/* `at_start`: one that is loaded at each start, for two reasons */
static void export_one(struct export_result *out, struct package_summary *summary, bool at_start)
{
	const char *const info[] = {"license=GPL", "version=1", "name=a", "alias=devname:a",
		at_start ? "alias=usb:v1234p*" : NULL, NULL};
	struct kb_spec k = {.modinfo = info};
	_cleanup_free_ char *ko = path_join(dir, "a.ko"), *bytes = NULL;
	_cleanup_strvec_ struct strvec kos = {0};
	struct export_spec s = {.module = "a",
		.ko_paths = &kos,
		.kernel_package = "linux-x",
		.kernel_version = "6.1.0-r0",
		.kernel_flavor = "x",
		.release = "6.1.0-x",
		.arch = "aarch64",
		.summary = summary,
		.modules_load = at_start,
		.source_date = 1700000000,
		.key = key,
		.out_dir = dir};
	struct err e = ERR_INIT;
	size_t len;

	bytes = kb_build(&k, &len);
	assert_int_equal(fs_write_atomic(ko, bytes, len, 0644, NULL), 0);
	strvec_add(&kos, ko);
	if (export_package(&s, out, &e) < 0)
		fail_msg("%s", e.text);
}

static void write_report(const struct export_result *made, const struct hash *identity)
{
	_cleanup_free_ char *id = apk_identity_text(identity);
	_cleanup_free_ char *path = publish_report_path(made->path);
	_cleanup_free_ char *text = xasprintf("{\"identity\": \"%s\"}\n", id);

	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static void inspected(void **state)
{
	struct package_summary s = sample();
	struct export_result made;
	struct hash other = {0};
	struct inspection i;
	struct err e = ERR_INIT;

	(void)state;
	export_one(&made, &s, false);
	write_report(&made, &made.identity);
	if (inspect_package(&i, made.path, keys, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(i.by_pmkmod && i.has_summary && !i.untrusted && !i.altered);
	assert_true(hash_eq(&i.c.pkg.identity, &made.identity));
	/* the package says itself which it is */
	assert_string_equal(i.summary.package, made.name);
	assert_string_equal(i.summary.version, made.version);
	assert_string_equal(i.summary.module_version, "1");
	assert_int_equal(i.n_modules, 1);
	assert_string_equal(i.modules[0].name, "a");
	assert_string_equal(i.modules[0].license, "GPL");
	assert_non_null(i.report);
	assert_null(i.autoload);
	assert_false(i.by_hardware);
	inspection_free(&i);
	/* for whom the key is a stranger's */
	assert_int_equal(inspect_package(&i, made.path, nobody, &e), 0);
	assert_true(i.untrusted && !i.altered && i.has_summary && i.c.signers.n == 1);
	assert_string_equal(i.c.signers.v[0], "summary.rsa.pub");
	inspection_free(&i);
	hash_buf(HASH_SHA1, "x", 1, &other);
	write_report(&made, &other);
	assert_int_equal(inspect_package(&i, made.path, keys, &e), 0);
	assert_null(i.report);
	inspection_free(&i);
	export_result_free(&made);
	export_one(&made, &s, true);
	assert_int_equal(inspect_package(&i, made.path, keys, &e), 0);
	assert_string_equal(i.autoload, "usr/lib/modules-load.d/a-kmod.conf");
	assert_true(i.by_hardware);
	inspection_free(&i);
	export_result_free(&made);
	summary_free(&s);
}

static int report_is(const char *repo, const struct export_result *made, const char *what)
{
	_cleanup_free_ char *apk = xasprintf("%s/edge/aarch64/%s", repo, path_base(made->path));
	_cleanup_free_ char *path = publish_report_path(apk), *text = NULL;
	size_t len;

	return fs_read(path, 4096, &text, &len, NULL) == 0 && strstr(text, what) != NULL;
}

/* The report goes where the package goes, and is renewed when the package is the same. */
static void published(void **state)
{
	_cleanup_free_ char *repo = path_join(dir, "packages");
	_cleanup_strvec_ struct strvec apks = {0}, dirs = {0};
	struct package_summary s = sample();
	struct export_result made;
	struct hash first;
	struct err e = ERR_INIT;

	(void)state;
	strvec_add(&dirs, dir);
	export_one(&made, &s, false);
	strvec_add(&apks, made.path);
	for (int round = 0; round < 2; round++) {
		_cleanup_free_ char *id = NULL;

		hash_buf(HASH_SHA1, round ? "b" : "a", 1, &first);
		id = apk_identity_text(&first);
		write_report(&made, &first);
		if (publish(repo, "edge", "aarch64", &apks, key, &dirs, &e) < 0)
			fail_msg("%s", e.text);
		assert_true(report_is(repo, &made, id));
	}
	export_result_free(&made);
	summary_free(&s);
}

static int set_up(void **state)
{
	_cleanup_strvec_ struct strvec dirs = {0}, none = {0};
	_cleanup_free_ char *path = NULL;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	path = path_join(dir, "summary.rsa");
	strvec_add(&dirs, dir);
	return apk_signkey_generate(path, 2048, NULL) < 0 ||
	       apk_signkey_load(&key, path, NULL) < 0 || apk_keys_load(&keys, &dirs, NULL) < 0 ||
	       apk_keys_load(&nobody, &none, NULL) < 0;
}

static int tear_down(void **state)
{
	(void)state;
	apk_signkey_free(key);
	apk_keys_free(keys);
	apk_keys_free(nobody);
	return fs_remove_tree(dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(no_summaries),
		cmocka_unit_test(report),
		cmocka_unit_test(inspected),
		cmocka_unit_test(published),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
