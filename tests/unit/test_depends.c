// SPDX-License-Identifier: GPL-3.0-or-later
/* What modprobe would have to load first, and who else answers to a module's names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/fit/fit.h"
#include "pmkmod/kernel/modules.h"
#include "tests/unit/kernel_file.h"
#include "tests/unit/ko_builder.h"

#define INFO(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NEEDS(...) ((const struct kb_symbol[]){__VA_ARGS__, {0}})
#define EXPORTS(...) ((const struct kb_export[]){__VA_ARGS__, {0}})
#define SYMVERS                                                                                    \
	"0x0\tprintk\tvmlinux\tEXPORT_SYMBOL\n"                                                    \
	"0x0\ta_fn\tdrivers/a\tEXPORT_SYMBOL\n"                                                    \
	"0x0\tleaf_fn\tdrivers/leaf-mod\tEXPORT_SYMBOL\n"                                          \
	"0x0\tbroken_fn\tdrivers/broken\tEXPORT_SYMBOL\n"                                          \
	"0x0\tback_fn\tdrivers/back\tEXPORT_SYMBOL\n"                                              \
	"0x0\tbad_fn\tdrivers/bad\tEXPORT_SYMBOL\n"                                                \
	"0x0\tgone_fn\tdrivers/gone\tEXPORT_SYMBOL\n"                                              \
	"0x0\tloop_fn\tdrivers/loop1\tEXPORT_SYMBOL\n"                                             \
	"0x0\tin_fn\tdrivers/inside\tEXPORT_SYMBOL\n"

/* The kernel's own: a -> b -> leaf-mod; broken -> half -> gone; back -> mine; loop1 <-> loop2. */
static const struct {
	const char *path;
	const char *const *modinfo; /* NULL: no module at all */
} shipped[] = {
	{"kernel/a.ko", INFO("depends=b", "alias=usb:v1234p0001d*ic*", "softdep=pre: soft-one")},
	{"kernel/b.ko", INFO("depends=leaf-mod,inside", "alias=fs-b")},
	{"kernel/leaf-mod.ko", INFO("depends=")},
	{"kernel/broken.ko", INFO("depends=half")},
	{"kernel/half.ko", INFO("depends=gone")},
	{"kernel/back.ko", INFO("depends=mine")},
	{"kernel/loop1.ko", INFO("depends=loop2")},
	{"kernel/loop2.ko", INFO("depends=loop1")},
	{"kernel/soft-one.ko", INFO("depends=half", "alias=helper-*")},
	{"kernel/bad.ko", NULL},
	{"kernel/every.ko", INFO("depends=", "alias=usb:v*p*d*ic08", "alias=mine-too")},
};

static char folder[] = "/tmp/pmkmod-depends-XXXXXX";

static void put(const char *name, const void *bytes, size_t len)
{
	_cleanup_free_ char *path = path_join(folder, name);
	struct err e = ERR_INIT;

	assert_int_equal(fs_write_atomic(path, bytes, len, 0600, &e), 0);
}

static void put_ko(const char *name, const struct kb_spec *spec)
{
	size_t len;
	_cleanup_free_ char *bytes = kb_build(spec, &len);

	put(name, bytes, len);
}

static int make_folder(void **state)
{
	static const char builtin[] = "inside.alias=platform:inside*\0inside.parmtype=x:int";
	_cleanup_free_ char *kernel = NULL;

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	kernel = path_join(folder, "kernel");
	if (fs_mkdirs(kernel, 0700, NULL) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(shipped); i++) {
		const struct kb_spec spec = {.modinfo = shipped[i].modinfo};

		if (shipped[i].modinfo)
			put_ko(shipped[i].path, &spec);
		else
			put(shipped[i].path, "text", 4);
	}
	put("modules.builtin.modinfo", builtin, sizeof(builtin));
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return fs_remove_tree(folder, NULL);
}

enum kernel { ALL, NO_FACTS, NO_TABLE, INSTALLS_NONE, PARTIAL };

struct row {
	const char *what;
	struct kb_spec ko, other; /* other: given beside it, if it has a modinfo */
	enum kernel kernel;
	const char *point;
	enum fit_result result;
	const char *says;
	const char *loads; /* NULL: not looked at */
	const char *image; /* at the end of the kernel's image, '|' for NUL */
};
#define MINE "name=mine", "license=GPL"
#define ONLY(symbol)                                                                               \
	{                                                                                          \
		.modinfo = INFO(MINE, "depends="), .undefined = NEEDS({symbol, false})             \
	}

