// SPDX-License-Identifier: GPL-3.0-or-later
/* The sandbox with native programs: the root, mounts, rights. Run as root and as a user. */
#include "tests/unit/box.h"

static void exit_status(void **state)
{
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	assert_int_equal(run_line(&f, "exit 7"), 7);
	assert_false(res.killed_by_signal);
	assert_true(res.peak_rss_kib > 0);
	assert_true(res.started_s > 0);
	assert_true(res.ended_s > 0);
	assert_int_equal(run_line(&f, "kill -9 $$"), 128 + 9);
	assert_true(res.killed_by_signal);
	assert_int_equal(res.signal, 9);
	assert_int_equal(run_line(&f, "echo one; echo two >&2; echo $MARK"), 0);
	assert_string_equal(out.s, "one\ntwo\n1\n");
	f.s.cwd = "/bin";
	assert_int_equal(run_line(&f, "echo $PWD; id -u; hostname"), 0);
	assert_string_equal(out.s, "/bin\n0\npmkmod\n");
	strvec_free(&f.layers);
}

static void cannot_start(void **state)
{
	_cleanup_free_ char *text = path_join(native_root ? native_root : "/", "notes");
	_cleanup_free_ char *script = path_join(native_root ? native_root : "/", "script");
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	f.argv[0] = "no-such-program";
	assert_int_equal(run_argv(&f), -ENOENT);
	assert_int_equal(res.status, 127);
	assert_contains(err.text, "no-such-program");
	f.argv[0] = "/no/such/program";
	assert_int_equal(run_argv(&f), -ENOENT);
	write_text(text, "neither a program nor a script\n");
	assert_int_equal(chmod(text, 0755), 0);
	f.argv[0] = "/notes";
	assert_int_equal(run_argv(&f), -ENOEXEC);
	assert_int_equal(res.status, 126);
	write_text(script, "#!/usr/bin/perl -w\n");
	assert_int_equal(chmod(script, 0755), 0);
	f.argv[0] = "/script";
	assert_int_equal(run_argv(&f), -ENOENT);
	assert_contains(err.text, "/usr/bin/perl");
	f.argv[0] = "true";
	f.s.cwd = "/nowhere";
	assert_int_equal(run_argv(&f), -ENOENT);
	assert_contains(err.text, "/nowhere");
	f.layers.v[0][1] = 'X';
	assert_int_equal(run_argv(&f), -ENOENT);
	assert_contains(err.text, f.layers.v[0]);
	strvec_reset(&f.layers);
	assert_int_equal(run_argv(&f), -EINVAL);
	strvec_free(&f.layers);
}

static void root_layers(void **state)
{
	_cleanup_free_ char *top = path_join(scratch, "top"), *file = path_join(top, "etc/x");
	_cleanup_free_ char *dir = path_join(top, "etc"), *below = path_join(scratch, "below,:\\a");
	_cleanup_free_ char *belowetc = path_join(below, "etc"), *y = path_join(below, "etc/y");
	struct fixture f;

	(void)state;
	NEED_ROOT();
	assert_int_equal(fs_mkdirs(dir, 0755, NULL), 0);
	assert_int_equal(fs_mkdirs(belowetc, 0755, NULL), 0);
	write_text(file, "top\n");
	write_text(y, "below\n");
	fixture_start(&f, top);
	strvec_add(&f.layers, below);
	strvec_add(&f.layers, native_root);
	for (int classic = 0; classic < 2; classic++) {
		sandbox_force = classic ? FORCE_CLASSIC_MOUNTS : 0;
		assert_int_equal(
			run_line(&f, "cat /etc/x /etc/y; rm /etc/x; echo new >/etc/z; ls /etc"), 0);
		assert_string_equal(out.s, "top\nbelow\ny\nz\n");
		assert_true(fs_exists(file)); /* thrown away */
	}
	strvec_free(&f.layers);
	fs_remove_tree(top, NULL);
	fs_remove_tree(below, NULL);
}

