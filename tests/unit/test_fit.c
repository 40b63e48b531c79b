// SPDX-License-Identifier: GPL-3.0-or-later
/* Each row: a kernel, a module, and what one point of the report must say. */
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

#define VERMAGIC "6.1.0 SMP mod_unload modversions aarch64"
#define BASE "CONFIG_MODULES=y\nCONFIG_SMP=y\nCONFIG_MODULE_UNLOAD=y\n"
#define CONFIG BASE "CONFIG_MODVERSIONS=y\n"
#define SYMVERS                                                                                    \
	"0x11111111\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t\n"                                    \
	"0x22222222\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n"                                           \
	"0x33333333\tgpl_fn\tvmlinux\tEXPORT_SYMBOL_GPL\t\n"                                       \
	"0x44444444\tns_fn\tvmlinux\tEXPORT_SYMBOL_GPL\tDMA_BUF\n"                                 \
	"0x55555555\tusb_fn\tdrivers/usb/core/usb-core\tEXPORT_SYMBOL\t\n"                         \
	"0x66666666\tkvm_fn\tvmlinux\tEXPORT_SYMBOL_GPL\tmodule:other,mod-*\n"                     \
	"0x66666667\tfor_us\tvmlinux\tEXPORT_SYMBOL_GPL\tmodule:other,test*\n"                     \
	"0x77777777\tlost_fn\tdrivers/lost\tEXPORT_SYMBOL\t\n"
#define ZERO_SYMVERS                                                                               \
	"0x00000000\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t\n"                                    \
	"0x00000000\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n"
#define INFO(...) ((const char *const[]){__VA_ARGS__, NULL})
#define GOOD INFO("license=GPL", "vermagic=" VERMAGIC, "depends=")
#define NEEDS(...) ((const struct kb_symbol[]){__VA_ARGS__, {0}})
#define CRCS(...) ((const struct kb_version[]){__VA_ARGS__, {0}})
#define LAYOUT                                                                                     \
	{                                                                                          \
		"module_layout", 0x11111111                                                        \
	}
#define PRINTK                                                                                     \
	{                                                                                          \
		"printk", 0x22222222                                                               \
	}
#define EXPORTS(...) ((const struct kb_export[]){__VA_ARGS__, {0}})
#define NONE ""

struct row {
	const char *what;
	struct kb_spec ko;
	/* the kernel; NULL: the usual one, NONE: not known */
	const char *config, *symvers, *vermagic, *release, *extra;
	bool no_facts;
	const char *attributes, *image; /* one of facts.builtin_attributes; text in the kernel */
	/* what is expected */
	const char *point;
	enum fit_result result;
	const char *says;
};

