// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * /init of the loading tests, static. Reads /list, one case a line: "NUMBER FILE [DEPENDENCY...]",
 * paths of modules; loads the dependencies and the file with finit_module(2), says what the kernel
 * answered and wrote into its log, unloads them, and goes on. Each line it prints begins with @FIT:
 *
 *     @FIT init RELEASE
 *     @FIT begin NUMBER
 *     @FIT dependency NUMBER ERRNO FILE       one that does not load ends the case
 *     @FIT log NUMBER TEXT
 *     @FIT end NUMBER ERRNO SECONDS           0: the kernel took it
 *     @FIT stuck NUMBER                       the call does not come back, or cannot be undone
 *     @FIT done
 *
 * After an oops the kernel panics (oops=panic) and nothing more comes; who reads this starts it
 * again with fit_from=NUMBER, the first case to try.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 8 /* modules of one case */
#define CALL_S 10 /* how long one finit_module(2) may take */
#define NAME 64

static int kernel_log;

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	/* one write, so that the kernel's own words do not get in between */
	if (write(1, line, (size_t)n) < 0)
		reboot(RB_AUTOBOOT);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What the kernel wrote since the last call; number < 0: throw it away. */
static void tell_log(int number)
{
	char record[8192];
	ssize_t n;

	while ((n = read(kernel_log, record, sizeof(record) - 1)) > 0 ||
		(n < 0 && errno == EPIPE)) {
		char *text;

		if (n < 0 || number < 0)
			continue;
		record[n] = 0;
		text = strchr(record, ';');
		if (!text)
			continue;
		text[strcspn(text, "\n")] = 0;
		say("@FIT log %d %s", number, text + 1);
	}
}

/* The name of the module loaded last: the first of the list. */
static int newest(char *name)
{
	char text[256];
	int fd = open("/proc/modules", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return -1;
	text[n] = 0;
	snprintf(name, NAME, "%.*s", (int)strcspn(text, " "), text);
	return 0;
}

/* errno of finit_module(2), -1 if it does not come back. A child of its own can be left behind. */
static int load(const char *path)
{
	double end = now() + CALL_S;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			_exit(errno);
		_exit(syscall(SYS_finit_module, fd, "", 0) < 0 ? errno : 0);
	}
	if (pid < 0)
		return errno;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now() > end)
			return -1;
		usleep(500);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void stuck(int number)
{
	tell_log(number);
	say("@FIT stuck %d", number);
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static void unload(int number, char names[][NAME], int n)
{
	while (n-- > 0)
		if (syscall(SYS_delete_module, names[n], O_NONBLOCK) < 0)
			stuck(number);
}

static void try_case(char *line)
{
	char names[MOST][NAME], *rest, *files[MOST];
	const char *word = strtok_r(line, " ", &rest);
	int number = word ? atoi(word) : -1, n = 0, loaded = 0, r = 0;
	double begin;

	while (n < MOST && (files[n] = strtok_r(NULL, " ", &rest)))
		n++;
	if (n == 0)
		return;
	say("@FIT begin %d", number);
	tell_log(-1);
	/* the file itself comes last */
	for (int i = 1; i < n; i++) {
		r = load(files[i]);
		if (r < 0)
			stuck(number);
		if (r > 0 || newest(names[loaded]) < 0) {
			tell_log(number);
			say("@FIT dependency %d %d %s", number, r, files[i]);
			unload(number, names, loaded);
			return;
		}
		loaded++;
	}
	begin = now();
	r = load(files[0]);
	if (r < 0)
		stuck(number);
	begin = now() - begin;
	tell_log(number);
	say("@FIT end %d %d %.3f", number, r, begin);
	if (r == 0 && newest(names[loaded]) == 0)
		loaded++;
	unload(number, names, loaded);
}

static void make_system(void)
{
	struct utsname u;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	if (mount("proc", "/proc", "proc", 0, "") < 0 ||
		mount("sysfs", "/sys", "sysfs", 0, "") < 0 ||
		(mount("devtmpfs", "/dev", "devtmpfs", 0, "") < 0 && errno != EBUSY))
		say("@FIT broken: mount: %s", strerror(errno));
	kernel_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kernel_log < 0)
		say("@FIT broken: /dev/kmsg: %s", strerror(errno));
	lseek(kernel_log, 0, SEEK_END);
	uname(&u);
	say("@FIT init %s", u.release);
}

int main(void)
{
	const char *text = getenv("fit_from");
	int from = text ? atoi(text) : 0;
	char line[1024];
	FILE *list;

	make_system();
	list = fopen("/list", "re");
	if (!list)
		say("@FIT broken: /list: %s", strerror(errno));
	while (list && fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = 0;
		if (atoi(line) >= from)
			try_case(line);
	}
	say("@FIT done");
	sync();
	reboot(RB_POWER_OFF);
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
