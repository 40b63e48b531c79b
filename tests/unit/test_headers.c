// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/kernel/kernel.h"
#include "pmkmod/kernel/root_path.h"

/*
 * What the layers hold: "layer/path", and either a link's target or a file's content. A content of
 * "ELF <machine>" becomes a 64-bit header; a path ending in '/' is a folder.
 */
struct item {
	const char *path, *content, *link;
};

static char *base; /* made anew for each test */

static int make_base(void **state)
{
	(void)state;
	base = xstrdup("/tmp/pmkmod-headers-XXXXXX");
	return mkdtemp(base) ? 0 : -1;
}

static int drop_base(void **state)
{
	int r = fs_remove_tree(base, NULL);

	(void)state;
	free(base);
	return r;
}

static void write_item(const struct item *it)
{
	char *path = path_join(base, it->path),
	     *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	unsigned char elf[64] = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1};
	struct err e = ERR_INIT;

	assert_int_equal(fs_mkdirs(dir, 0755, &e), 0);
	if (it->link) {
		assert_int_equal(symlink(it->link, path), 0);
	} else if (it->content && starts_with(it->content, "ELF ")) {
		elf[18] = (unsigned char)atoi(it->content + 4);
		assert_int_equal(fs_write_atomic(path, elf, sizeof(elf), 0755, &e), 0);
	} else if (it->content) {
		assert_int_equal(
			fs_write_atomic(path, it->content, strlen(it->content), 0755, &e), 0);
	}
	free(path);
	free(dir);
}

static void write_items(const struct item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		write_item(&items[i]);
}

static struct strvec layers_of(const char *names)
{
	struct strvec words = {0}, out = {0};

	strvec_split(&words, names, " ");
	for (size_t i = 0; i < words.n; i++)
		strvec_take(&out, path_join(base, words.v[i]));
	strvec_free(&words);
	return out;
}

#define UTS(release) "#define UTS_RELEASE \"" release "\"\n"
#define CFG "CONFIG_MODULES=y\nCONFIG_MODVERSIONS=y\n"

static const struct item alpine[] = {
	{"dev/usr/lib/modules/6.18.55-0-lts/build", NULL, "/usr/src/linux-headers-6.18.55-0-lts"},
	{"dev/usr/src/linux-headers-6.18.55-0-lts/Makefile", "all:\n", NULL},
	{"dev/usr/src/linux-headers-6.18.55-0-lts/.config", CFG, NULL},
	{"dev/usr/src/linux-headers-6.18.55-0-lts/Module.symvers",
		"0x1\ta\tvmlinux\tEXPORT_SYMBOL\t\n", NULL},
	{"dev/usr/src/linux-headers-6.18.55-0-lts/include/config/kernel.release", "6.18.55-0-lts\n",
		NULL},
	{"dev/usr/src/linux-headers-6.18.55-0-lts/scripts/basic/fixdep", "ELF 183", NULL},
	{"dev/usr/src/linux-headers-6.18.55-0-lts/scripts/mod/modpost", "ELF 183", NULL},
	{"dev/usr/src/linux-headers-6.18.55-0-lts/scripts/genksyms/genksyms", "ELF 183", NULL},
};

/* Debian's, cut into layers: headers in one, the programs in another, links across. */
static const struct item debian[] = {
	{"hdr/usr/lib/modules/6.1.0-50-arm64/build", NULL, "/usr/src/linux-headers-6.1.0-50-arm64"},
	{"hdr/usr/lib/modules/6.1.0-50-arm64/source", NULL,
		"/usr/src/linux-headers-6.1.0-50-common"},
	{"hdr/usr/src/linux-headers-6.1.0-50-arm64/Makefile", "include x\n", NULL},
	{"hdr/usr/src/linux-headers-6.1.0-50-arm64/.config", CFG, NULL},
	{"hdr/usr/src/linux-headers-6.1.0-50-arm64/include/config/kernel.release", "6.1.176\n",
		NULL},
	{"hdr/usr/src/linux-headers-6.1.0-50-arm64/include/generated/utsrelease.h",
		UTS("6.1.0-50-arm64"), NULL},
	{"hdr/usr/src/linux-headers-6.1.0-50-arm64/scripts", NULL,
		"/usr/lib/linux-kbuild-6.1/scripts"},
	{"hdr/usr/src/linux-headers-6.1.0-50-common/include/linux/module.h", "\n", NULL},
	{"kbuild/usr/lib/linux-kbuild-6.1/scripts/basic/fixdep", "ELF 183", NULL},
	{"kbuild/usr/lib/linux-kbuild-6.1/scripts/mod/modpost", "#!/bin/sh\n", NULL},
	{"kbuild/usr/lib/linux-kbuild-6.1/scripts/genksyms/genksyms", "ELF 183", NULL},
	/* usr-merge in the lowest layer, and a release nobody has headers for */
	{"os/lib", NULL, "usr/lib"},
	{"os/usr/lib/modules/6.1.0-50-arm64/modules.dep", "", NULL},
	{"os/usr/lib/modules/5.10.0/modules.dep", "", NULL},
};

