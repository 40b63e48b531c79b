// SPDX-License-Identifier: GPL-3.0-or-later
/* The table of architectures, ELF headers, binfmt magics and the search for qemu. */
#include "tests/unit/box.h"

#include <elf.h>
#include <sys/utsname.h>

static void names(void **state)
{
	static const char *const all[] = {"x86", "x86_64", "aarch64", "armhf", "armv7", "riscv64",
		"ppc64le", "loongarch64", "s390x"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const struct arch_info *a = arch_by_name(all[i]);

		assert_non_null(a);
		assert_string_equal(a->alpine, all[i]);
	}
	assert_null(arch_by_name("arm64"));
	assert_null(arch_by_name(""));
	assert_null(arch_by_name(NULL));
	assert_string_equal(arch_by_name("aarch64")->linux_arch, "arm64");
	assert_string_equal(arch_by_name("armhf")->qemu, "arm");
	assert_int_equal(arch_by_name("s390x")->elf_data, ELFDATA2MSB);
}

static void native(void **state)
{
	const struct arch_info *n = arch_native();
	struct elf_facts f;

	(void)state;
	assert_true(arch_runs_natively(n));
	assert_int_equal(elf_peek("/proc/self/exe", &f), 0);
	assert_int_equal(f.machine, n->elf_machine);
	assert_int_equal(f.elf_class, n->elf_class);
	if (streq(n->alpine, "x86_64")) {
		assert_true(arch_runs_natively(arch_by_name("x86")));
		assert_false(arch_runs_natively(arch_by_name("aarch64")));
	}
}

/* The magics Debian's qemu-user-static registers. */
static void magics(void **state)
{
	static const struct {
		const char *arch;
		uint8_t magic[20], mask[20];
	} known[] = {
		{"aarch64",
			"\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7",
			"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff"
			"\xff"},
		{"s390x",
			"\x7f\x45\x4c\x46\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00"
			"\x16",
			"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff"
			"\xff"},
		{"armv7",
			"\x7f\x45\x4c\x46\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28",
			"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff"
			"\xff"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct binfmt_magic m;

		binfmt_magic(arch_by_name(known[i].arch), &m);
		assert_memory_equal(m.magic, known[i].magic, 20);
		assert_memory_equal(m.mask, known[i].mask, 20);
	}
}

static void write_entry(
	const char *path, const char *enabled, const char *flags, const char *offset)
{
	_cleanup_free_ char *text = xasprintf("%s\ninterpreter /usr/bin/qemu-aarch64-static\n"
					      "flags: %s\noffset %s\n"
					      "magic 7f454c460201010000000000000000000200b700\n"
					      "mask ffffffffffffff00fffffffffffffffffeffffff\n",
		enabled, flags, offset);

	write_text(path, text);
}

static void host_entries(void **state)
{
	const struct arch_info *a = arch_by_name("aarch64");
	_cleanup_free_ char *dir = path_join(scratch, "binfmt");
	_cleanup_free_ char *entry = path_join(dir, "whatever");

	(void)state;
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_false(binfmt_host_has(dir, a));
	write_entry(entry, "enabled", "OCF", "0");
	assert_true(binfmt_host_has(dir, a));
	assert_false(binfmt_host_has(dir, arch_by_name("armv7")));
	/* without F the interpreter would be looked for inside the root */
	write_entry(entry, "enabled", "OCP", "0");
	assert_false(binfmt_host_has(dir, a));
	write_entry(entry, "disabled", "OCF", "0");
	assert_false(binfmt_host_has(dir, a));
	write_entry(entry, "enabled", "F", "4");
	assert_false(binfmt_host_has(dir, a));
	write_text(entry, "enabled\nflags: F\noffset 0\nmagic 7f45\nmask zz\n");
	assert_false(binfmt_host_has(dir, a));
	assert_false(binfmt_host_has("/nonexistent", a));
}

static void elf_rubbish(void **state)
{
	_cleanup_free_ char *path = path_join(scratch, "rubbish");
	uint8_t eh[64] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
	struct elf_facts f;

	(void)state;
	write_text(path, "");
	assert_int_equal(elf_peek(path, &f), -ENOEXEC);
	write_text(
		path, "#!/bin/sh\n# long enough to be taken for a header of some kind ..........");
	assert_int_equal(elf_peek(path, &f), -ENOEXEC);
	eh[32] = 0xff, eh[39] = 0x7f; /* e_phoff near 2^63 */
	eh[54] = 56, eh[56] = 1;
	assert_int_equal(fs_write_atomic(path, eh, sizeof(eh), 0644, NULL), 0);
	assert_int_equal(elf_peek(path, &f), -ENOEXEC);
	eh[32] = 64, eh[39] = 0; /* behind the end */
	assert_int_equal(fs_write_atomic(path, eh, sizeof(eh), 0644, NULL), 0);
	assert_int_equal(elf_peek(path, &f), -ENOEXEC);
	eh[4] = 7;
	assert_int_equal(fs_write_atomic(path, eh, sizeof(eh), 0644, NULL), 0);
	assert_int_equal(elf_peek(path, &f), -ENOEXEC);
	assert_int_equal(elf_peek("/nonexistent", &f), -ENOENT);
}

static void find_qemu(void **state)
{
	const struct arch_info *a = arch_by_name("aarch64");
	_cleanup_free_ char *old = xstrdup(getenv("PATH"));
	_cleanup_free_ char *fake = path_join(scratch, "qemu-aarch64-static");
	_cleanup_free_ char *path = NULL;
	struct err e = ERR_INIT;
	struct elf_facts f;

	(void)state;
	assert_int_equal(sandbox_find_qemu(a, "/nonexistent/qemu", &path, &e), -ENOENT);
	assert_contains(e.text, "/nonexistent/qemu");
	assert_null(path);
	write_text(fake, "#!/bin/sh\n");
	assert_int_equal(chmod(fake, 0755), 0);
	assert_int_equal(sandbox_find_qemu(a, fake, &path, &e), -ENOEXEC);
	/* a dynamic program: this test itself, unless it was linked otherwise */
	assert_int_equal(elf_peek("/proc/self/exe", &f), 0);
	if (f.interp[0]) {
		assert_int_equal(sandbox_find_qemu(a, "/proc/self/exe", &path, &e), -ENOEXEC);
		assert_contains(e.text, "dynamically linked");
		assert_contains(e.text, f.interp);
	}
	/* neither on PATH nor in the usual places */
	setenv("PATH", "", 1);
	assert_int_equal(sandbox_find_qemu(arch_by_name("loongarch64"), NULL, &path, &e),
		access("/usr/bin/qemu-loongarch64-static", X_OK) == 0 ? 0 : -ENOENT);
	setenv("PATH", scratch, 1);
	/* the one found first is no program: the next is taken, or the reason is told */
	if (access("/usr/bin/qemu-aarch64-static", X_OK) < 0)
		assert_int_equal(sandbox_find_qemu(a, NULL, &path, &e), -ENOEXEC);
	setenv("PATH", old, 1);
}

static int tests(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(native),
		cmocka_unit_test(magics),
		cmocka_unit_test(host_entries),
		cmocka_unit_test(elf_rubbish),
		cmocka_unit_test(find_qemu),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void)
{
	return run_as(geteuid(), tests);
}
