// SPDX-License-Identifier: GPL-3.0-or-later
/* The merged view of layers, the closure of modules, and the cpio that libarchive reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/boot/boot_parts.h"
#include "pmkmod/kernel/name_index.h"

#define REL "6.1.0-test"
#define MODS "usr/lib/modules/" REL "/"

static char top[] = "/tmp/pmkmod-initramfs-XXXXXX";

static void put(const char *layer, const char *name, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s/%s", top, layer, name);
	_cleanup_free_ char *dir = xstrndup(path, (size_t)(path_base(path) - path));

	assert_int_equal(fs_mkdirs(dir, 0755, NULL), 0);
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static void put_link(const char *layer, const char *name, const char *to)
{
	_cleanup_free_ char *path = xasprintf("%s/%s/%s", top, layer, name);

	assert_int_equal(symlink(to, path), 0);
}

/* false: this file system or user cannot make one */
static bool put_whiteout(const char *layer, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s/%s", top, layer, name);
	_cleanup_free_ char *dir = xstrndup(path, (size_t)(path_base(path) - path));

	fs_mkdirs(dir, 0755, NULL);
	return mknod(path, S_IFCHR, makedev(0, 0)) == 0;
}

static bool put_xattr(const char *layer, const char *name, const char *xattr)
{
	_cleanup_free_ char *path = xasprintf("%s/%s/%s", top, layer, name);

	return setxattr(path, xattr, "y", 1, 0) == 0;
}

/* "path type size text-or-target" of every entry, a line each */
static char *listing(const char *path)
{
	struct archive *a = archive_read_new();
	struct archive_entry *en;
	struct strbuf b = {0};

	archive_read_support_format_cpio(a);
	assert_int_equal(archive_read_open_filename(a, path, 65536), ARCHIVE_OK);
	while (archive_read_next_header(a, &en) == ARCHIVE_OK) {
		char text[64] = "";
		mode_t type = archive_entry_filetype(en);

		assert_int_equal(archive_entry_uid(en), 0);
		assert_int_equal(archive_entry_gid(en), 0);
		assert_int_equal(archive_entry_nlink(en), 1);
		if (type == AE_IFREG)
			archive_read_data(a, text, sizeof(text) - 1);
		text[strcspn(text, "\n")] = '\0';
		strbuf_addf(&b, "%s %c %s\n", archive_entry_pathname(en),
			type == AE_IFDIR   ? 'd'
			: type == AE_IFLNK ? 'l'
			: type == AE_IFCHR ? 'c'
					   : 'f',
			type == AE_IFLNK ? archive_entry_symlink(en) : text);
	}
	archive_read_free(a);
	return strbuf_steal(&b);
}

static char *make(const char *layers, const char *modules, struct initramfs_result *out)
{
	_cleanup_strvec_ struct strvec names = {0}, l = {0}, m = {0};
	_cleanup_free_ char *path = path_join(top, "out.cpio");
	struct initramfs_spec s = {
		.layers = &l, .release = REL, .modules = &m, .init = "INIT", .path = path};
	struct err e = ERR_INIT;

	strvec_split(&names, layers, " ");
	strvec_split(&m, modules, " ");
	for (size_t i = 0; i < names.n; i++)
		strvec_take(&l, path_join(top, names.v[i]));
	if (initramfs_write(&s, out, &e) < 0)
		fail_msg("%s", e.text);
	return listing(path);
}

static void has(const char *list, const char *line)
{
	_cleanup_free_ char *whole = xasprintf("\n%s\n", line);

	if (strncmp(list, whole + 1, strlen(whole + 1)) != 0 && !strstr(list, whole))
		fail_msg("'%s' is not in:\n%s", line, list);
}

static void has_not(const char *list, const char *part)
{
	if (strstr(list, part))
		fail_msg("'%s' is in:\n%s", part, list);
}

