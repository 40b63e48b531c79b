// SPDX-License-Identifier: GPL-3.0-or-later
/* The sandbox with native programs: the root, rights, mounts, ends. Run as root and as a user. */
#include "tests/unit/box.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

static int group_setup(void **state)
{
	(void)state;
	native_root = make_busybox_root("native");
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	free(native_root);
	strbuf_free(&out);
	return 0;
}

#define NEED_ROOT()                                                                                \
	do {                                                                                       \
		if (!native_root)                                                                  \
			skip();                                                                    \
	} while (0)

static int each_teardown(void **state)
{
	(void)state;
	sandbox_force = 0;
	interrupt_forget();
	return 0;
}

static void exit_status(void **state)
{
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	assert_int_equal(run_line(&f, "exit 7"), 7);
	assert_false(res.killed_by_signal);
	assert_true(res.peak_rss_kib > 0);
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

/* ---- code instead of a command ---- */

static int look_inside(void *ctx)
{
	int fd = open("/from-callback", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (getuid() != 0 || getpid() == 1 || access("/bin/busybox", X_OK) < 0 || fd < 0)
		return 1;
	/* the caller's descriptors are there, its handlers and environment are not */
	if (fcntl(*(int *)ctx, F_GETFD) < 0 || getenv("HOME") || !getenv("MARK"))
		return 2;
	if (fchown(fd, 42, 42) < 0 || fsync(fd) < 0)
		return 3;
	printf("said inside\n");
	return system("true") == 0 ? 44 : 4;
}

static void code_inside(void **state)
{
	_cleanup_free_ char *dir = path_join(scratch, "cb"),
			    *made = path_join(dir, "upper/from-callback");
	struct fixture f;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	f.s.upper = dir;
	f.s.privilege = SANDBOX_SETUP;
	f.s.inside = look_inside;
	f.s.inside_ctx = &fd;
	assert_int_equal(run_argv(&f), 0);
	assert_int_equal(res.status, 44);
	assert_string_equal(out.s, "said inside\n");
	assert_true(fs_exists(made));
	close(fd);
	strvec_free(&f.layers);
}

/* ---- ends ---- */

static void timeout(void **state)
{
	struct fixture f;
	int64_t start = ms_now();

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	f.s.timeout_s = 1;
	f.argv[0] = "sleep";
	f.argv[1] = "1000";
	assert_int_equal(run_argv(&f), -ETIMEDOUT);
	assert_in_range(ms_now() - start, 900, 8000);
	assert_contains(err.text, "1 second");
	strvec_free(&f.layers);
}

static void interrupt(void **state)
{
	struct fixture f;
	int64_t start = ms_now();
	pid_t parent = getpid(), helper;

	(void)state;
	NEED_ROOT();
	interrupt_install();
	fixture_start(&f, native_root);
	f.argv[0] = "sleep";
	f.argv[1] = "1000";
	helper = fork();
	if (helper == 0) {
		poll(NULL, 0, 300);
		kill(parent, SIGINT);
		_exit(0);
	}
	assert_int_equal(run_argv(&f), -EINTR);
	assert_true(ms_now() - start < 8000);
	assert_true(interrupted());
	assert_int_equal(interrupt_signal(), SIGINT);
	/* nothing starts afterwards */
	assert_int_equal(run_argv(&f), -EINTR);
	interrupt_forget();
	waitpid(helper, NULL, 0);
	strvec_free(&f.layers);
}

static int refuse(void *ctx, const char *data, size_t len)
{
	(void)ctx, (void)data, (void)len;
	return -ECANCELED;
}

static void output_refused(void **state)
{
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	f.s.output = refuse;
	f.argv[0] = "sh";
	f.argv[1] = "-c";
	f.argv[2] = "echo x; sleep 1000";
	assert_int_equal(run_argv(&f), -ECANCELED);
	strvec_free(&f.layers);
}

/* More than pipes hold, and a process left behind that keeps the pipe open. */
static void much_output(void **state)
{
	struct fixture f;
	int64_t start = ms_now();

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	assert_int_equal(
		run_line(&f, "sleep 1000 & dd if=/dev/zero bs=64k count=64 2>/dev/null"), 0);
	assert_int_equal(out.len, 64 * 65536);
	assert_true(ms_now() - start < 30000);
	strvec_free(&f.layers);
}

/* Is there a process with this argument anywhere? */
static bool somebody_runs(const char *arg)
{
	DIR *d = opendir("/proc");
	struct dirent *de;
	bool found = false;

	while (!found && (de = readdir(d))) {
		_cleanup_free_ char *path = xasprintf("/proc/%s/cmdline", de->d_name);
		_cleanup_free_ char *text = NULL;
		size_t len = 0;

		if (fs_read(path, 4096, &text, &len, NULL) == 0)
			found = memmem(text, len, arg, strlen(arg));
	}
	closedir(d);
	return found;
}

static int tell_ready(void *ctx, const char *data, size_t len)
{
	return write(*(int *)ctx, data, len) < 0 ? -EIO : 0;
}

static void killed_caller(void **state)
{
	_cleanup_free_ char *before = read_text("/proc/self/mountinfo");
	_cleanup_free_ char *after = NULL;
	struct fixture f;
	int ready[2];
	char c;
	pid_t pid;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		f.s.output = tell_ready;
		f.s.output_ctx = &ready[1];
		run_line(&f, "(sleep 98761 & sleep 98761 & echo ready; sleep 98761)");
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_true(somebody_runs("98761"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 100 && somebody_runs("98761"); i++)
		poll(NULL, 0, 50);
	assert_false(somebody_runs("98761"));
	after = read_text("/proc/self/mountinfo");
	assert_string_equal(before, after);
	close(ready[0]);
	close(ready[1]);
	strvec_free(&f.layers);
}

/* At whatever moment the caller dies: everything we start holds the pipe, but the command. */
static void killed_at_any_time(void **state)
{
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	for (int delay_ms = 0; delay_ms < 60; delay_ms += 2) {
		struct pollfd p = {.events = POLLIN};
		int alive[2];
		pid_t pid;

		assert_int_equal(pipe(alive), 0);
		pid = fork();
		if (pid == 0) {
			close(alive[0]);
			run_line(&f, "sleep 1000");
			_exit(0);
		}
		close(alive[1]);
		poll(NULL, 0, delay_ms);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		p.fd = alive[0];
		assert_int_equal(poll(&p, 1, 10000), 1);
		close(alive[0]);
	}
	strvec_free(&f.layers);
}

static int append(void *ctx, const char *data, size_t len)
{
	strbuf_add(ctx, data, len);
	return 0;
}

static void *run_ten(void *arg)
{
	const char *argv[] = {"/bin/echo", arg, NULL};
	struct fixture f;
	intptr_t failed = 0;

	fixture_start(&f, native_root);
	f.s.argv = argv;
	f.s.output = append;
	for (int i = 0; i < 10; i++) {
		struct strbuf text = {0};
		struct err e = ERR_INIT;
		struct sandbox_result r;

		f.s.output_ctx = &text;
		if (sandbox_run(&f.s, &r, &e) < 0 || r.status || !text.s || !streq(text.s, "1\n")) {
			print_error("status %d, %s: %s\n", r.status, e.text, text.s ? text.s : "");
			failed++;
		}
		strbuf_free(&text);
	}
	strvec_free(&f.layers);
	return (void *)failed;
}

static void several_threads(void **state)
{
	static char one[] = "1";
	pthread_t t[4];
	void *failed;

	(void)state;
	NEED_ROOT();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, run_ten, one), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_int_equal(pthread_join(t[i], &failed), 0);
		assert_null(failed);
	}
}

/* ---- terminals ---- */

/* In a session whose terminal is `tty`: an interactive command, then the terminal is ours again. */
static int on_terminal(const char *name, bool interactive)
{
	struct fixture f;
	int tty;

	setsid();
	tty = open(name, O_RDWR); /* becomes the controlling terminal */
	if (tty < 0 || tcgetpgrp(tty) != getpgrp())
		return 90;
	fixture_start(&f, native_root);
	f.s.output = NULL;
	f.s.stdin_fd = f.s.stdout_fd = f.s.stderr_fd = tty;
	f.s.tty = interactive;
	f.argv[0] = "sh";
	f.argv[1] = "-c";
	f.argv[2] = "read x </dev/tty && [ \"$x\" = typed ] && exit 5";
	if (run_argv(&f) < 0)
		return 91;
	return tcgetpgrp(tty) == getpgrp() ? res.status : 92;
}

static int status_on_terminal(bool interactive)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), status = 0;
	char *name;
	pid_t pid;

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	name = ptsname(master);
	assert_int_equal(write(master, "typed\n", 6), 6);
	pid = fork();
	if (pid == 0)
		_exit(on_terminal(name, interactive));
	waitpid(pid, &status, 0);
	close(master);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void terminal(void **state)
{
	(void)state;
	NEED_ROOT();
	assert_int_equal(status_on_terminal(true), 5);
	/* a build has no terminal, even if its input is one */
	assert_int_equal(status_on_terminal(false), 1);
}

