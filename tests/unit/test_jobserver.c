// SPDX-License-Identifier: GPL-3.0-or-later
/* The jobserver: taken, given, lost and found, and how make itself gets along with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/util/jobserver.h"

static int there(const struct jobserver *j)
{
	int n = -1;

	ioctl(j->fds[0], FIONREAD, &n);
	return n;
}

static void taken_and_given(void **state)
{
	struct jobserver j;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(jobserver_open(&j, 3, &e), 0);
	assert_true(j.fds[0] >= 100);
	assert_int_equal(there(&j), 3);
	assert_int_equal(jobserver_take(&j, 0, &e), 0);
	assert_int_equal(j.held, 1);
	assert_int_equal(there(&j), 2);
	jobserver_give(&j);
	assert_int_equal(there(&j), 3);
	/* no more than there are, and without waiting for those */
	assert_int_equal(jobserver_take(&j, 10, &e), 0);
	assert_int_equal(j.held, 3);
	jobserver_give(&j);
	assert_int_equal(there(&j), 3);
	jobserver_close(&j);
}

/* Another process waits until one is given back. */
static void waited_for(void **state)
{
	struct jobserver j;
	struct err e = ERR_INIT;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(jobserver_open(&j, 1, &e), 0);
	assert_int_equal(jobserver_take(&j, 0, &e), 0);
	pid = fork();
	if (pid == 0) {
		j.own = -1;
		j.held = 0;
		if (jobserver_take(&j, 0, NULL) < 0)
			_exit(1);
		jobserver_give(&j);
		_exit(0);
	}
	usleep(300000);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	jobserver_give(&j);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(there(&j), 1);
	jobserver_close(&j);
}

static void lost_ones_come_back(void **state)
{
	struct jobserver j;
	struct err e = ERR_INIT;
	char c;

	(void)state;
	assert_int_equal(jobserver_open(&j, 2, &e), 0);
	/* a make that was killed had it */
	assert_int_equal(read(j.fds[0], &c, 1), 1);
	jobserver_mend(&j, 1);
	usleep(2200000);
	jobserver_mend(&j, 1);
	assert_int_equal(there(&j), 1); /* somebody may have it */
	jobserver_mend(&j, 0);
	assert_int_equal(there(&j), 1); /* and it may just be on its way */
	usleep(2200000);
	jobserver_mend(&j, 0);
	assert_int_equal(there(&j), 2);
	/* what a build puts in beyond that is taken out */
	assert_int_equal(write(j.fds[1], "xyz", 3), 3);
	jobserver_mend(&j, 0);
	assert_int_equal(there(&j), 2);
	jobserver_close(&j);
}

/* make(1) takes what is there, and no more than that. */
static void make_agrees(void **state)
{
	static const char makefile[] = "all: a b c d\n"
				       "a b c d:\n"
				       "\t@echo +; sleep 0.2; echo -\n";
	char path[] = "/tmp/pmkmod-jobserver.XXXXXX", line[64];
	_cleanup_free_ char *command = NULL, *flags = NULL;
	struct jobserver j;
	struct err e = ERR_INIT;
	int fd = mkstemp(path), now = 0, most = 0;
	FILE *out;

	(void)state;
	assert_int_equal(write(fd, makefile, sizeof(makefile) - 1), sizeof(makefile) - 1);
	close(fd);
	assert_int_equal(jobserver_open(&j, 2, &e), 0);
	flags = jobserver_flags(&j);
	assert_int_equal(jobserver_take(&j, 0, &e), 0);
	fcntl(j.fds[0], F_SETFD, 0);
	fcntl(j.fds[1], F_SETFD, 0);
	command = xasprintf("env -u MAKELEVEL MAKEFLAGS='%s' make --no-print-directory -f %s 2>&1",
		flags, path);
	out = popen(command, "r");
	while (out && fgets(line, sizeof(line), out)) {
		if (*line != '+' && *line != '-')
			fail_msg("make said: %s", line);
		now += *line == '+' ? 1 : -1;
		most = now > most ? now : most;
	}
	assert_int_equal(pclose(out), 0);
	assert_int_equal(most, 2);
	jobserver_give(&j);
	assert_int_equal(there(&j), 2);
	jobserver_close(&j);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken_and_given),
		cmocka_unit_test(waited_for),
		cmocka_unit_test(lost_ones_come_back),
		cmocka_unit_test(make_agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
