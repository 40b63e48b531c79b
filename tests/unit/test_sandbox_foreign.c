// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Emulated programs. Three tiny roots are made with the cross compiler: `static` has arm64 programs
 * only, `target` an arm64 program with its loader and libraries, and `mixed` a native busybox with
 * a native library under the very path that `target` has, too.
 */
#include "tests/unit/box.h"

#include <dirent.h>
#include <sys/utsname.h>

static char *static_root, *target_root, *mixed_root;

static const char static_c[] =
	"#include <stdio.h>\n#include <string.h>\n#include <sys/utsname.h>\n#include <unistd.h>\n"
	"int main(int c, char **v) { struct utsname u; uname(&u);\n"
	" if (c > 1 && !strcmp(v[1], \"chown\")) return chown(v[2], 42, 42) ? 9 : 0;\n"
	" if (c > 1 && !strcmp(v[1], \"binfmt\"))\n"
	"  return access(\"/proc/sys/fs/binfmt_misc/pmkmod\", F_OK) == 0;\n"
	" printf(\"%s %s %s\\n\", v[0], u.release, u.machine); return 42; }\n";

static const char lib_c[] = "const char *which(void) { return WHICH; }\n";

static const char prog_c[] =
	"#include <stdio.h>\n#include <stdlib.h>\nconst char *which(void);\n"
	"static void show(const char *p) { char b[64] = \"-\"; FILE *f = fopen(p, \"r\");\n"
	" if (f) { fgets(b, 64, f); fclose(f); } printf(\"%s=%s\", p, b); }\n"
	"int main(void) { FILE *f; printf(\"lib=%s\\n\", which());\n"
	" show(\"/build/in\"); show(\"in\");\n"
	" f = fopen(\"/build/out\", \"w\"); fputs(\"written\\n\", f); fclose(f);\n"
	" f = fopen(\"relative\", \"w\"); fputs(\"written\\n\", f); fclose(f);\n"
	" fflush(stdout); return system(\"/bin/echo child\"); }\n";

static bool build_fixtures(void)
{
	const char *cc = "aarch64-linux-gnu-gcc";

	if (!host_command("command -v %s >/dev/null && cd %s && mkdir -p static/bin target/bin "
			  "target/lib target/usr/lib mixed/usr/lib mixed/build",
		    cc, scratch))
		return false;
	_cleanup_free_ char *s = path_join(scratch, "static.c"), *l = path_join(scratch, "lib.c");
	_cleanup_free_ char *p = path_join(scratch, "prog.c");

	write_text(s, static_c);
	write_text(l, lib_c);
	write_text(p, prog_c);
	return host_command(
		"cd %s && %s -O1 -static static.c -o static/bin/prog && ln -s prog static/bin/alias &&"
		"%s -O1 -fPIC -shared -Wl,-soname,libwhich.so -DWHICH='\"target\"' lib.c -o target/usr/lib/libwhich.so &&"
		"gcc -O1 -fPIC -shared -Wl,-soname,libwhich.so -DWHICH='\"native\"' lib.c -o mixed/usr/lib/libwhich.so &&"
		"%s -O1 prog.c target/usr/lib/libwhich.so -o target/bin/prog "
		"-Wl,-rpath,/usr/lib 2>prog.log && d=/usr/aarch64-linux-gnu/lib &&"
		"cp -L $d/ld-linux-aarch64.so.1 $d/libc.so.6 target/lib/",
		scratch, cc, cc, cc);
}

static int group_setup(void **state)
{
	(void)state;
	static_root = path_join(scratch, "static");
	target_root = path_join(scratch, "target");
	mixed_root = make_busybox_root("mixed");
	if (build_fixtures())
		return 0;
	print_message("no cross compiler (apt install gcc-aarch64-linux-gnu): tests skipped\n");
	cleanup_free(&static_root);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	cleanup_free(&static_root);
	cleanup_free(&target_root);
	cleanup_free(&mixed_root);
	strbuf_free(&out);
	return 0;
}

