// SPDX-License-Identifier: GPL-3.0-or-later
/* The module package and its meta package, read back with the reading side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <lzma.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/export/export_parts.h"
#include "pmkmod/kernel/inflate.h"
#include "tests/unit/ko_builder.h"

static char dir[] = "/tmp/pmkmod-package-XXXXXX";
static struct apk_signkey *key;
static struct apk_keys *keys;

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

static struct export_spec spec(const struct strvec *kos)
{
	return (struct export_spec){
		.module = "v4l2loopback",
		.ko_paths = kos,
		.kernel_package = "linux-standin",
		.kernel_version = "6.1.176-r1",
		.kernel_flavor = "standin",
		.release = "6.1.0-50-arm64",
		.arch = "aarch64",
		.compression = KO_PLAIN,
		.source_date = 1700000000,
		.key = key,
		.out_dir = dir,
	};
}

static const char *const info[] = {"license=GPL v2", "description=A loop\tback\ndevice",
	"version=0.12.7", "name=v4l2loopback", NULL};

struct seen {
	struct strvec names, dirs;
	struct strbuf load;
	char *last;
	uint64_t size;
	int64_t mtime;
};

static int on_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	struct seen *s = ctx;

	(void)e;
	strvec_add(en->type == APK_DIR ? &s->dirs : &s->names, en->name);
	assert_int_equal(en->uid, 0);
	assert_int_equal(en->mode, en->type == APK_DIR ? 0755 : 0644);
	s->mtime = en->mtime;
	free(s->last);
	s->last = xstrdup(en->name);
	return 0;
}

static int on_data(void *ctx, const void *p, size_t n, struct err *e)
{
	struct seen *s = ctx;

	(void)e;
	if (strstr(s->last, "modules-load.d"))
		strbuf_add(&s->load, p, n);
	return 0;
}

static void look(const char *path, struct seen *s)
{
	static const struct apk_reader_ops ops = {.entry = on_entry, .data = on_data};
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct err e = ERR_INIT;

	*s = (struct seen){0};
	assert_true(fd >= 0);
	if (apk_read(fd, path, NULL, keys, NULL, &ops, s, &e) < 0)
		fail_msg("%s", e.text);
}

static void seen_free(struct seen *s)
{
	strvec_free(&s->names);
	strvec_free(&s->dirs);
	strbuf_free(&s->load);
	free(s->last);
}

static void deps_are(const struct apk_deps *l, const char *want)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	for (size_t i = 0; i < l->n; i++) {
		_cleanup_free_ char *s = apk_dep_print(&l->v[i]);

		strbuf_addf(&b, "%s%s", i ? " " : "", s);
	}
	assert_string_equal(b.s ? b.s : "", want);
}

static void whole(void **state)
{
	_cleanup_strvec_ struct strvec kos = {0};
	_cleanup_(export_result_free) struct export_result out = {0};
	struct export_spec s = spec(&kos);
	struct apk_control c = {0};
	struct err e = ERR_INIT;
	struct seen seen;

	(void)state;
	strvec_take(&kos, make_ko("v4l2loopback.ko", info));
	s.modules_load = true;
	strvec_add(&s.depends, "videobuf-kmod-standin");
	if (export_package(&s, &out, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(out.name, "v4l2loopback-kmod-standin");
	assert_string_equal(out.version, "0.12.7_p6_p1_p176-r1");
	assert_string_equal(
		path_base(out.path), "v4l2loopback-kmod-standin-0.12.7_p6_p1_p176-r1.apk");
	assert_string_equal(path_base(out.meta_path), "v4l2loopback-kmod-0.12.7-r0.apk");

	assert_int_equal(apk_read_control(out.path, keys, &c, &e), 0);
	assert_string_equal(
		c.pkg.desc, "A loop back device (kernel module for linux-standin 6.1.176-r1)");
	assert_string_equal(c.pkg.license, "GPL-2.0-only");
	assert_string_equal(c.pkg.origin, "v4l2loopback-kmod");
	assert_string_equal(c.pkg.arch, "aarch64");
	assert_int_equal(c.pkg.build_time, 1700000000);
	deps_are(&c.pkg.depends, "linux-standin=6.1.176-r1 videobuf-kmod-standin");
	deps_are(&c.pkg.install_if, "v4l2loopback-kmod linux-standin=6.1.176-r1");
	deps_are(&c.pkg.provides, "");
	apk_control_free(&c);

	look(out.path, &seen);
	assert_int_equal(seen.names.n, 2);
	assert_string_equal(seen.names.v[0], "lib/modules/6.1.0-50-arm64/extra/v4l2loopback.ko");
	assert_string_equal(seen.names.v[1], "usr/lib/modules-load.d/v4l2loopback-kmod.conf");
	assert_string_equal(seen.load.s, "v4l2loopback\n");
	assert_int_equal(seen.mtime, 1700000000);
	seen_free(&seen);

	assert_int_equal(apk_read_control(out.meta_path, keys, &c, &e), 0);
	assert_string_equal(c.pkg.name, "v4l2loopback-kmod");
	assert_true(c.pkg.installed_size > 0); /* 0 would be virtual */
	deps_are(&c.pkg.depends, "");
	deps_are(&c.pkg.install_if, "");
	assert_null(strstr(c.pkg.desc, "6.1"));
	apk_control_free(&c);
	look(out.meta_path, &seen);
	assert_int_equal(seen.names.n, 0);
	seen_free(&seen);
	strvec_free(&s.depends);
}