static void find(const char *layers, const char *release, struct kernel_headers *h, int want,
	const char *says)
{
	struct strvec l = layers_of(layers);
	struct err e = ERR_INIT;

	assert_int_equal(kernel_headers_find(h, &l, release, &e), want);
	if (want < 0) {
		assert_int_equal(e.exit_code, 21);
		if (!strstr(e.text, says))
			fail_msg("'%s' lacks '%s'", e.text, says);
	}
	strvec_free(&l);
}

static void alpine_layout(void **state)
{
	char *config = path_join(base, "dev/usr/src/linux-headers-6.18.55-0-lts/.config");
	struct kernel_headers h;

	(void)state;
	write_items(alpine, ARRAY_SIZE(alpine));
	find("dev", "6.18.55-0-lts", &h, 0, "");
	assert_string_equal(h.release, "6.18.55-0-lts");
	assert_string_equal(h.build_dir, "/usr/src/linux-headers-6.18.55-0-lts");
	assert_string_equal(h.config_path, config);
	assert_non_null(h.symvers_path);
	kernel_headers_free(&h);
	find("dev", NULL, &h, 0, "");
	assert_string_equal(h.release, "6.18.55-0-lts");
	kernel_headers_free(&h);
	find("dev", "6.18.54-0-lts", &h, -ENOENT, "releases that are there: 6.18.55-0-lts");
	assert_null(h.release);
	free(config);
}

static void debian_layout(void **state)
{
	struct kernel_headers h;

	(void)state;
	write_items(debian, ARRAY_SIZE(debian));
	find("hdr kbuild os", NULL, &h, 0, "");
	assert_string_equal(h.release, "6.1.0-50-arm64");
	assert_null(h.symvers_path);
	kernel_headers_free(&h);
	find("os kbuild hdr", "6.1.0-50-arm64", &h, 0, "");
	kernel_headers_free(&h);
	find("os", NULL, &h, -ENOENT, "no kernel headers in these layers");
	find("os hdr", "5.10.0", &h, -ENOENT, "5.10.0");
}

static void doubtful(void **state)
{
	static const struct item renamed[] = {
		{"r/lib/modules/6.6.1/build/Makefile", "", NULL},
		{"r/lib/modules/6.6.1/build/.config", CFG, NULL},
		{"r/lib/modules/6.6.1/build/include/generated/utsrelease.h", UTS("6.6.0"), NULL},
	};
	struct kernel_headers h;

	(void)state;
	write_items(alpine, ARRAY_SIZE(alpine));
	write_items(debian, ARRAY_SIZE(debian));
	write_items(renamed, ARRAY_SIZE(renamed));
	find("dev hdr", NULL, &h, -ENOENT, "several kernels (6.1.0-50-arm64, 6.18.55-0-lts)");
	find("r", "6.6.1", &h, -ENOENT, "those of release 6.6.0");
}

static void programs(void **state)
{
	static const struct {
		struct item change;
		const char *layers, *arch, *config, *says; /* NULL: good */
	} cases[] = {
		{{0}, "hdr kbuild", "aarch64", CFG, NULL},
		{{0}, "hdr", "aarch64", CFG, "fixdep' is missing"},
		{{0}, "hdr kbuild", "x86_64", CFG, "is for aarch64"},
		{{"fix/usr/lib/linux-kbuild-6.1/scripts/genksyms/genksyms", "ELF 62", NULL},
			"fix hdr kbuild", "aarch64", CFG, "genksyms' is for x86_64"},
		{{0}, "fix hdr kbuild", "aarch64", "CONFIG_MODULES=y\n", NULL},
		{{0}, "hdr kbuild", "aarch64", CFG "CONFIG_OBJTOOL=y\n", "objtool"},
		{{0}, "hdr kbuild", "aarch64",
			CFG "CONFIG_FTRACE_MCOUNT_USE_RECORDMCOUNT=y\n"
			    "CONFIG_HAVE_C_RECORDMCOUNT=y\n",
			"recordmcount"},
		{{0}, "hdr kbuild", "aarch64",
			CFG "CONFIG_FTRACE_MCOUNT_USE_PATCHABLE_FUNCTION_ENTRY=y\n"
			    "CONFIG_FTRACE_MCOUNT_RECORD=y\nCONFIG_DYNAMIC_FTRACE=y\n"
			    "CONFIG_HAVE_C_RECORDMCOUNT=y\n",
			NULL},
		{{0}, "hdr kbuild", "aarch64",
			CFG "CONFIG_FTRACE_MCOUNT_RECORD=y\nCONFIG_DYNAMIC_FTRACE=y\n"
			    "CONFIG_HAVE_C_RECORDMCOUNT=y\n",
			"recordmcount"},
		{{"txt/usr/lib/linux-kbuild-6.1/scripts/basic/fixdep", "hello", NULL},
			"txt hdr kbuild", "aarch64", CFG, "neither"},
		{{"circle/usr/lib/linux-kbuild-6.1/scripts/basic/fixdep", NULL, "fixdep"},
			"circle hdr kbuild", "aarch64", CFG, "circle"},
		/* the host has this file; the root has not */
		{{"host/usr/lib/linux-kbuild-6.1/scripts/basic/fixdep", NULL, "/bin/sh"},
			"host hdr kbuild", "x86_64", CFG, "is missing"},
	};

	(void)state;
	write_items(debian, ARRAY_SIZE(debian));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct strvec l = layers_of(cases[i].layers);
		struct kernel_headers h;
		struct kconfig *c = NULL;
		struct err e = ERR_INIT;
		int r;

		if (cases[i].change.path)
			write_item(&cases[i].change);
		assert_int_equal(
			kconfig_parse(&c, cases[i].config, strlen(cases[i].config), &e), 0);
		find("hdr kbuild", NULL, &h, 0, "");
		r = kernel_headers_check_programs(&h, &l, arch_by_name(cases[i].arch), c, &e);
		if (cases[i].says ? r != -ENOEXEC || !strstr(e.text, cases[i].says) : r != 0)
			fail_msg("case %zu: %d '%s'", i, r, e.text);
		kernel_headers_free(&h);
		kconfig_free(c);
		strvec_free(&l);
	}
}