/* ---- hosts that refuse ---- */

static bool write_proc(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) > 0;
}

static int without_namespaces(struct fixture *f)
{
	char map[32];

	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	snprintf(map, sizeof(map), "0 %d 1", (int)geteuid());
	if (unshare(CLONE_NEWUSER) < 0 || !write_proc("/proc/self/uid_map", map) ||
		!write_proc("/proc/sys/user/max_user_namespaces", "0"))
		return 77;
	f->argv[0] = "true";
	if (run_argv(f) != -EPERM)
		return 1;
	return strstr(err.text, "sysctl user.max_user_namespaces=") ? 0 : 2;
}

static void namespaces_off(void **state)
{
	struct fixture f;
	int status;
	pid_t pid;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	pid = fork();
	if (pid == 0)
		_exit(without_namespaces(&f));
	waitpid(pid, &status, 0);
	strvec_free(&f.layers);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

#define TEST(f) cmocka_unit_test_teardown(f, each_teardown)

static int tests(void)
{
	const struct CMUnitTest list[] = {TEST(exit_status), TEST(cannot_start), TEST(root_layers),
		TEST(upper_is_kept), TEST(plain_folder), TEST(binds), TEST(targets_stay_inside),
		TEST(host_root), TEST(no_rights), TEST(suppressed), TEST(no_network),
		TEST(the_tree), TEST(limits), TEST(passed_descriptors), TEST(uname_native),
		TEST(uname_by_script), TEST(code_inside), TEST(timeout), TEST(interrupt),
		TEST(output_refused), TEST(much_output), TEST(killed_caller),
		TEST(killed_at_any_time), TEST(several_threads), TEST(terminal),
		TEST(namespaces_off)};

	return cmocka_run_group_tests(list, group_setup, group_teardown);
}

int main(void)
{
	return run_as_everybody(tests);
}