static void layers_merge(void **state)
{
	struct initramfs_result r;
	_cleanup_free_ char *list = NULL;
	bool whiteouts, opaque;

	(void)state;
	put("low", "etc/a", "low a");
	put("low", "etc/b", "low b");
	put("low", "etc/gone", "gone");
	put("low", "etc/was-file", "file");
	put("low", "etc/was-dir/x", "x");
	put("low", "opt/old/x", "x");
	put("low", "gone-dir/x", "x");
	put("low", "usr/bin/sh", "shell");
	put_link("low", "bin", "usr/bin");
	put("top", "etc/a", "top a");
	put("top", "etc/was-file/now-dir", "y");
	put("top", "etc/was-dir", "now file");
	put("top", "opt/new/x", "x");
	whiteouts = put_whiteout("top", "etc/gone") && put_whiteout("top", "gone-dir") &&
		    put_whiteout("top", "never-there");
	opaque = put_xattr("top", "opt", "user.overlay.opaque");
	list = make("top low", "", &r);
	has(list, "etc/a f top a");
	has(list, "etc/b f low b");
	has(list, "etc/was-file d ");
	has(list, "etc/was-file/now-dir f y");
	has(list, "etc/was-dir f now file");
	has_not(list, "etc/was-dir/x");
	has(list, "bin l usr/bin");
	has(list, "opt/new/x f x");
	if (whiteouts) {
		has_not(list, "gone");
		has_not(list, "never-there");
	}
	if (opaque)
		has_not(list, "opt/old");
	if (!whiteouts || !opaque)
		print_message("only partly: whiteouts %d, opaque folders %d\n", whiteouts, opaque);
	initramfs_result_free(&r);
}

static void xattr_whiteouts(void **state)
{
	struct initramfs_result r;
	_cleanup_free_ char *list = NULL;

	(void)state;
	put("xlow", "etc/gone", "gone");
	put("xtop", "etc/gone", "");
	put("xtop", "etc/empty", "");
	if (!put_xattr("xtop", "etc/gone", "user.overlay.whiteout"))
		skip();
	list = make("xtop xlow", "", &r);
	has_not(list, "gone");
	has(list, "etc/empty f ");
	initramfs_result_free(&r);
}

static void a_whole_root(void)
{
	put("root", "sbin/busybox", "b");
	put("root", "boot/vmlinuz", "k");
	put("root", "usr/src/linux/Makefile", "m");
	put("root", "dev/junk", "j");
	put("root", "proc/junk", "j");
	put("root", "init", "the root's own");
	put("root", "etc/init", "stays");
	put("root", "usr/lib/firmware/x.bin", "fw");
	put("root", "usr/lib/modules/5.0-other/kernel/x.ko", "x");
	put("root", MODS "kernel/net/dummy.ko", "dummy");
	put("root", MODS "kernel/net/unused.ko", "unused");
	put("root", MODS "kernel/lib/libcrc.ko.zst", "crc");
	put("root", MODS "kernel/lib/soft-one.ko", "soft");
	put("root", MODS "kernel/lib/soft_dep.ko", "softdep");
	put("root", MODS "kernel/deep/only/unused2.ko", "unused");
	put("root", MODS "build/Makefile", "x");
	put("root", MODS "modules.order", "order");
	put("root", MODS "modules.builtin", "kernel/fs/ext-four.ko\n");
	put("root", MODS "modules.alias",
		"# comment\nalias rtnl-link-dummy dummy\nalias net-pf-* nothing\n");
	put("root", MODS "modules.softdep",
		"# comment\nsoftdep libcrc pre: soft_one post: missing\n");
	put("top2", MODS "extra/my-mod.ko.xz", "mine");
	put("top2", MODS "modules.dep",
		"#\nkernel/net/dummy.ko:\nkernel/net/unused.ko:\nno colon here\n"
		"kernel/lib/libcrc.ko.zst:\nkernel/lib/soft-one.ko: kernel/lib/soft_dep.ko\n"
		"kernel/lib/soft_dep.ko:\nkernel/deep/only/unused2.ko:\n"
		"extra/my-mod.ko.xz: kernel/lib/libcrc.ko.zst\n");
}

