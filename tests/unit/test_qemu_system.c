// SPDX-License-Identifier: GPL-3.0-or-later
/* Which accelerator a board gets, with a script in qemu's place that records its arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/boot/boot_parts.h"

#define T "0123456789abcdef0123456789abcdef"
#define INIT "echo '" T " init'; echo '" T " begin m'; echo '" T " done'\n"

static char dir[] = "/tmp/pmkmod-qemu-XXXXXX";

static char *at(const char *name)
{
	return path_join(dir, name);
}

static void put(const char *name, const char *text, mode_t mode)
{
	_cleanup_free_ char *path = at(name);

	assert_int_equal(fs_write_atomic(path, text, strlen(text), mode, NULL), 0);
}

struct outcome {
	int r;
	char *args, *shown, *log; /* what qemu was called with, each time */
	bool finished;
	struct err e;
};

static void outcome_free(struct outcome *o)
{
	free(o->args);
	free(o->shown);
	free(o->log);
}

/* Run a board whose qemu does `with_kvm` or `with_tcg`. */
static void run(struct outcome *o, enum boot_accel accel, const struct arch_info *arch,
	const char *with_kvm, const char *with_tcg)
{
	_cleanup_free_ char *program = at("qemu"), *kvm = at("kvm"), *args = at("args"),
			    *log = at("log");
	_cleanup_free_ char *script = xasprintf("#!/bin/sh\necho \"$@\" >>'%s'\n"
						"case \"$*\" in\n*'-accel kvm'*)\n%s\n;;\n"
						"*)\n%s\n;;\nesac\n",
		args, with_kvm, with_tcg);
	struct console c;
	struct qemu_run q = {.board = board_for(arch),
		.arch = arch,
		.accel = accel,
		.kvm = kvm,
		.program = program,
		.kernel = "kernel",
		.initramfs = "initramfs",
		.memory_mib = 64,
		.timeout_s = 4,
		.console = &c};
	FILE *f;

	*o = (struct outcome){.e = ERR_INIT};
	put("qemu", script, 0755);
	put("args", "", 0644);
	f = fopen(log, "w");
	assert_non_null(f);
	q.log_fd = fileno(f);
	console_start(&c, T);
	o->r = qemu_system_run(&q, &o->e);
	o->finished = c.finished;
	fclose(f);
	fs_read(args, 1 << 20, &o->args, NULL, NULL);
	fs_read(log, 1 << 20, &o->log, NULL, NULL);
	o->shown = q.shown.s;
	console_free(&c);
}

static void kvm_is_used(void **state)
{
	struct outcome o;

	(void)state;
	put("kvm", "", 0600);
	run(&o, BOOT_ACCEL_AUTO, arch_native(), INIT, "exit 9");
	assert_int_equal(o.r, 0);
	assert_true(o.finished);
	assert_non_null(strstr(o.args, "-cpu host"));
	assert_true(ends_with(o.shown, ", host, KVM"));
	assert_non_null(strstr(o.log, "pmkmod: board: "));
	outcome_free(&o);
	/* the configuration's word */
	run(&o, BOOT_ACCEL_TCG, arch_native(), "exit 9", INIT);
	assert_true(o.finished);
	assert_null(strstr(o.args, "kvm"));
	assert_true(ends_with(o.shown, "emulated (boot.accel says so)"));
	outcome_free(&o);
}

/* Whatever happens before our init, the emulated board gets its chance. */
static void falls_back(void **state)
{
	static const struct {
		const char *kvm, *why;
	} t[] = {
		{"echo 'qemu: failed to initialize kvm'; exit 1", "failed to initialize kvm"},
		{"echo 'error: kvm run failed Function not implemented'; exec sleep 60",
			"kvm run failed"},
		{"echo '[ 0.1] Kernel panic - not syncing: no such processor'",
			"no such processor"},
		{"exec sleep 60", "did not end within"}, /* half of the time */
		{"echo nothing more", "nothing more"},
	};

	(void)state;
	put("kvm", "", 0600);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct outcome o;

		run(&o, BOOT_ACCEL_AUTO, arch_native(), t[i].kvm, INIT);
		assert_int_equal(o.r, 0);
		assert_true(o.finished);
		assert_non_null(strstr(o.args, "-accel kvm"));
		assert_non_null(strstr(o.args, "-accel tcg"));
		if (!strstr(o.shown, t[i].why) || !strstr(o.shown, "emulated (by KVM"))
			fail_msg("%zu: %s", i, o.shown);
		outcome_free(&o);
	}
}

static void not_after_init(void **state)
{
	struct outcome o;

	(void)state;
	put("kvm", "", 0600);
	run(&o, BOOT_ACCEL_AUTO, arch_native(), "echo '" T " init'; exit 1", INIT);
	assert_int_equal(o.r, -EIO);
	assert_null(strstr(o.args, "tcg"));
	outcome_free(&o);
	run(&o, BOOT_ACCEL_KVM, arch_native(), "echo no kvm here; exit 1", INIT);
	assert_int_equal(o.r, -EIO);
	assert_non_null(strstr(o.e.text, "no kvm here"));
	assert_null(strstr(o.args, "tcg"));
	outcome_free(&o);
}

static void kvm_is_of_no_use(void **state)
{
	const struct arch_info *other =
		arch_by_name(streq(arch_native()->alpine, "riscv64") ? "x86_64" : "riscv64");
	_cleanup_free_ char *kvm = at("kvm");
	struct outcome o;

	(void)state;
	put("kvm", "", 0600);
	run(&o, BOOT_ACCEL_AUTO, other, "exit 9", INIT);
	assert_true(o.finished);
	assert_non_null(strstr(o.shown, "emulated (KVM here runs "));
	outcome_free(&o);
	run(&o, BOOT_ACCEL_KVM, other, INIT, INIT);
	assert_int_equal(o.r, -ENOTSUP);
	assert_string_equal(o.args, "");
	outcome_free(&o);

	unlink(kvm);
	run(&o, BOOT_ACCEL_AUTO, arch_native(), "exit 9", INIT);
	assert_true(o.finished);
	assert_non_null(strstr(o.shown, "there is no "));
	outcome_free(&o);
	run(&o, BOOT_ACCEL_KVM, arch_native(), INIT, INIT);
	assert_int_equal(o.r, -ENOENT);
	assert_string_equal(o.args, "");
	outcome_free(&o);
	/* a folder cannot be opened for writing, by root neither */
	assert_int_equal(mkdir(kvm, 0755), 0);
	run(&o, BOOT_ACCEL_AUTO, arch_native(), "exit 9", INIT);
	assert_non_null(strstr(o.shown, "cannot be opened: "));
	outcome_free(&o);
	assert_int_equal(rmdir(kvm), 0);
}

static void time_limit(void **state)
{
	struct outcome o;

	(void)state;
	run(&o, BOOT_ACCEL_TCG, arch_native(), "", "echo '" T " init'; exec sleep 60");
	assert_int_equal(o.r, -ETIMEDOUT);
	assert_non_null(strstr(o.e.text, "4 s"));
	outcome_free(&o);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"qemu", "kvm", "args", "log"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = at(names[i]);

		unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kvm_is_used),
		cmocka_unit_test(falls_back),
		cmocka_unit_test(not_after_init),
		cmocka_unit_test(kvm_is_of_no_use),
		cmocka_unit_test(time_limit),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