static const struct row rows[] = {
	/* machine */
	{"right machine", {.modinfo = GOOD}, .point = "machine", FIT_PASS, "64 bits"},
	{"wrong machine", {.modinfo = GOOD, .machine = EM_X86_64}, .point = "machine", FIT_FAIL,
		"x86_64"},
	{"wrong class", {.modinfo = GOOD, .is32 = true}, .point = "machine", FIT_FAIL, "32-bit"},
	/* structure */
	{"sound", {.modinfo = GOOD}, .point = "structure", FIT_PASS, ""},
	{"common symbol", {.modinfo = GOOD, .common = "buf"}, .point = "structure", FIT_FAIL,
		"-fno-common"},
	{"other struct module", {.modinfo = GOOD, .this_module_size = 128}, .point = "structure",
		FIT_FAIL, "another configuration"},
	{"live patch", {.modinfo = INFO("license=GPL", "livepatch=Y")}, .point = "structure",
		FIT_FAIL, "live patch"},
	{"live patch, wanted", {.modinfo = INFO("license=GPL", "livepatch=Y")},
		.config = CONFIG "CONFIG_LIVEPATCH=y\n", .point = "structure", FIT_PASS, ""},
	{"live patch, 4.4", {.modinfo = INFO("license=GPL", "livepatch=Y")}, .release = "4.4.0",
		.point = "structure", FIT_PASS, ""},
	{"no modules at all", {.modinfo = GOOD}, .config = "CONFIG_SMP=y\n", .point = "structure",
		FIT_FAIL, "CONFIG_MODULES"},
	/* vermagic */
	{"same", {.modinfo = GOOD}, .point = "vermagic", FIT_PASS, "6.1.0"},
	{"derived", {.modinfo = GOOD}, .vermagic = NONE, .point = "vermagic", FIT_PASS, "derived"},
	{"other release with CRCs",
		{.modinfo = INFO("vermagic=6.1.1 SMP mod_unload modversions aarch64"),
			.versions = CRCS(LAYOUT)},
		.point = "vermagic", FIT_PASS, "ignores"},
	{"other release, no __versions",
		{.modinfo = INFO("vermagic=6.1.1 SMP mod_unload modversions aarch64")},
		.point = "vermagic", FIT_FAIL, "6.1.1"},
	{"other release, no MODVERSIONS",
		{.modinfo = INFO("vermagic=6.1.1 SMP mod_unload aarch64"),
			.versions = CRCS(LAYOUT)},
		.vermagic = "6.1.0 SMP mod_unload aarch64", .config = BASE, .point = "vermagic",
		FIT_FAIL, "6.1.1"},
	{"preempt",
		{.modinfo = INFO("vermagic=6.1.0 SMP preempt mod_unload modversions aarch64"),
			.versions = CRCS(LAYOUT)},
		.point = "vermagic", FIT_FAIL, "only the module has 'preempt' (CONFIG_PREEMPT"},
	{"no modversions", {.modinfo = INFO("vermagic=6.1.0 SMP mod_unload aarch64")},
		.point = "vermagic", FIT_FAIL, "only the kernel has 'modversions'"},
	{"trailing blank", {.modinfo = INFO("vermagic=" VERMAGIC " ")}, .point = "vermagic",
		FIT_FAIL, "same pieces"},
	{"none", {.modinfo = INFO("license=GPL")}, .point = "vermagic", FIT_FAIL, "it has none"},
	{"none, forced", {.modinfo = INFO("license=GPL")},
		.config = CONFIG "CONFIG_MODULE_FORCE_LOAD=y\n", .point = "vermagic", FIT_PASS,
		"tainted"},
	{"none, unknown", {.modinfo = INFO("license=GPL")}, .config = NONE, .point = "vermagic",
		FIT_UNKNOWN, "configuration"},
	{"kernel's unknown", {.modinfo = GOOD}, .config = NONE, .vermagic = NONE,
		.point = "vermagic", FIT_UNKNOWN, "its configuration is not known"},
	{"kernel's unknown, not its release", {.modinfo = INFO("vermagic=5.4.0 SMP aarch64")},
		.config = NONE, .vermagic = NONE, .symvers = ZERO_SYMVERS, .point = "vermagic",
		FIT_FAIL, "another release"},
	/* symbols */
	{"found", {.modinfo = GOOD, .undefined = NEEDS({"printk", false})}, .point = "symbols",
		FIT_PASS, "1 symbols"},
	{"not found", {.modinfo = GOOD, .undefined = NEEDS({"nope", false}, {"printk", false})},
		.point = "symbols", FIT_FAIL, "nope"},
	{"weak", {.modinfo = GOOD, .undefined = NEEDS({"nope", true})}, .point = "symbols",
		FIT_PASS, ""},
	{"x86 leftover",
		{.modinfo = GOOD,
			.machine = EM_X86_64,
			.undefined = NEEDS({"_GLOBAL_OFFSET_TABLE_", false})},
		.point = "symbols", FIT_PASS, ""},
	{"arm leftover", {.modinfo = GOOD, .undefined = NEEDS({"_GLOBAL_OFFSET_TABLE_", false})},
		.point = "symbols", FIT_FAIL, "-fno-pie"},
	{"no symvers", {.modinfo = GOOD, .undefined = NEEDS({"printk", false})}, .symvers = NONE,
		.point = "symbols", FIT_UNKNOWN, "Module.symvers"},
	{"by another package", {.modinfo = GOOD, .undefined = NEEDS({"bp_fn", false})},
		.extra = "0x1\tbp_fn\tnet/backport\tEXPORT_SYMBOL\t\n", .point = "symbols",
		FIT_PASS, ""},
	/* crc */
	{"all right",
		{.modinfo = GOOD,
			.undefined = NEEDS({"printk", false}),
			.versions = CRCS(LAYOUT, PRINTK)},
		.point = "crc", FIT_PASS, "all 2"},
	{"one wrong",
		{.modinfo = GOOD,
			.undefined = NEEDS({"printk", false}),
			.versions = CRCS(LAYOUT, {"printk", 0x22222223})},
		.point = "crc", FIT_FAIL, "printk (module 0x22222223, kernel 0x22222222)"},
	{"high bits",
		{.modinfo = GOOD,
			.undefined = NEEDS({"printk", false}),
			.versions = CRCS(LAYOUT, {"printk", 0x122222222})},
		.point = "crc", FIT_FAIL, "damaged"},
	{"module_layout wrong", {.modinfo = GOOD, .versions = CRCS({"module_layout", 1})},
		.point = "crc", FIT_FAIL, "module_layout"},
	{"one missing",
		{.modinfo = GOOD, .undefined = NEEDS({"printk", false}), .versions = CRCS(LAYOUT)},
		.point = "crc", FIT_FAIL, "no CRC for printk"},
	{"empty __versions",
		{.modinfo = GOOD, .undefined = NEEDS({"printk", false}), .empty_versions = true},
		.config = CONFIG "CONFIG_MODULE_FORCE_LOAD=y\n", .point = "crc", FIT_FAIL,
		"no CRC for printk"},
	{"no __versions", {.modinfo = GOOD, .undefined = NEEDS({"printk", false})}, .point = "crc",
		FIT_FAIL, "complete Module.symvers"},
	{"no __versions, 3.4", {.modinfo = GOOD, .undefined = NEEDS({"printk", false})},
		.release = "3.4.5", .point = "crc", FIT_FAIL, "which refuses it;"},
	{"no __versions, forced", {.modinfo = GOOD, .undefined = NEEDS({"printk", false})},
		.config = CONFIG "CONFIG_MODULE_FORCE_LOAD=y\n", .point = "crc", FIT_PASS,
		"CONFIG_MODULE_FORCE_LOAD"},
	{"extended",
		{.modinfo = GOOD,
			.undefined = NEEDS({"printk", false}),
			.ext_versions = true,
			.versions = CRCS(LAYOUT, PRINTK)},
		.point = "crc", FIT_PASS, "all 2"},
	{"no symvers, no CRCs", {.modinfo = GOOD, .undefined = NEEDS({"printk", false})},
		.symvers = NONE, .point = "crc", FIT_FAIL, ""},
	{"no symvers, CRCs",
		{.modinfo = GOOD,
			.undefined = NEEDS({"printk", false}),
			.versions = CRCS(LAYOUT, PRINTK)},
		.symvers = NONE, .point = "crc", FIT_UNKNOWN, "is not there"},
	{"symvers without CRCs, built with it",
		{.modinfo = GOOD,
			.undefined = NEEDS({"printk", false}),
			.versions = CRCS({"module_layout", 0}, {"printk", 0})},
		.symvers = ZERO_SYMVERS, .point = "crc", FIT_FAIL, "printk"},
	{"symvers without CRCs, built elsewhere",
		{.modinfo = GOOD,
			.undefined = NEEDS({"printk", false}),
			.versions = CRCS(LAYOUT, PRINTK)},
		.symvers = ZERO_SYMVERS, .point = "crc", FIT_UNKNOWN, "has none"},
	{"no MODVERSIONS", {.modinfo = GOOD, .undefined = NEEDS({"printk", false})}, .config = BASE,
		.vermagic = "6.1.0 SMP mod_unload aarch64", .point = "crc", FIT_PASS,
		"no MODVERSIONS"},
	{"nothing known",
		{.modinfo = GOOD,
			.undefined = NEEDS({"printk", false}),
			.versions = CRCS(LAYOUT, PRINTK)},
		.config = NONE, .vermagic = NONE, .symvers = NONE, .point = "crc", FIT_UNKNOWN, ""},
	/* licence */
	{"GPL uses GPL", {.modinfo = GOOD, .undefined = NEEDS({"gpl_fn", false})},
		.point = "license", FIT_PASS, "GPL"},
	{"proprietary uses GPL",
		{.modinfo = INFO("license=Proprietary"), .undefined = NEEDS({"gpl_fn", false})},
		.point = "license", FIT_FAIL, "gpl_fn"},
	{"proprietary uses plain",
		{.modinfo = INFO("license=Proprietary"), .undefined = NEEDS({"printk", false})},
		.point = "license", FIT_PASS, "taints"},
	{"no licence uses GPL", {.modinfo = INFO("name=x"), .undefined = NEEDS({"gpl_fn", false})},
		.point = "license", FIT_FAIL, "unspecified"},
	{"MIT is not GPL to the kernel",
		{.modinfo = INFO("license=MIT"), .undefined = NEEDS({"gpl_fn", false})},
		.point = "license", FIT_FAIL, "MIT"},
	{"dual", {.modinfo = INFO("license=Dual MIT/GPL"), .undefined = NEEDS({"gpl_fn", false})},
		.point = "license", FIT_PASS, ""},
	{"proprietary, nothing known",
		{.modinfo = INFO("license=Proprietary"), .undefined = NEEDS({"gpl_fn", false})},
		.symvers = NONE, .point = "license", FIT_UNKNOWN, ""},
	{"proprietary, three columns",
		{.modinfo = INFO("license=Proprietary"), .undefined = NEEDS({"printk", false})},
		.symvers = "0x1\tprintk\tvmlinux\n", .point = "license", FIT_UNKNOWN, ""},
	{"weak, GPL-only, other licence",
		{.modinfo = INFO("license=Proprietary", "name=x"),
			.undefined = NEEDS({"gpl_fn", true})},
		.point = "license", FIT_PASS, "none of its symbols"},
	{"weak, GPL-only, other licence, no CRC",
		{.modinfo = INFO("license=Proprietary", "name=x"),
			.undefined = NEEDS({"gpl_fn", true}),
			.versions = CRCS(LAYOUT)},
		.point = "crc", FIT_PASS, "all 1"},
	/* namespaces */
	{"imported",
		{.modinfo = INFO("license=GPL", "import_ns=X", "import_ns=DMA_BUF"),
			.undefined = NEEDS({"ns_fn", false})},
		.point = "namespace", FIT_PASS, ""},
	{"not imported", {.modinfo = GOOD, .undefined = NEEDS({"ns_fn", false})},
		.point = "namespace", FIT_FAIL, "ns_fn (DMA_BUF)"},
	{"not imported, allowed", {.modinfo = GOOD, .undefined = NEEDS({"ns_fn", false})},
		.config = CONFIG "CONFIG_MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS=y\n",
		.point = "namespace", FIT_PASS, "only notes"},
	{"for others", {.modinfo = GOOD, .undefined = NEEDS({"kvm_fn", false})},
		.point = "namespace", FIT_FAIL, "kvm_fn"},
	{"for us", {.modinfo = GOOD, .undefined = NEEDS({"for_us", false})}, .point = "namespace",
		FIT_PASS, ""},
	{"imports a list of modules", {.modinfo = INFO("license=GPL", "import_ns=module:kvm")},
		.release = "6.16.0", .point = "namespace", FIT_FAIL, "may not be imported"},
	/* depends */
	{"nothing", {.modinfo = GOOD, .undefined = NEEDS({"printk", false})}, .point = "depends",
		FIT_PASS, "no other"},
	{"declared", {.modinfo = INFO("depends=usb-core"), .undefined = NEEDS({"usb_fn", false})},
		.point = "depends", FIT_PASS, "usb_core supplied"},
	{"not declared", {.modinfo = GOOD, .undefined = NEEDS({"usb_fn", false})},
		.point = "depends", FIT_PASS, "without declaring"},
	{"declared in vain",
		{.modinfo = INFO("depends=videodev"), .undefined = NEEDS({"printk", false})},
		.point = "depends", FIT_PASS, "videodev"},
	{"not shipped", {.modinfo = GOOD, .undefined = NEEDS({"lost_fn", false})},
		.point = "depends", FIT_FAIL, "lost"},
	{"no facts", {.modinfo = GOOD, .undefined = NEEDS({"usb_fn", false})}, .no_facts = true,
		.point = "depends", FIT_UNKNOWN, "usb_core"},
	{"other package", {.modinfo = GOOD, .undefined = NEEDS({"bp_fn", false})},
		.extra = "0x1\tbp_fn\tnet/backport\tEXPORT_SYMBOL\t\n", .point = "depends",
		FIT_PASS, "backport"},
	/* exports */
	{"new names", {.modinfo = GOOD, .exports = EXPORTS({"mine", NULL, 1, true})},
		.point = "exports", FIT_PASS, "1 symbols"},
	{"kernel's name", {.modinfo = GOOD, .exports = EXPORTS({"printk", NULL, 1, true})},
		.point = "exports", FIT_FAIL, "printk"},
	{"another module's name", {.modinfo = GOOD, .exports = EXPORTS({"usb_fn", NULL, 1, true})},
		.point = "exports", FIT_PASS, "usb_core"},
	/* signature */
	{"not needed", {.modinfo = GOOD}, .point = "signature", FIT_PASS, "does not ask"},
	{"noted", {.modinfo = GOOD}, .config = CONFIG "CONFIG_MODULE_SIG=y\n", .point = "signature",
		FIT_PASS, "only notes"},
	{"forced", {.modinfo = GOOD}, .config = CONFIG "CONFIG_MODULE_SIG_FORCE=y\n",
		.point = "signature", FIT_FAIL, "MODULE_SIG_FORCE"},
	{"lockdown", {.modinfo = GOOD},
		.config = CONFIG "CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY=y\n",
		.point = "signature", FIT_FAIL, "INTEGRITY"},
	{"lockdown, confidential", {.modinfo = GOOD},
		.config = CONFIG "CONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY=y\n",
		.point = "signature", FIT_FAIL, "CONFIDENTIALITY"},
	{"forced, no message",
		{.modinfo = GOOD,
			.signature = "s\0\0\2\0\0\0\0\0\0\0\0\1~Module signature appended~\n",
			.signature_len = 41},
		.config = CONFIG "CONFIG_MODULE_SIG_FORCE=y\n", .point = "signature", FIT_FAIL,
		"no PKCS#7"},
	{"no message, nobody looks",
		{.modinfo = GOOD,
			.signature = "s\0\0\2\0\0\0\0\0\0\0\0\1~Module signature appended~\n",
			.signature_len = 41},
		.point = "signature", FIT_PASS, "does not ask"},
	{"kind of signature that is none",
		{.modinfo = GOOD,
			.signature = "s\0\0\7\0\0\0\0\0\0\0\0\1~Module signature appended~\n",
			.signature_len = 41},
		.config = CONFIG "CONFIG_MODULE_SIG_FORCE=y\n", .point = "signature", FIT_FAIL,
		"format"},
	{"kind of signature that is none, 6.1 does not insist",
		{.modinfo = GOOD,
			.signature = "s\0\0\7\0\0\0\0\0\0\0\0\1~Module signature appended~\n",
			.signature_len = 41},
		.config = CONFIG "CONFIG_MODULE_SIG=y\n", .point = "signature", FIT_PASS,
		"does not ask"},
	{"kind of signature that is none, 4.19 does not insist",
		{.modinfo = GOOD,
			.signature = "s\0\0\7\0\0\0\0\0\0\0\0\1~Module signature appended~\n",
			.signature_len = 41},
		.config = CONFIG "CONFIG_MODULE_SIG=y\n", .release = "4.19.0", .point = "signature",
		FIT_FAIL, "format"},
	{"broken signature",
		{.modinfo = GOOD,
			.signature = "s\0\0\2\0\0\0\0\0\x7f\0\0\1~Module signature appended~\n",
			.signature_len = 41},
		.config = CONFIG "CONFIG_MODULE_SIG=y\n", .point = "signature", FIT_FAIL,
		"longer than the file"},
	{"Samsung", {.modinfo = GOOD}, .config = CONFIG "CONFIG_TIMA_LKMAUTH=y\n",
		.point = "signature", FIT_UNKNOWN, "TrustZone"},
	{"unknown", {.modinfo = GOOD}, .config = NONE, .point = "signature", FIT_UNKNOWN, ""},
	/* name */
	{"free", {.modinfo = GOOD}, .point = "name", FIT_PASS, "no module of the kernel"},
	{"shipped", {.modinfo = INFO("name=usb_core")}, .point = "name", FIT_PASS, "ships"},
	{"built in", {.modinfo = INFO("name=ext4")}, .point = "name", FIT_UNKNOWN, "built into"},
	{"has parameters", {.modinfo = INFO("name=printk")}, .attributes = "printk.time",
		.point = "name", FIT_FAIL, "has parameters"},
	{"has a version", {.modinfo = INFO("name=ext4")}, .attributes = "ext4", .point = "name",
		FIT_FAIL, "or a version"},
	{"begins alike", {.modinfo = INFO("name=print")}, .attributes = "printk.time",
		.point = "name", FIT_PASS, "no module of the kernel"},
	{"built in, has none", {.modinfo = INFO("name=ext4")}, .attributes = "printk.time",
		.point = "name", FIT_PASS, "without parameters"},
	{"parameters, in the image", {.modinfo = INFO("name=printk")}, .attributes = "printk.time",
		.image = "\x03printk.time", .point = "name", FIT_FAIL, "has parameters"},
	{"parameters under another name", {.modinfo = INFO("name=tree")},
		.attributes = "tree.blimit", .image = "rcutree.blimit", .point = "name", FIT_PASS,
		"no module of the kernel"},
	{"not known", {.modinfo = GOOD}, .no_facts = true, .point = "name", FIT_UNKNOWN, ""},
};