static const struct row rows[] = {
	{"none", ONLY("printk"), .point = "depends", FIT_PASS, "no other module", ""},
	{"a chain", ONLY("a_fn"), .point = "depends", FIT_PASS,
		"modprobe loads leaf_mod, b, a, half, soft_one", "leaf_mod b a half soft_one"},
	{"a leaf", ONLY("leaf_fn"), .point = "depends", FIT_PASS, "leaf_mod", "leaf_mod"},
	{"built in", ONLY("in_fn"), .point = "depends", FIT_PASS, "inside", ""},
	{"a link is missing", ONLY("broken_fn"), .point = "depends", FIT_FAIL,
		"mine -> broken -> half -> gone: "},
	{"the first link is missing", ONLY("gone_fn"), .point = "depends", FIT_FAIL,
		"symbols of gone, which the kernel package does not ship"},
	{"missing, but weak",
		{.modinfo = INFO(MINE), .undefined = NEEDS({"gone_fn", true}, {"leaf_fn", true})},
		.point = "depends", FIT_PASS, "leaf_mod", "leaf_mod"},
	{"a cycle through it", ONLY("back_fn"), .point = "depends", FIT_FAIL,
		"mine -> back -> mine: "},
	{"a cycle behind it", ONLY("loop_fn"), .point = "depends", FIT_FAIL,
		"mine -> loop1 -> loop2 -> loop1: "},
	{"one that cannot be read", ONLY("bad_fn"), .point = "depends", FIT_UNKNOWN,
		"mine -> bad "},
	{"no facts", ONLY("a_fn"), .kernel = NO_FACTS, .point = "depends", FIT_UNKNOWN,
		"whether the kernel package ships that"},
	{"no table", ONLY("a_fn"), .kernel = NO_TABLE, .point = "depends", FIT_UNKNOWN,
		"mine -> a "},
	{"no table, built in", ONLY("in_fn"), .kernel = NO_TABLE, .point = "depends", FIT_PASS, ""},
	{"no table, missing", ONLY("gone_fn"), .kernel = NO_TABLE, .point = "depends", FIT_FAIL,
		"gone"},
	{"exports of modules not known", ONLY("unheard_fn"), .kernel = PARTIAL, .point = "depends",
		FIT_UNKNOWN, "without Module.symvers"},
	{"no modules installed", ONLY("printk"), .kernel = INSTALLS_NONE, .point = "depends",
		FIT_PASS, "no modules.order"},
	{"no modules installed, needs one", ONLY("leaf_fn"), .kernel = INSTALLS_NONE,
		.point = "depends", FIT_FAIL, "leaf_mod, which Module.symvers names as a module"},
	{"no modules installed, needs a given one", ONLY("o_fn"),
		.other = {.modinfo = INFO("name=other"),
			.exports = EXPORTS({"o_fn", NULL, 0, false})},
		.kernel = INSTALLS_NONE, .point = "depends", FIT_PASS, "other", "other"},
	{"a given one takes the kernel's place", ONLY("a_fn"),
		.other = {.modinfo = INFO("name=a"),
			.exports = EXPORTS({"a_fn", NULL, 0, false}),
			.undefined = NEEDS({"leaf_fn", false})},
		.point = "depends", FIT_PASS, "a", "leaf_mod a"},
	{"it no longer exports that", ONLY("a_fn"),
		.other = {.modinfo = INFO("name=a"),
			.exports = EXPORTS({"new_fn", NULL, 0, false})},
		.point = "depends", FIT_FAIL, "a_fn (a)"},
	{"given ones need each other",
		{.modinfo = INFO(MINE),
			.undefined = NEEDS({"o_fn", false}),
			.exports = EXPORTS({"mine_fn", NULL, 0, false})},
		.other = {.modinfo = INFO("name=other"),
			.undefined = NEEDS({"mine_fn", false}),
			.exports = EXPORTS({"o_fn", NULL, 0, false})},
		.point = "depends", FIT_FAIL, "mine -> other -> mine: "},
	{"a soft one", {.modinfo = INFO(MINE, "softdep=pre: leaf-mod post: nowhere")},
		.point = "depends", FIT_PASS, "nowhere, which it would like", "leaf_mod"},
	{"a soft one by its alias, itself broken",
		{.modinfo = INFO(MINE, "softdep=post: helper-x")}, .point = "depends", FIT_PASS,
		"modprobe loads half, soft_one", "half soft_one"},
	{"two wishes", {.modinfo = INFO(MINE, "softdep=pre: b", "softdep=pre: a")},
		.point = "depends", FIT_PASS, "of its 2 MODULE_SOFTDEP()", "leaf_mod b"},
	{"a soft one that needs it", {.modinfo = INFO(MINE, "softdep=pre: back")},
		.point = "depends", FIT_PASS, "loads back", "back"},
	/* name */
	{"nothing is listed", {.modinfo = INFO(MINE)}, .kernel = INSTALLS_NONE, .point = "name",
		FIT_PASS, "what is built in it does not list"},
	{"nothing is listed, in the image", {.modinfo = INFO(MINE)}, .kernel = INSTALLS_NONE,
		.image = "x|mine.speed|", .point = "name", FIT_UNKNOWN, "has 'mine.speed'"},
	{"nothing is listed, others in the image", {.modinfo = INFO(MINE)}, .kernel = INSTALLS_NONE,
		.image = "|mine.c||mine.||mine.a b||undermine.x|mine.end", .point = "name",
		FIT_PASS, "its image has no parameter"},
	/* alias */
	{"none", {.modinfo = INFO(MINE)}, .point = "alias", FIT_PASS, "it has none"},
	{"new ones", {.modinfo = INFO(MINE, "alias=usb:v9p9*", "alias=usb:v9p8*")},
		.point = "alias", FIT_PASS, "2, which no other module claims"},
	{"the same", {.modinfo = INFO(MINE, "alias=fs-b")}, .point = "alias", FIT_PASS,
		"'fs-b' is also claimed by b, which the kernel package ships"},
	{"the kernel's is wider", {.modinfo = INFO(MINE, "alias=usb:v1234p0001d5ic3")},
		.point = "alias", FIT_PASS, "\"blacklist a\""},
	{"its own is wider", {.modinfo = INFO(MINE, "alias=usb:v1234*")}, .point = "alias",
		FIT_PASS, "claimed by a,"},
	{"two of them", {.modinfo = INFO(MINE, "alias=fs-b", "alias=usb:v1234*")}, .point = "alias",
		FIT_PASS, "'fs-b' and others are also claimed by b, a, which"},
	{"neither is", {.modinfo = INFO(MINE, "alias=usb:v12*d5*")}, .point = "alias", FIT_PASS,
		"1, which no other"},
	{"built in", {.modinfo = INFO(MINE, "alias=platform:inside-2")}, .point = "alias", FIT_PASS,
		"built into the kernel and there before any module: it has bound the device"},
	{"by a given one", {.modinfo = INFO(MINE, "alias=of:x*")},
		.other = {.modinfo = INFO("name=other", "alias=of:xy")}, .point = "alias", FIT_PASS,
		"claimed by other: modprobe loads all that match"},
	{"of the module it takes the place of", {.modinfo = INFO("name=b", "alias=fs-b")},
		.point = "alias", FIT_PASS, "1, which no other"},
	{"the name of another", {.modinfo = INFO(MINE, "alias=leaf-mod")}, .point = "alias",
		FIT_PASS, "its alias 'leaf-mod' is the name of another module"},
	{"its name is another's", {.modinfo = INFO("name=mine_too")}, .point = "alias", FIT_PASS,
		"its name is an alias of every"},
	{"no table", {.modinfo = INFO(MINE, "alias=x")}, .kernel = NO_TABLE, .point = "alias",
		FIT_UNKNOWN, "not at hand"},
	{"no table, none", {.modinfo = INFO(MINE)}, .kernel = NO_TABLE, .point = "alias", FIT_PASS,
		"it has none"},
	{"built-in ones not known", {.modinfo = INFO(MINE, "alias=x")}, .kernel = INSTALLS_NONE,
		.point = "alias", FIT_PASS, "modules.builtin.modinfo"},
};