static void upper_is_kept(void **state)
{
	_cleanup_free_ char *dir = path_join(scratch, "kept"), *work = path_join(dir, "work");
	_cleanup_free_ char *upper = path_join(dir, "upper"), *file = path_join(upper, "etc/made");
	_cleanup_free_ char *text = NULL;
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	f.s.upper = dir;
	f.s.privilege = SANDBOX_SETUP;
	assert_int_equal(run_line(&f, "mkdir /etc; echo kept >/etc/made; rm /bin/wc"), 0);
	text = read_text(file);
	assert_string_equal(text, "kept\n");
	assert_false(fs_exists(work));
	/* again, on top of what is there */
	assert_int_equal(run_line(&f, "cat /etc/made; [ -e /bin/wc ] || exit 3"), 3);
	assert_string_equal(out.s, "kept\n");
	/* as a layer of another root: its whiteouts count */
	strvec_reset(&f.layers);
	strvec_add(&f.layers, upper);
	strvec_add(&f.layers, native_root);
	f.s.upper = NULL;
	f.s.privilege = SANDBOX_BUILD;
	assert_int_equal(run_line(&f, "[ ! -e /bin/wc ] && cat /etc/made"), 0);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
	strvec_free(&f.layers);
}

static void plain_folder(void **state)
{
	_cleanup_free_ char *root = make_busybox_root("plain");
	_cleanup_free_ char *made = path_join(scratch, "plain/made");
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	f.s.layers = NULL;
	f.s.root_bind = root;
	f.s.privilege = SANDBOX_SETUP;
	assert_int_equal(run_line(&f, "echo x >/made && chown 42:42 /made && mknod /blk b 1 1"), 0);
	assert_true(fs_exists(made));
	strvec_free(&f.layers);
	assert_int_equal(fs_remove_tree(root, &err), 0);
}

static void binds(void **state)
{
	_cleanup_free_ char *ro = path_join(scratch, "ro"), *rw = path_join(scratch, "rw");
	_cleanup_free_ char *file = path_join(ro, "f"), *made = path_join(rw, "made");
	_cleanup_free_ char *second = path_join(scratch, "second"), *g = path_join(second, "g");
	struct strvec one = {0}, two = {0};
	struct sandbox_mount m[] = {
		{SANDBOX_BIND_RO, ro, NULL, "/deep/ro"},
		{SANDBOX_BIND_RW, rw, NULL, "/deep/rw"},
		{SANDBOX_BIND_RO, file, NULL, "/etc/single"},
		{SANDBOX_TMPFS, NULL, NULL, "/deep/mem"},
		{SANDBOX_OVERLAY_RO, NULL, &one, "/one"},
		{SANDBOX_OVERLAY_RO, NULL, &two, "/two"},
		{SANDBOX_BIND_RO, second, NULL, "/deep/rw/inner"},
	};
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fs_mkdirs(ro, 0755, NULL);
	fs_mkdirs(rw, 0755, NULL);
	fs_mkdirs(second, 0755, NULL);
	write_text(file, "f\n");
	write_text(g, "g\n");
	strvec_add(&one, ro);
	strvec_add(&two, second);
	strvec_add(&two, ro);
	fixture_start(&f, native_root);
	f.s.mounts = m;
	f.s.n_mounts = ARRAY_SIZE(m);
	for (int classic = 0; classic < 2; classic++) {
		sandbox_force = classic ? FORCE_CLASSIC_MOUNTS : 0;
		assert_int_equal(
			run_line(&f,
				"cat /deep/ro/f /etc/single /one/f /two/f /two/g /deep/rw/inner/g"
				" && echo x >/deep/rw/made && echo x >/deep/mem/x"),
			0);
		assert_string_equal(out.s, "f\nf\nf\nf\ng\ng\n");
		for (size_t i = 0; i < 5; i++) {
			static const char *const refused[] = {"echo x >/deep/ro/f",
				"echo x >/deep/ro/new", "echo x >/etc/single", "echo x >/one/new",
				"echo x >/two/f"};

			assert_int_not_equal(run_line(&f, refused[i]), 0);
			assert_contains(out.s, "Read-only file system");
		}
		assert_true(fs_exists(made));
		unlink(made);
	}
	m[1].source = "/nonexistent/source";
	f.argv[0] = "true";
	assert_int_equal(run_argv(&f), -ENOENT);
	assert_contains(err.text, "/nonexistent/source");
	strvec_free(&f.layers);
	strvec_free(&one);
	strvec_free(&two);
}