/* Paths over layers, as an overlay would see them. */
static void paths(void **state)
{
	static const struct item items[] = {
		{"top/etc/name", "top", NULL},
		{"low/etc/name", "low", NULL},
		{"low/etc/other", "low", NULL},
		{"top/abs", NULL, "/etc/other"},
		{"top/up", NULL, "../../../../etc/other"},
		{"top/a/b/rel", NULL, "../../etc/./other"},
		{"top/loop", NULL, "loop"},
		{"top/dir", NULL, "/etc"},
		{"top/file", "x", NULL},
		{"low/file/inner", "hidden", NULL},
		/* top has a real folder where low has a link to the host's root */
		{"top/sub/here", "", NULL},
		{"low/sub", NULL, "/"},
		{"top/dangling", NULL, "/bin/sh"},
	};
	static const struct {
		const char *path, *inside, *layer; /* layer NULL: *inside is unused */
		int code;
	} cases[] = {
		{"/etc/name", "/etc/name", "top", 0},
		{"etc//other", "/etc/other", "low", 0},
		{"/abs", "/etc/other", "low", 0},
		{"/up", "/etc/other", "low", 0},
		{"/a/b/rel", "/etc/other", "low", 0},
		{"/dir/../etc/name", "/etc/name", "top", 0},
		{"/dir/other", "/etc/other", "low", 0},
		{"/../../etc/name", "/etc/name", "top", 0},
		{"/sub/here", "/sub/here", "top", 0},
		{"/", "/", "top", 0},
		{"/loop", NULL, NULL, -ELOOP},
		{"/file/inner", NULL, NULL, -ENOTDIR},
		{"/sub/etc", NULL, NULL, -ENOENT},
		{"/sub/bin", NULL, NULL, -ENOENT},
		{"/dangling", NULL, NULL, -ENOENT},
		{"/etc/nothing", NULL, NULL, -ENOENT},
	};
	struct strvec l;

	(void)state;
	write_items(items, ARRAY_SIZE(items));
	l = layers_of("top low");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct root_path p;
		int r = root_path_resolve(&p, &l, cases[i].path);
		char *in_layer;

		if (r != cases[i].code)
			fail_msg("%s: %d", cases[i].path, r);
		if (r < 0)
			continue;
		in_layer = xasprintf("%s/%s%s", base, cases[i].layer, cases[i].inside);
		assert_string_equal(p.inside, cases[i].inside);
		assert_string_equal(p.host, in_layer);
		free(in_layer);
		root_path_free(&p);
	}
	strvec_free(&l);
}

static void whiteouts(void **state)
{
	static const struct item items[] = {
		{"top/etc/kept", "", NULL}, {"low/etc/gone", "", NULL}, {"low/etc/more", "", NULL}};
	char *path = path_join(base, "top/etc/gone"), *all;
	struct strvec l, names = {0};
	struct root_path p;

	(void)state;
	write_items(items, ARRAY_SIZE(items));
	if (mknod(path, S_IFCHR | 0600, makedev(0, 0)) < 0) {
		free(path);
		skip();
	}
	l = layers_of("top low");
	assert_int_equal(root_path_resolve(&p, &l, "/etc/gone"), -ENOENT);
	assert_int_equal(root_path_list(&names, &l, "/etc"), 0);
	all = strvec_join(&names, " ");
	assert_string_equal(all, "kept more");
	assert_int_equal(root_path_list(&names, &l, "/etc/kept"), -ENOTDIR);
	free(all);
	free(path);
	strvec_free(&names);
	strvec_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(alpine_layout, make_base, drop_base),
		cmocka_unit_test_setup_teardown(debian_layout, make_base, drop_base),
		cmocka_unit_test_setup_teardown(doubtful, make_base, drop_base),
		cmocka_unit_test_setup_teardown(programs, make_base, drop_base),
		cmocka_unit_test_setup_teardown(paths, make_base, drop_base),
		cmocka_unit_test_setup_teardown(whiteouts, make_base, drop_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