static void make_facts(struct kernel_facts *f, enum kernel kernel)
{
	*f = (struct kernel_facts){0};
	if (kernel == INSTALLS_NONE)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(shipped); i++)
		strvec_add(&f->modules, shipped[i].path);
	strvec_add(&f->builtin, "kernel/inside.ko");
	f->modules_order = 1;
}

static void look(const struct row *r, const struct fit_report *report, const char *file)
{
	const struct fit_point *p = NULL;
	_cleanup_strbuf_ struct strbuf loads = {0};

	for (size_t i = 0; i < report->n_points; i++)
		if (streq(report->points[i].module, file) &&
			streq(report->points[i].point, r->point)) {
			assert_null(p);
			p = &report->points[i];
		}
	assert_non_null(p);
	if (p->result != r->result || !strstr(p->text, r->says))
		fail_msg("%s, %s: %d, '%s'", r->point, r->what, p->result, p->text);
	for (size_t i = 0; i < report->loads.n; i++)
		if (starts_with(report->loads.v[i], "mine: "))
			strbuf_addf(&loads, "%s%s", loads.len ? " " : "",
				report->loads.v[i] + strlen("mine: "));
	if (r->loads && !streq(r->loads, loads.len ? loads.s : ""))
		fail_msg("%s: loads '%s'", r->what, loads.s);
}