/* A link in a layer must not lead a mount, or a target that is created, out of the root. */
static void targets_stay_inside(void **state)
{
	_cleanup_free_ char *top = path_join(scratch, "links"), *link = path_join(top, "src");
	_cleanup_free_ char *outside = path_join(scratch, "outside");
	struct sandbox_mount m = {SANDBOX_TMPFS, NULL, NULL, "/src/new"};
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fs_mkdirs(top, 0755, NULL);
	fs_mkdirs(outside, 0755, NULL);
	assert_int_equal(symlink(outside, link), 0);
	fixture_start(&f, top);
	strvec_add(&f.layers, native_root);
	f.s.mounts = &m;
	f.s.n_mounts = 1;
	f.argv[0] = "true";
	assert_true(run_argv(&f) < 0);
	free(outside);
	outside = path_join(scratch, "outside/new");
	assert_false(fs_exists(outside));
	strvec_free(&f.layers);
}

static void host_root(void **state)
{
	static const char line[] =
		"cd /tmp && echo 'int main(void){return 42;}' >a.c && cc a.c -o a && ./a";
	_cleanup_free_ char *dir = path_join(scratch, "headers"),
			    *file = path_join(dir, "Makefile");
	struct sandbox_mount m[] = {
		{SANDBOX_BIND_RO, dir, NULL, "/usr/src/linux-headers-0-test"},
		{SANDBOX_BIND_RO, dir, NULL, "/usr/lib/modules/0-test/build"},
		{SANDBOX_BIND_RW, dir, NULL, "/usr/src/another"},
	};
	struct fixture f;

	(void)state;
	fs_mkdirs(dir, 0755, NULL);
	write_text(file, "headers\n");
	fixture_start(&f, "/");
	f.s.layers = NULL;
	f.s.host_root = true;
	f.s.mounts = m;
	f.s.n_mounts = ARRAY_SIZE(m);
	assert_int_equal(run_line(&f, "cat /usr/src/linux-headers-0-test/Makefile"
				      " /usr/lib/modules/0-test/build/Makefile"),
		0);
	assert_string_equal(out.s, "headers\nheaders\n");
	assert_int_equal(run_line(&f, "ls /home /work /var 2>/dev/null"), 2);
	assert_string_equal(out.s, "");
	assert_int_equal(run_line(&f, "touch /usr/x || touch /usr/src/x || touch /usr/bin/x"), 1);
	assert_contains(out.s, "Read-only");
	assert_int_equal(run_line(&f, "touch /x && echo root >/etc/y"), 0);
	if (access("/usr/bin/cc", X_OK) == 0)
		assert_int_equal(run_line(&f, line), 42);
	else
		print_message("no cc on this host: not tried\n");
	assert_false(fs_exists("/usr/src/linux-headers-0-test"));
	/* with a kept upper layer */
	f.s.upper = dir;
	assert_int_equal(run_line(&f, "echo x >/made && cat /usr/src/another/Makefile"), 0);
	free(file);
	file = path_join(dir, "upper/made");
	assert_true(fs_exists(file));
	strvec_free(&f.layers);
	fs_remove_tree(dir, NULL);
}

/* ---- rights ---- */