static void modules_and_folders(void **state)
{
	struct initramfs_result r;
	_cleanup_free_ char *list = NULL, *by_alias = NULL, *none = NULL;

	(void)state;
	a_whole_root();
	list = make("top2 root", "my_mod ext_four", &r);
	has(list, MODS "extra/my-mod.ko.xz f mine");
	has(list, MODS "kernel/lib/libcrc.ko.zst f crc");
	has(list, MODS "kernel/lib/soft-one.ko f soft");
	has(list, MODS "kernel/lib/soft_dep.ko f softdep");
	has(list, MODS "modules.order f order");
	has_not(list, "unused.ko f");
	has_not(list, "deep");
	has_not(list, "5.0-other");
	has_not(list, "/build");
	has_not(list, "vmlinuz");
	has_not(list, "usr/src/linux");
	has_not(list, "junk");
	has(list, "usr/lib/firmware/x.bin f fw");
	has(list, "etc/init f stays");
	has(list, "init f INIT");
	has_not(list, "the root's own");
	has(list, "dev/console c ");
	has(list, "dev d ");
	has(list, "proc d ");
	has(list, "sys d ");
	has(list, "tmp d ");
	assert_int_equal(r.builtin.n, 1);
	assert_string_equal(r.builtin.v[0], "ext_four");
	assert_true(r.bytes > 1000);
	initramfs_result_free(&r);

	by_alias = make("top2 root", "rtnl-link-dummy", &r);
	has(by_alias, MODS "kernel/net/dummy.ko f dummy");
	has_not(by_alias, "libcrc");
	initramfs_result_free(&r);

	none = make("root", "no_such_module", &r);
	has(none, MODS "modules.order f order");
	has_not(none, ".ko f");
	initramfs_result_free(&r);
}

/* lib/modules without a merged /usr */
static void old_layout(void **state)
{
	struct initramfs_result r;
	_cleanup_free_ char *list = NULL;

	(void)state;
	put("old", "lib/modules/" REL "/kernel/a.ko", "a");
	put("old", "lib/modules/" REL "/kernel/b.ko", "b");
	put("old", "lib/modules/" REL "/modules.dep", "kernel/a.ko:\nkernel/b.ko:\n");
	list = make("old", "a", &r);
	has(list, "lib/modules/" REL "/kernel/a.ko f a");
	has_not(list, "kernel/b.ko f");
	initramfs_result_free(&r);
}

static void unreadable(void **state)
{
	_cleanup_free_ char *path = NULL, *list = NULL;
	struct initramfs_result r;

	(void)state;
	if (geteuid() == 0)
		skip();
	put("unr", "bin/bbsuid", "x");
	path = path_join(top, "unr/bin/bbsuid");
	assert_int_equal(chmod(path, 04111), 0);
	list = make("unr", "", &r);
	has_not(list, "bbsuid");
	assert_int_equal(r.left_out.n, 1);
	assert_string_equal(r.left_out.v[0], "bin/bbsuid");
	initramfs_result_free(&r);
}

static void circles_end(void **state)
{
	struct module_index ix = {
		.dep = xstrdup("a.ko: b.ko\nb.ko: a.ko\n"),
		.softdep = xstrdup("softdep a pre: a b c\nsoftdep\nsoftdep x\n"),
		.alias = xstrdup("alias c c\nalias c d\nalias d c\nalias * e\nalias e f\nalias"),
	};
	_cleanup_strvec_ struct strvec wanted = {0}, paths = {0};

	(void)state;
	strvec_add(&wanted, "a");
	strvec_add(&wanted, "d");
	module_closure(&ix, &wanted, &paths);
	assert_int_equal(paths.n, 2);
	module_index_free(&ix);
	module_closure(&ix, &wanted, &paths);
	assert_int_equal(paths.n, 2);
}

static void module_names(void **state)
{
	(void)state;
	assert_true(module_name_eq("snd-pcm", "snd_pcm"));
	assert_true(module_name_eq("", ""));
	assert_false(module_name_eq("snd", "snd_pcm"));
	assert_false(module_name_eq("snd_pcm", "snd"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layers_merge),
		cmocka_unit_test(xattr_whiteouts),
		cmocka_unit_test(modules_and_folders),
		cmocka_unit_test(old_layout),
		cmocka_unit_test(unreadable),
		cmocka_unit_test(circles_end),
		cmocka_unit_test(module_names),
	};
	int r;

	if (!mkdtemp(top))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	fs_remove_tree(top, NULL);
	return r;
}
