// SPDX-License-Identifier: GPL-3.0-or-later
/* Which programs of a native package may stand for the phone's, and which must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <elf.h>
#include <unistd.h>

#include "chroot/apk/apk_write.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/native_helpers.h"

#define SCRIPTS "usr/src/linux-headers-6.12-lts/scripts/"
#define CLASS "#define KERNEL_ELFCLASS ELFCLASS64\n"
#define OFFSETS "#define OFF_usb_device_id_match_flags 0\n"

static char dir[64];
static struct apk_signkey *key;

static int setup(void **state)
{
	_cleanup_free_ char *path = NULL;

	(void)state;
	strcpy(dir, "/tmp/test_native_helpers.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	path = path_join(dir, "test.rsa");
	return apk_signkey_generate(path, 2048, NULL) || apk_signkey_load(&key, path, NULL);
}

static int teardown(void **state)
{
	(void)state;
	apk_signkey_free(key);
	return fs_remove_tree(dir, NULL);
}

/* As much of a program as says whose it is. */
static Elf64_Ehdr program_for(uint16_t machine)
{
	Elf64_Ehdr h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = machine,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(h),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_shentsize = sizeof(Elf64_Shdr)};

	return h;
}

/* Neither the phone's nor this machine's. */
static uint16_t foreign(void)
{
	return arch_native()->elf_machine == EM_S390 ? EM_PPC64 : EM_S390;
}

static const struct arch_info *phone(void)
{
	return arch_by_name(arch_native() == arch_by_name("aarch64") ? "x86_64" : "aarch64");
}

struct files {
	const char *name, *text; /* text NULL: a program, for `machine` */
	uint16_t machine;
};

static void lay_out(const char *folder, const struct files *f)
{
	for (; f->name; f++) {
		_cleanup_free_ char *path = path_join(folder, f->name);
		_cleanup_free_ char *parent = xstrndup(path, (size_t)(path_base(path) - path) - 1);
		Elf64_Ehdr elf = program_for(f->machine);

		assert_int_equal(fs_mkdirs(parent, 0755, NULL), 0);
		assert_int_equal(fs_write_scratch(path, f->text ? f->text : (const char *)&elf,
					 f->text ? strlen(f->text) : sizeof(elf), 0755, NULL),
			0);
	}
}

static void pack(const char *path, const struct files *f)
{
	struct apk_writer *w = apk_writer_new(1700000000);
	struct apk_pkg p = {.build_time = 1700000000};

	p.name = (char *)"linux-lts-dev";
	p.version = (char *)"6.12-r0";
	p.arch = (char *)(uintptr_t)arch_native()->alpine;
	p.desc = p.url = p.license = (char *)"x";
	for (; f->name; f++) {
		Elf64_Ehdr elf = program_for(f->machine);

		assert_int_equal(apk_writer_file(w, f->name, f->text ? f->text : (const char *)&elf,
					 f->text ? strlen(f->text) : sizeof(elf), 0755, NULL),
			0);
	}
	assert_int_equal(apk_writer_finish(w, &p, key, path, NULL), 0);
	apk_writer_free(w);
}