static void no_rights(void **state)
{
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	assert_int_equal(run_line(&f, "cat /proc/self/status"), 0);
	assert_contains(out.s, "CapEff:\t0000000000000000");
	assert_contains(out.s, "CapPrm:\t0000000000000000");
	assert_contains(out.s, "CapInh:\t0000000000000000");
	assert_contains(out.s, "CapBnd:\t0000000000000000");
	assert_contains(out.s, "CapAmb:\t0000000000000000");
	assert_contains(out.s, "NoNewPrivs:\t1");
	assert_contains(out.s, "Seccomp:\t2");
	assert_int_not_equal(run_line(&f, "mount -t tmpfs none /bin"), 0);
	assert_contains(out.s, "ermi"); /* ...ssion denied, or not permitted */
	assert_int_not_equal(run_line(&f, "unshare -U true"), 0);
	assert_int_not_equal(run_line(&f, "hostname other"), 0);
	/* not to be written by uid 0 of the host either */
	assert_int_not_equal(run_line(&f, "echo 1 >/proc/sys/vm/overcommit_memory"), 0);
	assert_contains(out.s, "Read-only");
	assert_int_not_equal(run_line(&f, "echo h >/proc/sysrq-trigger"), 0);
	/* init belongs to nobody inside */
	assert_int_not_equal(run_line(&f, "readlink /proc/1/fd/0"), 0);
	assert_int_not_equal(run_line(&f, "cat /proc/1/environ"), 0);
	f.s.privilege = SANDBOX_SETUP;
	assert_int_equal(run_line(&f, "cat /proc/self/status"), 0);
	assert_null(strstr(out.s, "CapEff:\t0000000000000000"));
	assert_int_not_equal(run_line(&f, "unshare -U true"), 0);
	assert_int_not_equal(run_line(&f, "mount -t tmpfs none /bin"), 0);
	strvec_free(&f.layers);
}

static void suppressed(void **state)
{
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	assert_int_equal(
		run_line(&f, "touch /x && chown 42:42 /x && chown -h 1:2 /bin/sh && sync"), 0);
	f.s.privilege = SANDBOX_SETUP;
	assert_int_equal(run_line(&f, "mknod /x c 1 3 && [ ! -e /x ]"), 0);
	strvec_free(&f.layers);
}

static void no_network(void **state)
{
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	assert_int_equal(run_line(&f, "cat /proc/net/route | wc -l; cat /proc/net/dev | wc -l"), 0);
	assert_true(streq(out.s, "1\n3\n") || streq(out.s, "0\n3\n")); /* headings, and lo */
	strvec_free(&f.layers);
}

static void the_tree(void **state)
{
	static const char line[] =
		"echo x >/dev/null && echo x >/dev/shm/x && echo x >/tmp/x &&"
		"echo x >/run/x && [ -c /dev/urandom ] && [ -c /dev/ptmx ] &&"
		"[ ! -e /dev/sda ] && [ ! -e /sys/kernel ] && [ $(ps | wc -l) -lt 8 ] &&"
		"stat -c %a /tmp /dev && echo $(ls /proc/self/fd)";
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	assert_int_equal(run_line(&f, line), 0);
	/* the last descriptor is that of ls itself */
	assert_string_equal(out.s, "1777\n755\n0 1 2 3\n");
	strvec_free(&f.layers);
}

static void limits(void **state)
{
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	assert_int_equal(run_line(&f, "ulimit -c; ulimit -n"), 0);
	assert_true(starts_with(out.s, "0\n"));
	f.s.max_file_bytes = 65536;
	assert_int_not_equal(run_line(&f, "dd if=/dev/zero of=/big bs=64k count=2"), 0);
	f.s.max_file_bytes = 0;
	f.s.tmpfs_bytes = 1 << 20;
	assert_int_not_equal(run_line(&f, "dd if=/dev/zero of=/big bs=64k count=32"), 0);
	assert_contains(out.s, "No space left");
	assert_int_not_equal(run_line(&f, "dd if=/dev/zero of=/tmp/big bs=64k count=32"), 0);
	f.s.tmpfs_bytes = 0;
	/* the kernel exempts the host's uid 0 */
	if (geteuid() != 0) {
		f.s.max_procs = 10;
		assert_int_equal(run_line(&f, "true | true | true"), 0);
		assert_int_not_equal(run_line(&f, "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do "
						  "sleep 5 & done"),
			0);
		assert_contains(out.s, "fork");
	}
	strvec_free(&f.layers);
}