static void every_row(void **state)
{
	const struct kernel_modules_source from = {.dir = folder};
	_cleanup_free_ char *image = path_join(folder, "Image");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		struct fit_kernel k = {.arch = arch_by_name("aarch64"),
			.release = "6.1.0",
			.symvers_partial = r->kernel == PARTIAL,
			.modules = r->kernel == NO_TABLE ? NULL : &from};
		_cleanup_strvec_ struct strvec paths = {0};
		struct symvers *symvers;
		struct kernel_facts facts;
		struct fit_report report;
		struct err e = ERR_INIT;

		symvers_new(&symvers);
		assert_int_equal(symvers_parse(symvers, "s", SYMVERS, strlen(SYMVERS), &e), 0);
		make_facts(&facts, r->kernel);
		k.symvers = symvers;
		k.facts = r->kernel == NO_FACTS ? NULL : &facts;
		if (r->image) {
			size_t len = strlen(r->image);
			_cleanup_free_ char *text = xstrdup(r->image);

			for (char *p = text; (p = strchr(p, '|'));)
				*p++ = '\0';
			k.image = image;
			assert_int_equal(kernel_file_write(image, text, len), 0);
		}
		put_ko("test.ko", &r->ko);
		strvec_take(&paths, path_join(folder, "test.ko"));
		if (r->other.modinfo) {
			put_ko("beside.ko", &r->other);
			strvec_take(&paths, path_join(folder, "beside.ko"));
		}
		assert_int_equal(fit_check(&k, &paths, &report, &e), 0);
		look(r, &report, "test.ko");
		fit_report_free(&report);
		kernel_facts_free(&facts);
		symvers_free(symvers);
	}
}

/* A hundred thousand aliases against a module with as many: an answer, whichever it is, and soon.
 */
static void no_end_of_aliases(void **state)
{
	const struct kernel_modules_source from = {.dir = folder};
	_cleanup_strvec_ struct strvec info = {0}, paths = {0};
	struct kernel_facts facts;
	struct fit_kernel k = {.facts = &facts, .modules = &from};
	struct fit_report report;
	struct err e = ERR_INIT;
	struct kb_spec ko = {0};

	(void)state;
	for (int i = 0; i < 100000; i++)
		strvec_addf(&info, "alias=usb:*%d*%d*", i, i);
	ko.modinfo = (const char *const *)info.v;
	make_facts(&facts, ALL);
	put_ko("test.ko", &ko);
	strvec_take(&paths, path_join(folder, "test.ko"));
	put_ko("beside.ko", &ko);
	strvec_take(&paths, path_join(folder, "beside.ko"));
	assert_int_equal(fit_check(&k, &paths, &report, &e), 0);
	look(&(struct row){.what = "many",
		     .point = "alias",
		     .result = FIT_UNKNOWN,
		     .says = "more than"},
		&report, "test.ko");
	fit_report_free(&report);
	kernel_facts_free(&facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(no_end_of_aliases),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