/* What is taken of a package with `theirs` for a kernel layer with `ours`: base names, sorted. */
static char *taken(const char *name, const struct files *ours, const struct files *theirs)
{
	static const char *const looked_for[] = {SCRIPTS "basic/fixdep",
		SCRIPTS "genksyms/genksyms", SCRIPTS "mod/modpost",
		SCRIPTS "mod/modpost.real-lsb-32", SCRIPTS "mod/modpost.real-lsb-64",
		SCRIPTS "mod/elfconfig.h", SCRIPTS "bin2c"};
	_cleanup_free_ char *base = path_join(dir, name), *kernel = path_join(base, "kernel");
	_cleanup_free_ char *to = path_join(base, "to"), *apk = path_join(base, "x.apk");
	struct strbuf b = {0};

	assert_int_equal(fs_mkdirs(to, 0755, NULL), 0);
	lay_out(kernel, ours);
	pack(apk, theirs);
	assert_int_equal(native_helpers_take(apk, NULL, phone(), kernel, to, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(looked_for); i++) {
		_cleanup_free_ char *path = path_join(to, looked_for[i]);

		if (fs_exists(path))
			strbuf_addf(&b, "%s ", path_base(path));
	}
	strbuf_adds(&b, "");
	return strbuf_steal(&b);
}

static void paths_and_kinds(void **state)
{
	static const struct {
		const char *path;
		enum helper_kind kind;
	} all[] = {
		{SCRIPTS "basic/fixdep", HELPER_ANY_TARGET},
		{SCRIPTS "genksyms/genksyms", HELPER_ANY_TARGET},
		{SCRIPTS "recordmcount", HELPER_ANY_TARGET},
		{SCRIPTS "mod/modpost", HELPER_MODPOST},
		{SCRIPTS "mod/modpost.real-lsb-64", HELPER_MODPOST},
		{SCRIPTS "mod/modpost.real-lsb-64/x", HELPER_NONE},
		{SCRIPTS "mod/modpost.c", HELPER_NONE},
		{SCRIPTS "basic/fixdep.c", HELPER_NONE},
		{SCRIPTS "sign-file", HELPER_NONE},
		{"usr/src/x/tools/objtool/objtool", HELPER_NONE},
		{"lib/linux-kbuild-6.1/scripts/basic/fixdep", HELPER_NONE},
		{"scripts/basic/fixdep", HELPER_NONE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (helper_kind(all[i].path) != all[i].kind)
			fail_msg("%s", all[i].path);
}

static void a_modpost_says_by_its_name_what_it_is_for(void **state)
{
	const struct arch_info *a64 = arch_by_name("aarch64"), *a32 = arch_by_name("armv7");
	const struct arch_info *x64 = arch_by_name("x86_64"), *x32 = arch_by_name("x86");

	(void)state;
	assert_int_equal(helper_modpost_target("x/modpost", a64, x64), 0);
	assert_int_equal(helper_modpost_target("x/modpost.real-lsb-64", a64, x64), 1);
	assert_int_equal(helper_modpost_target("x/modpost.real-lsb-64", a32, x64), -1);
	assert_int_equal(helper_modpost_target("x/modpost.real-msb-64", a64, x64), -1);
	assert_int_equal(helper_modpost_target("x/modpost.real-lsb-640", a64, x64), -1);
	/* Debian's amd64 has 16 bytes for an amba_id, which are 12 on ARM */
	assert_int_equal(helper_modpost_target("x/modpost.real-lsb-32", a32, x64), -1);
	assert_int_equal(helper_modpost_target("x/modpost.real-lsb-32", a32, x32), -1);
	assert_int_equal(helper_modpost_target("x/modpost.real-lsb-64", a64, x32), -1);
}

#define PHONES phone()->elf_machine
#define NATIVE arch_native()->elf_machine

/* Alpine's: the generated headers are in the packages, and decide about modpost. */
static void same_headers_same_modpost(void **state)
{
	const struct files ours[] = {{SCRIPTS "basic/fixdep", NULL, PHONES},
		{SCRIPTS "mod/modpost", NULL, PHONES}, {SCRIPTS "mod/elfconfig.h", CLASS, 0},
		{SCRIPTS "mod/devicetable-offsets.h", OFFSETS, 0}, {NULL, NULL, 0}};
	const struct files theirs[] = {{SCRIPTS "basic/fixdep", NULL, NATIVE},
		{SCRIPTS "bin2c", NULL, NATIVE}, {SCRIPTS "genksyms/genksyms", NULL, NATIVE},
		{SCRIPTS "mod/modpost", NULL, NATIVE}, {SCRIPTS "mod/elfconfig.h", CLASS, 0},
		{SCRIPTS "mod/devicetable-offsets.h", OFFSETS, 0}, {NULL, NULL, 0}};
	/* genksyms: the phone's package has none, so nothing calls it */
	_cleanup_free_ char *got = taken("same", ours, theirs);

	(void)state;
	assert_string_equal(got, "fixdep modpost ");
}

static void other_headers_no_modpost(void **state)
{
	const struct files ours[] = {{SCRIPTS "basic/fixdep", NULL, PHONES},
		{SCRIPTS "mod/modpost", NULL, PHONES}, {SCRIPTS "mod/elfconfig.h", CLASS, 0},
		{SCRIPTS "mod/devicetable-offsets.h", OFFSETS, 0}, {NULL, NULL, 0}};
	struct files theirs[] = {{SCRIPTS "basic/fixdep", NULL, NATIVE},
		{SCRIPTS "mod/modpost", NULL, NATIVE}, {SCRIPTS "mod/elfconfig.h", CLASS, 0},
		{SCRIPTS "mod/devicetable-offsets.h", OFFSETS "\n", 0}, {NULL, NULL, 0}};
	_cleanup_free_ char *offsets = taken("offsets", ours, theirs);
	_cleanup_free_ char *class = NULL, *none = NULL;

	(void)state;
	theirs[3].text = OFFSETS;
	theirs[2].text = "#define KERNEL_ELFCLASS ELFCLASS32\n";
	class = taken("class", ours, theirs);
	theirs[2].name = NULL;
	none = taken("none", ours, theirs);
	assert_string_equal(offsets, "fixdep ");
	assert_string_equal(class, "fixdep ");
	assert_string_equal(none, "fixdep ");
}

/* Debian's: one modpost for each kind of object, and one that chooses. */
static void the_real_one_of_the_phone(void **state)
{
	const struct files ours[] = {{SCRIPTS "basic/fixdep", NULL, PHONES},
		{SCRIPTS "mod/modpost", NULL, PHONES},
		{SCRIPTS "mod/modpost.real-lsb-32", NULL, PHONES},
		{SCRIPTS "mod/modpost.real-lsb-64", NULL, PHONES}, {NULL, NULL, 0}};
	struct files theirs[] = {{SCRIPTS "basic/fixdep", NULL, NATIVE},
		{SCRIPTS "mod/modpost", NULL, NATIVE},
		{SCRIPTS "mod/modpost.real-lsb-32", NULL, NATIVE},
		{SCRIPTS "mod/modpost.real-lsb-64", NULL, NATIVE}, {NULL, NULL, 0}};
	_cleanup_free_ char *whole = taken("real", ours, theirs), *lacks = NULL;

	(void)state;
	theirs[3].name = NULL;
	lacks = taken("lacks", ours, theirs);
	assert_string_equal(whole, "fixdep modpost modpost.real-lsb-64 ");
	assert_string_equal(lacks, "fixdep ");
}

/* A program that this machine cannot run, and one in the place of something else. */
static void no_foreign_programs(void **state)
{
	const struct files ours[] = {{SCRIPTS "basic/fixdep", NULL, PHONES},
		{SCRIPTS "genksyms/genksyms", "#!/bin/sh\n", 0}, {NULL, NULL, 0}};
	const struct files theirs[] = {{SCRIPTS "basic/fixdep", NULL, foreign()},
		{SCRIPTS "genksyms/genksyms", NULL, NATIVE}, {NULL, NULL, 0}};
	_cleanup_free_ char *got = taken("foreign", ours, theirs);

	(void)state;
	assert_string_equal(got, "");
}

static void a_damaged_package_is_refused(void **state)
{
	const struct files ours[] = {{SCRIPTS "basic/fixdep", NULL, PHONES}, {NULL, NULL, 0}};
	const struct files theirs[] = {{SCRIPTS "basic/fixdep", NULL, NATIVE}, {NULL, NULL, 0}};
	_cleanup_free_ char *base = path_join(dir, "damaged"), *apk = path_join(base, "x.apk");
	_cleanup_free_ char *first = taken("damaged", ours, theirs);
	_cleanup_free_ char *kernel = path_join(base, "kernel"), *to = path_join(base, "again");
	struct err e = ERR_INIT;
	struct hash other;

	(void)state;
	hash_buf(HASH_SHA1, "other", 5, &other);
	assert_int_equal(native_helpers_take(apk, &other, phone(), kernel, to, &e), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_and_kinds),
		cmocka_unit_test(a_modpost_says_by_its_name_what_it_is_for),
		cmocka_unit_test(same_headers_same_modpost),
		cmocka_unit_test(other_headers_no_modpost),
		cmocka_unit_test(the_real_one_of_the_phone),
		cmocka_unit_test(no_foreign_programs),
		cmocka_unit_test(a_damaged_package_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
