// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Two kernels' builds of one module in one repository: who asks for the module gets the one for the
 * kernel that is installed, and a newer kernel brings the newer module with it. (Seen with real
 * apk 2.14.4 and 3.0.6 too.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "chroot/apk/apk_solve.h"
#include "chroot/apk/apk_write.h"
#include "chroot/base/fs.h"
#include "pmkmod/export/export_parts.h"
#include "tests/unit/ko_builder.h"

static char top[] = "/tmp/pmkmod-upgrade-XXXXXX";
static char *in, *out_dir;
static struct apk_signkey *key;
static struct strvec key_dirs, kos;

static char *make_kernel(const char *version)
{
	struct apk_writer *w = apk_writer_new(1);
	struct apk_pkg p = {.name = xstrdup("linux-x"),
		.version = xstrdup(version),
		.arch = xstrdup("aarch64"),
		.license = xstrdup("GPL-2.0-only")};
	char *path = xasprintf("%s/linux-x-%s.apk", in, version);

	assert_int_equal(apk_writer_file(w, "boot/vmlinuz", "k", 1, 0644, NULL), 0);
	assert_int_equal(apk_writer_finish(w, &p, key, path, NULL), 0);
	apk_pkg_free(&p);
	apk_writer_free(w);
	return path;
}

static void add_ko(struct strvec *to, const char *name, const char *const *info)
{
	struct kb_spec spec = {.modinfo = info};
	_cleanup_free_ char *bytes = NULL;
	size_t len;

	bytes = kb_build(&spec, &len);
	strvec_take(to, path_join(in, name));
	assert_int_equal(fs_write_atomic(to->v[to->n - 1], bytes, len, 0644, NULL), 0);
}

static void add_kernel_for(
	const char *version, const char *module, const struct strvec *modules, bool split)
{
	struct export_spec s = {.module = module,
		.ko_paths = modules,
		.split = split,
		.kernel_package = "linux-x",
		.kernel_version = version,
		.kernel_flavor = "x",
		.release = version,
		.arch = "aarch64",
		.key = key,
		.out_dir = in};
	_cleanup_(export_result_free) struct export_result made = {0};
	_cleanup_strvec_ struct strvec apks = {0};
	struct err e = ERR_INIT;

	strvec_take(&apks, make_kernel(version));
	if (export_package(&s, &made, &e) < 0)
		fail_msg("%s", e.text);
	strvec_add(&apks, made.path);
	strvec_add_all(&apks, &made.parts);
	strvec_add(&apks, made.meta_path);
	if (publish(out_dir, "edge", "aarch64", &apks, key, &key_dirs, &e) < 0)
		fail_msg("%s", e.text);
}

static void add_kernel(const char *version)
{
	add_kernel_for(version, "loop2", &kos, false);
}

static void load(struct apk_repo *r)
{
	_cleanup_free_ char *path = path_join(out_dir, "edge/aarch64/APKINDEX.tar.gz"),
			    *bytes = NULL;
	struct err e = ERR_INIT;
	size_t len;

	*r = (struct apk_repo){.url = xstrdup("http://test/edge"), .arch = xstrdup("aarch64")};
	assert_int_equal(fs_read(path, 1 << 20, &bytes, &len, NULL), 0);
	if (apk_index_parse(r, bytes, len, path, NULL, &e) < 0)
		fail_msg("%s", e.text);
}

/* "name version" of each package there will be, sorted by name. */
static char *solve(const struct apk_repo *r, const struct apk_pkg *const *installed,
	size_t n_installed, const char *world, struct apk_solution *sol)
{
	const struct apk_repo *repos[] = {r};
	struct apk_universe u = {repos, 1, installed, n_installed};
	struct apk_deps deps = {0};
	struct strbuf b = {0};
	struct err e = ERR_INIT;

	assert_int_equal(apk_deps_parse(&deps, world, NULL), 0);
	if (apk_solve(&u, &deps, APK_SOLVE_UPGRADE, sol, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < sol->n_all; i++)
		strbuf_addf(&b, "%s %s\n", sol->all[i]->name, sol->all[i]->version);
	apk_deps_free(&deps);
	return strbuf_steal(&b);
}

static void together(void **state)
{
	_cleanup_free_ char *first = NULL, *second = NULL, *held = NULL, *alone = NULL;
	struct apk_solution a = {0}, b = {0}, c = {0}, d = {0};
	struct apk_repo before, after;

	(void)state;
	add_kernel("6.1.9-r0");
	load(&before);
	first = solve(&before, NULL, 0, "linux-x loop2-kmod", &a);
	assert_string_equal(
		first, "linux-x 6.1.9-r0\nloop2-kmod 1.0-r0\nloop2-kmod-x 1.0_p6_p1_p9-r0\n");

	add_kernel("6.2_rc1-r0");
	add_kernel("6.1.10-r0");
	load(&after);
	assert_int_equal(after.n_pkgs, 7);
	second = solve(&after, a.all, a.n_all, "linux-x loop2-kmod", &b);
	assert_string_equal(second,
		"linux-x 6.2_rc1-r0\nloop2-kmod 1.0-r0\nloop2-kmod-x 1.0_p6_p2_p0_rc1-r0\n");
	/* a kernel that is held gets its own module, not the newest */
	held = solve(&after, a.all, a.n_all, "linux-x=6.1.10-r0 loop2-kmod", &c);
	assert_string_equal(
		held, "linux-x 6.1.10-r0\nloop2-kmod 1.0-r0\nloop2-kmod-x 1.0_p6_p1_p10-r0\n");
	/* without the partner no module comes */
	alone = solve(&after, NULL, 0, "linux-x", &d);
	assert_string_equal(alone, "linux-x 6.2_rc1-r0\n");
	apk_solution_free(&a);
	apk_solution_free(&b);
	apk_solution_free(&c);
	apk_solution_free(&d);
	apk_repo_free(&before);
	apk_repo_free(&after);
}

/* Parts come with the whole, go with it, can be had alone, and follow the kernel. */
static void parts(void **state)
{
	static const char *const user[] = {
		"license=GPL", "name=user", "version=2.0", "depends=base", NULL};
	static const char *const base[] = {"license=GPL", "name=base", "version=2.0", NULL};
	_cleanup_free_ char *first = NULL, *second = NULL, *one = NULL, *none = NULL;
	_cleanup_strvec_ struct strvec two = {0};
	struct apk_solution a = {0}, b = {0}, c = {0}, d = {0};
	struct apk_repo before, after, whole;

	(void)state;
	add_ko(&two, "user.ko", user);
	add_ko(&two, "base.ko", base);
	add_kernel_for("7.1.1-r0", "pair", &two, true);
	load(&before);
	first = solve(&before, NULL, 0, "linux-x pair-kmod", &a);
	assert_string_equal(first, "linux-x 7.1.1-r0\n"
				   "pair-kmod 2.0-r0\n"
				   "pair-kmod-x 2.0_p7_p1_p1-r0\n"
				   "pair-kmod-x-base 2.0_p7_p1_p1-r0\n"
				   "pair-kmod-x-user 2.0_p7_p1_p1-r0\n");
	none = solve(&before, a.all, a.n_all, "linux-x", &b);
	assert_string_equal(none, "linux-x 7.1.1-r0\n");
	add_kernel_for("7.1.2-r0", "pair", &two, true);
	load(&after);
	second = solve(&after, a.all, a.n_all, "linux-x pair-kmod-x-user", &c);
	assert_string_equal(second, "linux-x 7.1.2-r0\n"
				    "pair-kmod-x-base 2.0_p7_p1_p2-r0\n"
				    "pair-kmod-x-user 2.0_p7_p1_p2-r0\n");
	/* in one package again: what is left of the parts would be the same files twice */
	add_kernel_for("7.1.2-r0", "pair", &two, false);
	load(&whole);
	assert_int_equal(whole.n_pkgs, after.n_pkgs - 2);
	one = solve(&whole, NULL, 0, "linux-x pair-kmod", &d);
	assert_string_equal(
		one, "linux-x 7.1.2-r0\npair-kmod 2.0-r0\npair-kmod-x 2.0_p7_p1_p2-r0\n");
	apk_solution_free(&a);
	apk_solution_free(&b);
	apk_solution_free(&c);
	apk_solution_free(&d);
	apk_repo_free(&before);
	apk_repo_free(&after);
	apk_repo_free(&whole);
}

static bool set_up(void)
{
	static const char *const info[] = {"license=GPL", "version=1.0", NULL};
	struct kb_spec spec = {.modinfo = info};
	_cleanup_free_ char *bytes = NULL, *keys = path_join(top, "keys");
	_cleanup_free_ char *path = path_join(keys, "test.rsa");
	size_t len;

	in = path_join(top, "in");
	out_dir = path_join(top, "repo");
	strvec_add(&key_dirs, keys);
	strvec_take(&kos, path_join(in, "loop2.ko"));
	bytes = kb_build(&spec, &len);
	return fs_mkdirs(keys, 0700, NULL) == 0 && fs_mkdirs(in, 0700, NULL) == 0 &&
	       apk_signkey_generate(path, 2048, NULL) == 0 &&
	       apk_signkey_load(&key, path, NULL) == 0 &&
	       fs_write_atomic(kos.v[0], bytes, len, 0644, NULL) == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(together),
		cmocka_unit_test(parts),
	};
	int r;

	if (!mkdtemp(top) || !set_up())
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	apk_signkey_free(key);
	strvec_free(&key_dirs);
	strvec_free(&kos);
	free(in);
	free(out_dir);
	fs_remove_tree(top, NULL);
	return r;
}
