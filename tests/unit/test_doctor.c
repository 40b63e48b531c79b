// SPDX-License-Identifier: GPL-3.0-or-later
/* The doctor: distributions, the programs it runs, and a kernel without binfmt_misc of its own. */
#include "tests/unit/box.h"

#include "pmkmod/doctor/doctor.h"

static enum host_kind kind_of(const char *text)
{
	_cleanup_free_ char *path = path_join(scratch, "os-release");
	struct host h;
	enum host_kind kind;

	write_text(path, text);
	host_read(&h, path);
	kind = h.kind;
	host_free(&h);
	return kind;
}

static void distributions(void **state)
{
	(void)state;
	assert_int_equal(kind_of("ID=debian\n"), HOST_DEBIAN);
	assert_int_equal(kind_of("ID=\"ubuntu\"\nID_LIKE=debian"), HOST_DEBIAN);
	assert_int_equal(kind_of("ID_LIKE='ubuntu debian'\nID=pop\n"), HOST_DEBIAN);
	assert_int_equal(kind_of("NAME=x\nID=postmarketos\n"), HOST_ALPINE);
	assert_int_equal(kind_of("ID=manjaro\nID_LIKE=arch\n"), HOST_ARCH);
	assert_int_equal(kind_of("ID=fedora\n"), HOST_FEDORA);
	assert_int_equal(kind_of("ID=nixos\nVERSION_ID=\"1\n"), HOST_OTHER);
	assert_int_equal(kind_of("ID=\"\nID\n=\nVARIANT_ID=debian\n"), HOST_OTHER);
	assert_int_equal(kind_of(""), HOST_OTHER);
}

static void no_distribution(void **state)
{
	struct host h;
	char *command;

	(void)state;
	host_read(&h, "/nonexistent");
	assert_int_equal(h.kind, HOST_OTHER);
	assert_string_equal(h.title, "Linux");
	for (int w = WARE_QEMU_USER; w <= WARE_ARCHIVE; w++) {
		command = host_install(&h, (enum ware)w, arch_by_name("aarch64"));
		assert_true(starts_with(command, "install "));
		free(command);
	}
	host_free(&h);
}

/* Each is an ELF file that the sandbox's own reader takes for one of that architecture. */
static void probes(void **state)
{
	static const char *const all[] = {"x86", "x86_64", "aarch64", "armhf", "armv7", "riscv64",
		"ppc64le", "loongarch64", "s390x"};
	struct arch_info unknown = *arch_by_name("aarch64");
	_cleanup_strbuf_ struct strbuf none = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const struct arch_info *a = arch_by_name(all[i]);
		_cleanup_free_ char *path = path_join(scratch, "probe");
		_cleanup_strbuf_ struct strbuf b = {0};
		struct elf_facts f;

		assert_int_equal(probe_program(a, &b), 0);
		assert_int_equal(fs_write_atomic(path, b.s, b.len, 0755, NULL), 0);
		assert_int_equal(elf_peek(path, &f), 0);
		assert_int_equal(f.machine, a->elf_machine);
		assert_int_equal(f.elf_class, a->elf_class);
		assert_int_equal(f.elf_data, a->elf_data);
		assert_string_equal(f.interp, "");
	}
	unknown.elf_machine = 0xfff0;
	assert_int_equal(probe_program(&unknown, &none), -EOPNOTSUPP);
}

static const struct point *find_point(const struct doctor *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (streq(d->points[i].name, name))
			return &d->points[i];
	return NULL;
}

/* Before Linux 6.7 only the host's own entries help; where there is none, that is said. */
static void no_binfmt(void **state)
{
	const struct arch_info *needed[] = {arch_by_name("aarch64")};
	_cleanup_free_ char *folder = path_join(scratch, "state");
	struct context x = {.config = config_new(), .state = folder, .cache = folder};
	struct doctor d = {.x = &x, .needed = needed, .n_needed = 1};
	_cleanup_free_ char *qemu = NULL;
	const struct point *p;

	(void)state;
	if (arch_runs_natively(needed[0]) || sandbox_try_namespaces(NULL) < 0 ||
		sandbox_find_qemu(needed[0], NULL, &qemu, NULL) < 0 ||
		binfmt_host_has("/proc/sys/fs/binfmt_misc", needed[0])) {
		config_free(x.config);
		skip();
	}
	sandbox_force = FORCE_HOST_BINFMT;
	assert_int_equal(doctor_examine(&d, &err), 0);
	sandbox_force = 0;
	assert_false(doctor_healthy(&d));
	p = find_point(&d, "sandbox");
	assert_int_equal(p->state, POINT_OK);
	p = find_point(&d, "binfmt_misc");
	assert_int_equal(p->state, POINT_LACKS);
	assert_non_null(strstr(p->found, "6.7"));
	assert_true(p->mend.n >= 1);
	p = find_point(&d, "programs-aarch64");
	assert_int_equal(p->state, POINT_LACKS);
	p = find_point(&d, "programs-armv7");
	assert_int_equal(p->state, POINT_NOTE);
	doctor_free(&d);
	config_free(x.config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distributions),
		cmocka_unit_test(no_distribution),
		cmocka_unit_test(probes),
		cmocka_unit_test(no_binfmt),
	};
	int failed;

	snprintf(scratch, sizeof(scratch), "/tmp/pmkmod-doctor-XXXXXX");
	if (!mkdtemp(scratch))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fs_remove_tree(scratch, NULL);
	return failed;
}