static char folder[] = "/tmp/pmkmod-fit-XXXXXX";

/* Write a module; caller frees the path. */
static char *write_ko(const struct kb_spec *s, const char *name)
{
	char *path = path_join(folder, name);
	struct err e = ERR_INIT;
	size_t len;
	char *bytes = kb_build(s, &len);

	assert_int_equal(fs_write_atomic(path, bytes, len, 0600, &e), 0);
	free(bytes);
	return path;
}

static int make_folder(void **state)
{
	const struct kb_spec shipped = {.modinfo = GOOD};

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	free(write_ko(&shipped, "usb-core.ko"));
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return fs_remove_tree(folder, NULL);
}

/* What a fit_kernel borrows. */
struct kernel {
	struct fit_kernel k;
	struct kconfig *config;
	struct symvers *symvers, *extra;
	struct kernel_facts facts;
	struct kernel_modules_source modules;
	char *image;
};

static const char *choose(const char *given, const char *usual)
{
	return !given ? usual : *given ? given : NULL;
}

static void kernel_make(struct kernel *n, const struct row *r)
{
	const char *config = choose(r->config, CONFIG), *symvers = choose(r->symvers, SYMVERS);
	struct err e = ERR_INIT;

	*n = (struct kernel){.k = {.arch = arch_by_name("aarch64")}};
	n->k.release = choose(r->release, "6.1.0");
	n->k.vermagic = choose(r->vermagic, VERMAGIC);
	if (config)
		assert_int_equal(kconfig_parse(&n->config, config, strlen(config), &e), 0);
	if (symvers) {
		symvers_new(&n->symvers);
		assert_int_equal(symvers_parse(n->symvers, "s", symvers, strlen(symvers), &e), 0);
	}
	if (r->extra) {
		symvers_new(&n->extra);
		assert_int_equal(symvers_parse(n->extra, "x", r->extra, strlen(r->extra), &e), 0);
	}
	strvec_add(&n->facts.modules, "usb-core.ko");
	strvec_add(&n->facts.builtin, "kernel/fs/ext4/ext4.ko");
	if (r->attributes)
		strvec_add(&n->facts.builtin_attributes, r->attributes);
	n->facts.this_module_size = n->facts.layout.size = 64;
	if (r->image) {
		n->image = path_join(folder, "Image");
		n->k.image = n->image;
		assert_int_equal(kernel_file_write(n->image, r->image, strlen(r->image) + 1), 0);
	}
	n->k.config = n->config;
	n->k.symvers = n->symvers;
	n->k.extra = n->extra;
	n->k.facts = r->no_facts ? NULL : &n->facts;
	n->modules.dir = folder;
	n->k.modules = &n->modules;
}