#define NEED_FOREIGN()                                                                             \
	do {                                                                                       \
		_cleanup_free_ char *q_ = NULL;                                                    \
                                                                                                   \
		if (!static_root || !mixed_root || arch_runs_natively(arch_by_name("aarch64")))    \
			skip();                                                                    \
		if (sandbox_find_qemu(arch_by_name("aarch64"), NULL, &q_, &err) < 0) {             \
			print_message("%s\n", err.text);                                           \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static void foreign_start(struct fixture *f, const char *root)
{
	fixture_start(f, root);
	f->s.emulate = arch_by_name("aarch64");
}

static int list_binfmt(struct strvec *names)
{
	DIR *d = opendir("/proc/sys/fs/binfmt_misc");
	struct dirent *de;

	while (d && (de = readdir(d)))
		strvec_add(names, de->d_name);
	strvec_sort(names);
	return d ? closedir(d) : 0;
}

static void emulated(void **state)
{
	struct strvec before = {0}, after = {0};
	_cleanup_free_ char *a = NULL, *b = NULL;
	struct fixture f;

	(void)state;
	NEED_FOREIGN();
	list_binfmt(&before);
	foreign_start(&f, static_root);
	f.argv[0] = "/bin/alias";
	f.s.uname_release = "6.1.0-phone";
	assert_int_equal(run_argv(&f), 0);
	assert_int_equal(res.status, 42);
	assert_string_equal(out.s, "/bin/alias 6.1.0-phone aarch64\n");
	/* the way it was called, not the way it was found */
	f.argv[0] = "alias";
	assert_int_equal(run_argv(&f), 0);
	assert_string_equal(out.s, "alias 6.1.0-phone aarch64\n");
	/* the entry is of no path inside */
	f.argv[0] = "/bin/prog";
	f.argv[1] = "binfmt";
	assert_int_equal(run_argv(&f), 0);
	assert_int_equal(res.status, 0);
	/* calls of emulated programs go through the filter as well */
	f.argv[1] = "chown";
	f.argv[2] = "/bin/prog";
	assert_int_equal(run_argv(&f), 0);
	assert_int_equal(res.status, 0);
	list_binfmt(&after);
	a = strvec_join(&before, " ");
	b = strvec_join(&after, " ");
	assert_string_equal(a, b);
	strvec_free(&before);
	strvec_free(&after);
	strvec_free(&f.layers);
}

static void env_i_keeps_the_release(void **state)
{
	struct fixture f;

	(void)state;
	NEED_FOREIGN();
	foreign_start(&f, mixed_root);
	strvec_add(&f.layers, static_root);
	f.s.uname_release = "6.1.0-phone";
	assert_int_equal(run_line(&f, "env -i /bin/prog; env -i /bin/uname -r"), 0);
	assert_string_equal(out.s, "/bin/prog 6.1.0-phone aarch64\n6.1.0-phone\n");
	strvec_free(&f.layers);
}

static void not_emulated(void **state)
{
	struct fixture f;

	(void)state;
	NEED_FOREIGN();
	fixture_start(&f, static_root);
	f.argv[0] = "/bin/prog";
	assert_int_equal(run_argv(&f), -ENOEXEC);
	assert_int_equal(res.status, 126);
	assert_contains(err.text, "aarch64");
	/* an architecture that needs no qemu needs none */
	f.s.emulate = arch_native();
	f.s.qemu_path = "/nonexistent";
	assert_int_equal(run_argv(&f), -ENOEXEC);
	strvec_free(&f.layers);
}

/* Loader and libraries come from /target although the same path exists natively; all other files
 * are the real ones. With and without the environment. */
static void same_path_in_both_roots(void **state)
{
	/* emulated: system() runs /bin/sh of the native root */
	static const char expected[] =
		"lib=target\n/build/in=real\nin=real\nchild\nwritten\nwritten\nfriendly\n";
	static const char *const lines[] = {
		"cd /build && /target/bin/prog", "cd /build && env -i /target/bin/prog"};
	_cleanup_free_ char *decoy = path_join(target_root ? target_root : "/", "friend");
	struct sandbox_mount m[] = {
		{SANDBOX_BIND_RO, NULL, NULL, "/target"}, {SANDBOX_TMPFS, NULL, NULL, "/build"}};
	struct fixture f;

	(void)state;
	NEED_FOREIGN();
	write_text(decoy, "friendly\n");
	m[0].source = target_root;
	foreign_start(&f, mixed_root);
	f.s.mounts = m;
	f.s.n_mounts = 2;
	f.s.foreign_root = "/target";
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_free_ char *line = xasprintf("echo real >/build/in; %s &&"
						      "cat /build/out relative /target/friend",
			lines[i]);

		assert_int_equal(run_line(&f, line), 0);
		assert_string_equal(out.s, expected);
	}
	/* the library under the same path is the native one for native programs */
	assert_int_equal(run_line(&f, "cmp /usr/lib/libwhich.so /target/usr/lib/libwhich.so"), 1);
	assert_int_equal(run_line(&f, "echo $QEMU_LD_PREFIX"), 0);
	assert_string_equal(out.s, "/target\n");
	f.s.foreign_root = NULL;
	assert_int_equal(run_line(&f, "echo $QEMU_LD_PREFIX."), 0);
	assert_string_equal(out.s, ".\n");
	assert_int_not_equal(run_line(&f, "/target/bin/prog"), 0);
	strvec_free(&f.layers);
}

static void no_qemu(void **state)
{
	struct fixture f;

	(void)state;
	NEED_FOREIGN();
	foreign_start(&f, static_root);
	f.argv[0] = "/bin/prog";
	f.s.qemu_path = "/nonexistent/qemu";
	assert_int_equal(run_argv(&f), -ENOENT);
	assert_contains(err.text, "/nonexistent/qemu");
	f.s.qemu_path = "/proc/self/exe";
	assert_int_equal(run_argv(&f), -ENOEXEC);
	strvec_free(&f.layers);
}

static void old_kernel(void **state)
{
	struct fixture f;
	int r;

	(void)state;
	NEED_FOREIGN();
	foreign_start(&f, static_root);
	f.argv[0] = "/bin/prog";
	sandbox_force = FORCE_HOST_BINFMT;
	r = run_argv(&f);
	if (binfmt_host_has("/proc/sys/fs/binfmt_misc", f.s.emulate)) {
		assert_int_equal(r, 0);
		assert_int_equal(res.status, 42);
	} else {
		assert_int_equal(r, -EPERM);
		assert_contains(err.text, "6.7");
		assert_contains(err.text, "sudo ");
	}
	strvec_free(&f.layers);
}

static int tests(void)
{
	const struct CMUnitTest list[] = {TEST(emulated), TEST(env_i_keeps_the_release),
		TEST(not_emulated), TEST(same_path_in_both_roots), TEST(no_qemu), TEST(old_kernel)};

	return cmocka_run_group_tests(list, group_setup, group_teardown);
}

int main(void)
{
	return run_as_everybody(tests);
}