/* The same again gives the same bytes; another kernel gives the same meta package. */
static void reproducible(void **state)
{
	_cleanup_strvec_ struct strvec kos = {0};
	struct export_spec s = spec(&kos);
	struct export_result out;
	struct hash module[3], meta[3];

	(void)state;
	strvec_take(&kos, make_ko("v4l2loopback.ko", info));
	s.compression = KO_ZSTD;
	for (int i = 0; i < 3; i++) {
		if (i == 2) {
			s.kernel_version = "6.18.55-r0";
			s.kernel_package = "linux-other";
			s.kernel_flavor = "other";
			s.release = "6.18.55-other";
			s.source_date = 1800000000;
		}
		assert_int_equal(export_package(&s, &out, NULL), 0);
		assert_int_equal(hash_file(AT_FDCWD, out.path, HASH_SHA256, &module[i], NULL), 0);
		assert_int_equal(
			hash_file(AT_FDCWD, out.meta_path, HASH_SHA256, &meta[i], NULL), 0);
		unlink(out.path);
		unlink(out.meta_path);
		export_result_free(&out);
	}
	assert_true(hash_eq(&module[0], &module[1]));
	assert_false(hash_eq(&module[0], &module[2]));
	assert_true(hash_eq(&meta[0], &meta[1]));
	assert_true(hash_eq(&meta[0], &meta[2]));
}

static void with_userspace_and_facts(void **state)
{
	_cleanup_strvec_ struct strvec kos = {0};
	_cleanup_(export_result_free) struct export_result out = {0};
	struct kernel_facts facts = {0};
	struct export_spec s = spec(&kos);
	struct apk_control c = {0};
	struct seen seen;

	(void)state;
	strvec_take(&kos, make_ko("snd-thing.ko", info));
	strvec_take(&kos, make_ko("v4l2loopback.ko", info));
	strvec_add(&facts.modules, "kernel/drivers/media/v4l2loopback.ko.zst");
	s.facts = &facts;
	s.usr_merge = true;
	s.compression = KO_XZ;
	s.userspace_package = "v4l-utils";
	s.module_version = "v2.0-rc1";
	s.description = "Given";
	s.license = "MIT";
	assert_int_equal(export_package(&s, &out, NULL), 0);
	assert_null(out.meta_path);
	assert_string_equal(out.version, "2.0_rc1_p6_p1_p176-r1");
	assert_int_equal(apk_read_control(out.path, keys, &c, NULL), 0);
	deps_are(&c.pkg.install_if, "v4l-utils linux-standin=6.1.176-r1");
	assert_string_equal(c.pkg.license, "MIT");
	apk_control_free(&c);
	look(out.path, &seen);
	assert_int_equal(seen.names.n, 2);
	assert_string_equal(
		seen.names.v[0], "usr/lib/modules/6.1.0-50-arm64/updates/snd-thing.ko.xz");
	assert_string_equal(
		seen.names.v[1], "usr/lib/modules/6.1.0-50-arm64/updates/v4l2loopback.ko.xz");
	seen_free(&seen);
	strvec_free(&facts.modules);
}

static void refused(void **state)
{
	_cleanup_strvec_ struct strvec kos = {0}, none = {0}, garbage = {0};
	struct export_spec s = spec(&kos);
	struct export_result out = {0};
	struct err e = ERR_INIT;

	(void)state;
	strvec_take(&kos, make_ko("a-b.ko", info));
	strvec_take(&kos, make_ko("a_b.ko", info));
	assert_int_equal(export_package(&s, &out, &e), -EEXIST);
	assert_non_null(strstr(e.text, "a-b.ko"));
	assert_non_null(strstr(e.text, "a_b.ko"));
	assert_null(out.path);
	s.ko_paths = &none;
	assert_int_equal(export_package(&s, &out, NULL), -EINVAL);
	s.ko_paths = NULL;
	assert_int_equal(export_package(&s, &out, NULL), -EINVAL);
	strvec_take(&garbage, path_join(dir, "missing.ko"));
	s.ko_paths = &garbage;
	assert_true(export_package(&s, &out, NULL) < 0);
	free(kos.v[1]);
	kos.v[1] = make_ko("c.ko", info);
	s.ko_paths = &kos;
	s.release = "../../../etc";
	assert_int_equal(export_package(&s, &out, NULL), -EINVAL);
	s.release = "6.1";
	s.kernel_version = "nonsense";
	assert_int_equal(export_package(&s, &out, NULL), -EINVAL);
	assert_null(out.path);
	assert_null(out.name);
}