static void kernel_drop(struct kernel *n)
{
	free(n->image);
	kconfig_free(n->config);
	symvers_free(n->symvers);
	symvers_free(n->extra);
	kernel_facts_free(&n->facts);
}

static const struct fit_point *find_point(
	const struct fit_report *r, const char *module, const char *point)
{
	const struct fit_point *found = NULL;

	for (size_t i = 0; i < r->n_points; i++) {
		if (!streq(r->points[i].point, point) || !streq(r->points[i].module, module))
			continue;
		assert_null(found); /* one line a point */
		found = &r->points[i];
	}
	assert_non_null(found);
	return found;
}

static void every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		struct strvec paths = {0};
		struct fit_report report;
		const struct fit_point *p;
		struct err e = ERR_INIT;
		struct kernel n;

		kernel_make(&n, r);
		strvec_take(&paths, write_ko(&r->ko, "test-mod.ko"));
		assert_int_equal(fit_check(&n.k, &paths, &report, &e), 0);
		p = find_point(&report, "test-mod.ko", r->point);
		if (p->result != r->result || !strstr(p->text, r->says))
			fail_msg("%s, %s: %d, '%s'", r->point, r->what, p->result, p->text);
		fit_report_free(&report);
		strvec_free(&paths);
		kernel_drop(&n);
	}
}