static void passed_descriptors(void **state)
{
	_cleanup_free_ char *path = path_join(scratch, "passed");
	struct fixture f;
	int fd, keep[1];

	(void)state;
	NEED_ROOT();
	write_text(path, "through\n");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	keep[0] = fcntl(fd, F_DUPFD_CLOEXEC, 9);
	fixture_start(&f, native_root);
	f.s.pass_fds = keep;
	f.s.n_pass_fds = 1;
	assert_int_equal(keep[0], 9);
	assert_int_equal(run_line(&f, "cat <&9; echo $(ls /proc/self/fd)"), 0);
	assert_string_equal(out.s, "through\n0 1 2 3 9\n");
	close(fd);
	close(keep[0]);
	strvec_free(&f.layers);
}

/* ---- uname ---- */

static void uname_native(void **state)
{
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	f.s.uname_release = "4.9.337-phone";
	f.s.uname_machine = "aarch64";
	assert_int_equal(run_line(&f, "uname -r; uname -m; uname -sm; env -i /bin/uname -r"), 0);
	assert_string_equal(out.s, "4.9.337-phone\naarch64\nLinux aarch64\n4.9.337-phone\n");
	/* many at once, some killed while they wait */
	assert_int_equal(
		run_line(&f, "for i in 1 2 3 4 5 6 7 8; do (env uname -r >/dev/null & kill -9 $!)"
			     " 2>/dev/null; done; uname -r"),
		0);
	assert_string_equal(out.s, "4.9.337-phone\n");
	f.s.privilege = SANDBOX_SETUP;
	f.s.uname_machine = NULL;
	assert_int_equal(run_line(&f, "uname -r; uname -m"), 0);
	assert_true(starts_with(out.s, "4.9.337-phone\n"));
	assert_contains(out.s, arch_native()->uname);
	strvec_free(&f.layers);
}

/* On the host's root: static busybox shells may run their own uname whatever PATH says. */
static void uname_by_script(void **state)
{
	struct fixture f;

	(void)state;
	fixture_start(&f, "/");
	f.s.layers = NULL;
	f.s.host_root = true;
	f.s.uname_release = "4.9.337-phone";
	f.s.uname_machine = "aarch64";
	for (int script = 0; script < 2; script++) {
		sandbox_force = script ? FORCE_NO_NOTIFY : 0;
		assert_int_equal(run_line(&f, "uname -r; uname --machine; uname -sm; uname; "
					      "uname -a; uname -n -r"),
			0);
		assert_contains(out.s, "4.9.337-phone\naarch64\nLinux aarch64\nLinux\n"
				       "Linux pmkmod 4.9.337-phone #");
		assert_true(ends_with(out.s, "\npmkmod 4.9.337-phone\n"));
	}
	strvec_free(&f.layers);
}

static int tests(void)
{
	const struct CMUnitTest list[] = {TEST(exit_status), TEST(cannot_start), TEST(root_layers),
		TEST(upper_is_kept), TEST(plain_folder), TEST(binds), TEST(targets_stay_inside),
		TEST(host_root), TEST(no_rights), TEST(suppressed), TEST(no_network),
		TEST(the_tree), TEST(limits), TEST(passed_descriptors), TEST(uname_native),
		TEST(uname_by_script)};

	return cmocka_run_group_tests(list, box_setup, box_teardown);
}

int main(void)
{
	return run_as_everybody(tests);
}
