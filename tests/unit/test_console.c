// SPDX-License-Identifier: GPL-3.0-or-later
/* Reading the serial console: our init's marked lines among the kernel's, whole, cut and mixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pmkmod/boot/boot_parts.h"

#define T "0123456789abcdef0123456789abcdef"

static const char good[] =
	"[    0.000000] Linux version 6.1.0\r\n" T " init\r\n" T " uname 6.1.0-50-arm64\r\n" T
	" begin dummy\r\n" T " words modprobe: a warning\r\n" T " status dummy 0\r\n" T
	" modules dummy 16384 0 - Live 0x0\r\n" T " modules other 1 0 - Live 0x0\r\n" T
	" dmesg [    1.0] pmkmod: MARK\r\n" T " dmesg [    1.1] dummy: hello\r\n" T " sent 2\r\n" T
	" done\r\n"
	"[    2.0] reboot: Power down\r\n";

static void feed(struct console *c, const char *text, size_t piece)
{
	size_t n = strlen(text);

	console_start(c, T);
	for (size_t i = 0; i < n; i += piece)
		console_feed(c, text + i, i + piece > n ? n - i : piece);
	console_end(c);
}

static void check_good(const struct console *c)
{
	assert_true(c->init_ran);
	assert_true(c->finished);
	assert_string_equal(c->uname.s, "6.1.0-50-arm64");
	assert_int_equal(c->n_modules, 1);
	assert_string_equal(c->modules[0].name, "dummy");
	assert_int_equal(c->modules[0].status, 0);
	assert_string_equal(c->words.s, "modprobe: a warning\n");
	assert_string_equal(c->proc_modules.s, "dummy 16384 0 - Live 0x0\nother 1 0 - Live 0x0\n");
	assert_string_equal(c->dmesg.s, "[    1.0] pmkmod: MARK\n[    1.1] dummy: hello\n");
	assert_int_equal(c->dmesg_seen, 2);
	assert_int_equal(c->dmesg_promised, 2);
	assert_string_equal(c->last, "[    2.0] reboot: Power down");
	assert_null(c->panic);
	assert_int_equal(c->loading.kind, TROUBLE_NONE);
}

static void in_pieces(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < sizeof(good); piece++) {
		struct console c;

		feed(&c, good, piece);
		check_good(&c);
		assert_int_equal(c.bytes, strlen(good));
		console_free(&c);
	}
}

/* Cut anywhere it is incomplete, and says so. */
static void truncated(void **state)
{
	(void)state;
	for (size_t n = 0; n < (size_t)(strstr(good, " done") - good); n++) {
		_cleanup_free_ char *text = xstrndup(good, n);
		struct console c;

		feed(&c, text, 7);
		assert_false(c.finished);
		if (c.n_modules && !strstr(text, "status dummy 0"))
			assert_int_equal(c.modules[0].status, -1);
		console_free(&c);
	}
}

static void noise(void **state)
{
	struct console c;

	(void)state;
	feed(&c,
		/* a kernel message without its newline in front */
		"[    3.1] usb: " T " init\n"
		/* another token, no token, half a token, the token without a blank */
		"fedcba9876543210fedcba9876543210 done\n"
		"done\nstatus dummy 0\n"
		"0123456789abcdef done\n" T "done\n" T "\n" T " \n" T " nonsense x\n"
		"pmkmod: begin x\n" T " begin dummy\n"
		/* not about the module that was begun; not a number */
		T " status other 0\n" T " status dummy\n" T " status dummy x\n" T
		" status dummy 999\n" T " sent many\n",
		1000);
	assert_true(c.init_ran);
	assert_false(c.finished);
	assert_int_equal(c.n_modules, 1);
	assert_int_equal(c.modules[0].status, -1);
	assert_int_equal(c.dmesg_promised, -1);
	console_free(&c);
}

static void bytes_of_any_kind(void **state)
{
	struct console c;
	char junk[9000];
	unsigned seed = 3;

	(void)state;
	console_start(&c, T);
	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (char)(rand_r(&seed) % 256);
	console_feed(&c, junk, sizeof(junk));
	memset(junk, 'x', sizeof(junk)); /* a line without an end */
	for (int i = 0; i < 100; i++)
		console_feed(&c, junk, sizeof(junk));
	assert_true(c.line.len < sizeof(junk));
	console_feed(&c, "\n" T " init\n", sizeof("\n" T " init\n") - 1);
	assert_true(c.init_ran);
	console_end(&c);
	console_free(&c);
}

static void troubles(void **state)
{
	struct console c;

	(void)state;
	/* one of the kernel's own, then the module's, and the end of all */
	feed(&c,
		"[ 0.5] Unable to handle kernel paging request at virtual address 0\n"
		"[ 0.6] ---[ end trace 0000000000000000 ]---\n" T " init\n" T " begin bad\n"
		"[ 2.0] Unable to handle kernel NULL pointer dereference at virtual address 0\n"
		"[ 2.1] Internal error: Oops: 96000004 [#1] SMP\n"
		"[ 2.2] pc : start+0x14/0x1000 [bad]\n"
		"[ 2.2] ---[ end trace 0000000000000000 ]---\n"
		"[ 2.3] Kernel panic - not syncing: Fatal exception\n"
		"[ 2.4] ---[ end Kernel panic - not syncing: Fatal exception ]---\n",
		50);
	assert_int_equal(c.loading.kind, TROUBLE_PANIC);
	assert_string_equal(c.loading.first,
		"Unable to handle kernel NULL pointer dereference at virtual address 0");
	assert_string_equal(c.loading.function, "start+0x14/0x1000 [bad]");
	assert_int_equal(c.loading.n, 6);
	assert_string_equal(c.panic, "[ 2.3] Kernel panic - not syncing: Fatal exception");
	assert_int_equal(c.testing.kind, TROUBLE_NONE);
	console_free(&c);
	/* the kernel log that our init brings back is not the console */
	feed(&c, T " dmesg [ 2.0] Kernel panic - not syncing: a word of a log\n", 50);
	assert_null(c.panic);
	assert_int_equal(c.loading.kind, TROUBLE_NONE);
	console_free(&c);
	feed(&c, "[ 1.0] Failed to execute /init (error -2)\n", 50);
	assert_non_null(c.setup);
	console_free(&c);
	feed(&c, "error: kvm run failed Function not implemented\n", 50);
	assert_non_null(c.stopped);
	console_free(&c);
}