static void verdicts(void **state)
{
	const struct {
		struct row r;
		const char *verdict;
	} cases[] = {
		{{.what = "", .ko = {.modinfo = GOOD, .versions = CRCS(LAYOUT)}}, "fits"},
		{{.what = "", .ko = {.modinfo = GOOD, .versions = CRCS(LAYOUT)}, .no_facts = true},
			"fits as far as can be known"},
		{{.what = "", .ko = {.modinfo = GOOD, .versions = CRCS({"module_layout", 5})}},
			"does not fit"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct strvec paths = {0};
		struct fit_report report;
		struct err e = ERR_INIT;
		struct kernel n;
		char *text;

		kernel_make(&n, &cases[i].r);
		strvec_take(&paths, write_ko(&cases[i].r.ko, "v.ko"));
		assert_int_equal(fit_check(&n.k, &paths, &report, &e), 0);
		assert_string_equal(fit_verdict(&report), cases[i].verdict);
		text = fit_report_text(&report);
		assert_true(starts_with(text, "v.ko\n"));
		assert_non_null(strstr(text, cases[i].verdict));
		free(text);
		fit_report_free(&report);
		strvec_free(&paths);
		kernel_drop(&n);
	}
}

/* Modules of one build use each other; and what they do to each other. */
static void together(void **state)
{
	const struct kb_spec a = {.modinfo = INFO("license=Proprietary", "name=a"),
		.exports = EXPORTS({"a_fn", NULL, 0xaaaa, false}, {"a_ns", "A", 0xaaab, true})};
	const struct kb_spec b = {.modinfo = INFO("license=GPL", "name=b", "depends=a"),
		.undefined = NEEDS({"a_fn", false}, {"a_ns", false}, {"gpl_fn", false}),
		.versions =
			CRCS(LAYOUT, {"a_fn", 0xaaaa}, {"a_ns", 0xbad}, {"gpl_fn", 0x33333333})};
	const struct row usual = {0};
	struct strvec paths = {0};
	struct fit_report report;
	struct err e = ERR_INIT;
	struct kernel n;

	(void)state;
	kernel_make(&n, &usual);
	strvec_take(&paths, write_ko(&a, "a.ko"));
	strvec_take(&paths, write_ko(&b, "b.ko"));
	strvec_take(&paths, write_ko(&b, "copy.ko"));
	assert_int_equal(fit_check(&n.k, &paths, &report, &e), 0);
	assert_int_equal(find_point(&report, "b.ko", "symbols")->result, FIT_PASS);
	assert_non_null(
		strstr(find_point(&report, "b.ko", "crc")->text, "a_ns (module 0x00000bad"));
	assert_non_null(strstr(find_point(&report, "b.ko", "namespace")->text, "a_ns (A)"));
	assert_int_equal(find_point(&report, "b.ko", "license")->result, FIT_FAIL);
	assert_non_null(strstr(find_point(&report, "b.ko", "license")->text, "proprietary"));
	assert_int_equal(find_point(&report, "b.ko", "depends")->result, FIT_PASS);
	assert_int_equal(find_point(&report, "b.ko", "name")->result, FIT_FAIL); /* copy.ko */
	fit_report_free(&report);
	strvec_free(&paths);
	kernel_drop(&n);
}

/* A file that is no module is a finding, one that is not there is an error. */
static void unreadable(void **state)
{
	const struct row usual = {0};
	struct strvec paths = {0};
	struct fit_report report;
	struct err e = ERR_INIT;
	struct kernel n;
	char *path = path_join(folder, "text.ko");

	(void)state;
	kernel_make(&n, &usual);
	assert_int_equal(fs_write_atomic(path, "hello", 5, 0600, &e), 0);
	strvec_take(&paths, path);
	assert_int_equal(fit_check(&n.k, &paths, &report, &e), 0);
	assert_int_equal(report.n_fail, 1);
	assert_string_equal(report.points[0].point, "file");
	assert_non_null(strstr(report.points[0].text, "not an ELF file"));
	fit_report_free(&report);
	strvec_add(&paths, "/nonexistent.ko");
	assert_int_equal(fit_check(&n.k, &paths, &report, &e), -ENOENT);
	assert_int_equal(report.n_points, 0);
	strvec_free(&paths);
	kernel_drop(&n);
}

static void unresolved_names(void **state)
{
	const struct kb_spec s = {.modinfo = INFO("name=m"),
		.undefined = NEEDS({"x1", false}, {"x2", false}, {"x3", false}, {"x4", false},
			{"x5", false}, {"x6", false}, {"x7", false}, {"x8", false})};
	const struct row usual = {0};
	struct strvec paths = {0};
	struct fit_report report;
	struct err e = ERR_INIT;
	struct kernel n;

	(void)state;
	kernel_make(&n, &usual);
	strvec_take(&paths, write_ko(&s, "m.ko"));
	assert_int_equal(fit_check(&n.k, &paths, &report, &e), 0);
	assert_int_equal(report.unresolved.n, 8);
	assert_string_equal(report.unresolved.v[7], "m: x8");
	assert_non_null(strstr(find_point(&report, "m.ko", "symbols")->text, "x5 and 3 more"));
	fit_report_free(&report);
	strvec_free(&paths);
	kernel_drop(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(together),
		cmocka_unit_test(unreadable),
		cmocka_unit_test(unresolved_names),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