static void long_texts(void **state)
{
	static char text[4000];
	_cleanup_strvec_ struct strvec kos = {0};
	_cleanup_(export_result_free) struct export_result out = {0};
	struct export_spec s = spec(&kos);
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	strvec_take(&kos, make_ko("v4l2loopback.ko", info));
	s.description = text;
	if (export_package(&s, &out, &e) < 0)
		fail_msg("%s", e.text);
}

static void compression(void **state)
{
	_cleanup_strbuf_ struct strbuf data = {0};

	(void)state;
	for (int i = 0; i < 100000; i++)
		strbuf_addf(&data, "%d,", i % 977 * i % 641);
	for (int how = KO_PLAIN; how <= KO_ZSTD; how++)
		for (int empty = 0; empty < 2; empty++) {
			_cleanup_strbuf_ struct strbuf a = {0}, b = {0};
			size_t want = empty ? 0 : data.len, len;
			char *back;

			strbuf_adds(&a, "x"); /* it appends */
			assert_int_equal(
				export_compress((enum ko_compression)how, data.s, want, &a, NULL),
				0);
			assert_int_equal(
				export_compress((enum ko_compression)how, data.s, want, &b, NULL),
				0);
			assert_int_equal(a.len, b.len + 1);
			if (b.len)
				assert_memory_equal(a.s + 1, b.s, b.len);
			if (how == KO_PLAIN || empty)
				continue;
			assert_int_equal(compression_of(b.s, b.len), how);
			if (how == KO_GZIP) /* neither flags, time nor name */
				assert_memory_equal(b.s + 3, "\0\0\0\0\0\x02\x03", 7);
			if (how == KO_XZ)
				assert_int_equal(b.s[7], LZMA_CHECK_CRC32);
			len = b.len;
			back = strbuf_steal(&b);
			assert_int_equal(inflate_in_place(&back, &len, data.len, NULL), 0);
			assert_int_equal(len, data.len);
			assert_memory_equal(back, data.s, len);
			free(back);
		}
}

static void first_key(void **state)
{
	_cleanup_free_ char *d = path_join(dir, "home/keys"), *again = NULL, *pub = NULL;
	struct apk_signkey *a = NULL, *b = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(export_key(d, &a, NULL), 0);
	assert_int_equal(strlen(apk_signkey_name(a)), strlen("pmkmod-01234567.rsa.pub"));
	assert_int_equal(stat(d, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	pub = path_join(d, apk_signkey_name(a));
	again = xstrndup(pub, strlen(pub) - 4);
	assert_int_equal(stat(again, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* a lost public half comes back, a careless mode is mended, the key stays */
	unlink(pub);
	chmod(again, 0644);
	chmod(d, 0755);
	assert_int_equal(export_key(d, &b, NULL), 0);
	assert_string_equal(apk_signkey_name(a), apk_signkey_name(b));
	assert_true(fs_exists(pub));
	assert_int_equal(stat(again, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	apk_signkey_free(a);
	apk_signkey_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(reproducible),
		cmocka_unit_test(with_userspace_and_facts),
		cmocka_unit_test(refused),
		cmocka_unit_test(long_texts),
		cmocka_unit_test(compression),
		cmocka_unit_test(first_key),
	};
	_cleanup_free_ char *path = NULL, *keys_dir = NULL;
	_cleanup_strvec_ struct strvec dirs = {0};
	int r;

	if (!mkdtemp(dir))
		return 1;
	keys_dir = path_join(dir, "keys");
	path = path_join(keys_dir, "test.rsa");
	strvec_add(&dirs, keys_dir);
	if (fs_mkdirs(keys_dir, 0700, NULL) < 0 || apk_signkey_generate(path, 2048, NULL) < 0 ||
		apk_signkey_load(&key, path, NULL) < 0 || apk_keys_load(&keys, &dirs, NULL) < 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	apk_keys_free(keys);
	apk_signkey_free(key);
	fs_remove_tree(dir, NULL);
	return r;
}