static void own_test(void **state)
{
	struct console c;

	(void)state;
	feed(&c,
		T " init\n" T " tested 0\n" T " begin a\n" T " status a 0\n"
		  "before\n" T " test\n"
		  "one\r\n\r\ntwo\n"
		  "[ 3.0] Internal error: Oops: 17 [#1] SMP ARM\n"
		  "no newline" T " tested 3\nbehind\n",
		7);
	assert_true(c.test_ended);
	assert_int_equal(c.test_status, 3);
	assert_string_equal(c.test_output.s,
		"one\ntwo\n[ 3.0] Internal error: Oops: 17 [#1] SMP ARM\nno newline\n");
	assert_int_equal(c.loading.kind, TROUBLE_NONE);
	assert_int_equal(c.testing.kind, TROUBLE_OOPS);
	console_free(&c);
	feed(&c, T " init\n" T " test\n" T " tested\n" T " tested x\n" T " tested 256\n", 9);
	assert_true(c.test_began);
	assert_false(c.test_ended);
	console_free(&c);
}

/* What a shell prints behind our last line is not read. */
static void stops_at_the_end(void **state)
{
	static const char text[] = T " init\n" T " done\n(shell) # ";
	struct console c;

	(void)state;
	console_start(&c, T);
	c.stop_at_end = true;
	assert_int_equal(console_feed(&c, text, strlen(text)), strlen(text) - strlen("(shell) # "));
	assert_int_equal(console_feed(&c, "more", 4), 0);
	assert_true(c.finished);
	console_free(&c);
}

static void test_is_cut_out(void **state)
{
	struct strbuf b = {0};
	_cleanup_free_ char *behind = NULL;

	(void)state;
	assert_null(init_cut_test(&b, "MARK"));
	strbuf_adds(&b, "[ 1] loading\n[ 2] pmkmod: MARK test\n[ 3] testing\n");
	behind = init_cut_test(&b, "MARK");
	assert_string_equal(b.s, "[ 1] loading\n[ 3] testing\n");
	assert_int_equal(b.len, strlen(b.s));
	assert_string_equal(behind, "[ 3] testing\n");
	assert_null(init_cut_test(&b, "MARK"));
	strbuf_free(&b);
}

static void kernel_log_is_cut(void **state)
{
	struct strbuf b = {0};

	(void)state;
	strbuf_adds(&b, "[ 1] before\n[ 2] pmkmod: MARK\n[ 3] after\n");
	init_cut_dmesg(&b, "MARK");
	assert_string_equal(b.s, "[ 3] after\n");
	init_cut_dmesg(&b, "MARK");
	assert_string_equal(b.s, "[ 3] after\n");
	strbuf_reset(&b);
	strbuf_adds(&b, "[ 2] pmkmod: MARK");
	init_cut_dmesg(&b, "MARK");
	assert_string_equal(b.s, "[ 2] pmkmod: MARK");
	strbuf_free(&b);
	init_cut_dmesg(&b, "MARK");
}

static void script(void **state)
{
	struct strvec modules = {0};
	struct init_spec s = {.token = "TOKEN", .mark = "MARK", .modules = &modules};

	(void)state;
	strvec_add(&modules, "videodev");
	strvec_add(&modules, "v4l2loopback");
	for (int i = 0; i < 4; i++) {
		_cleanup_free_ char *text = NULL;

		s.test = i & 1;
		s.shell = i & 2 ? "ttyAMA0" : NULL;
		text = init_script(&s);
		assert_true(starts_with(text, "#!/bin/sh\n"));
		assert_non_null(strstr(text, "for m in videodev v4l2loopback; do"));
		assert_non_null(strstr(text, "'TOKEN done'"));
		assert_non_null(strstr(text, "pmkmod: MARK"));
		assert_int_equal(strstr(text, "sh -e /" INIT_TEST) != NULL, s.test);
		assert_int_equal(strstr(text, "/dev/ttyAMA0") != NULL, s.shell != NULL);
		assert_null(strstr(text, "stty rows"));
		for (const char *p = "TKMPSRC"; *p; p++) {
			const char name[] = {'@', *p, '@', '\0'};

			assert_null(strstr(text, name));
		}
	}
	s.rows = 25;
	s.columns = 80;
	_cleanup_free_ char *sized = init_script(&s);
	assert_non_null(strstr(sized, "stty rows 25 cols 80"));
	strvec_free(&modules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_pieces),
		cmocka_unit_test(truncated),
		cmocka_unit_test(noise),
		cmocka_unit_test(bytes_of_any_kind),
		cmocka_unit_test(troubles),
		cmocka_unit_test(own_test),
		cmocka_unit_test(stops_at_the_end),
		cmocka_unit_test(test_is_cut_out),
		cmocka_unit_test(kernel_log_is_cut),
		cmocka_unit_test(script),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
