// SPDX-License-Identifier: GPL-3.0-or-later
/* What a phone's words after modprobe mean, and what the porter is told to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pmkmod/phone/sideload.h"

#define T "0123456789abcdef0123456789abcdef"
#define LOADING T " loading hello\n"
#define GOOD T " status hello 0\n" T " after\n" T " marked\n"
#define ROW T " lsmod hello 16384 0\n"
#define END T " end\n"
#define D T " dmesg "

#define ARM64                                                                                      \
	D "[1.0] Unable to handle kernel paging request at virtual address 0000000000000008\n" D   \
	  "[1.0] Internal error: Oops: 96000004 [#1] SMP\n" D                                      \
	  "[1.0] pc : touch+0x14/0x1c [hello]\n" D "[1.0] ---[ end trace 0000000000000000 ]---\n"
#define ARM                                                                                        \
	D "[1.0] Unable to handle kernel NULL pointer dereference at virtual address 00000000\n" D \
	  "[1.0] Internal error: Oops: 5 [#1] SMP ARM\n" D                                         \
	  "[1.0] PC is at touch+0xc/0x14 [hello]\n" D                                              \
	  "[1.0] ---[ end trace 0000000000000000 ]---\n"
#define X86                                                                                        \
	D "[1.0] BUG: kernel NULL pointer dereference, address: 0000000000000000\n" D              \
	  "[1.0] Oops: 0000 [#1] PREEMPT SMP NOPTI\n" D "[1.0] RIP: 0010:strlen+0x5/0x20\n" D      \
	  "[1.0] Call Trace:\n" D "[1.0]  start+0x59/0x220 [hello]\n" D                            \
	  "[1.0] ---[ end trace 0000000000000000 ]---\n"
#define RISCV                                                                                      \
	D "[1.0] Unable to handle kernel NULL pointer dereference at virtual address "             \
	  "0000000000000000\n" D "[1.0] Oops [#1]\n" D "[1.0] epc : start+0x10/0x20 [hello]\n" D   \
	  "[1.0] ---[ end trace 0000000000000000 ]---\n"

static const struct {
	const char *title, *said;
	bool loaded, hung, lost, refused;
	enum trouble_kind kind;
	const char *failure[2]; /* what it says; NULL: nothing */
	size_t next; /* sentences */
} cases[] = {
	{"all is well", LOADING GOOD ROW END, true, false, false, false, TROUBLE_NONE, {NULL}, 0},
	{"a refusal",
		LOADING T " modprobe could not insert 'hello': Exec format error\n" T
			  " status hello 1\n" T " after\n" T " marked\n" D
			  "[1.0] hello: version magic '5' should be '6'\n" END,
		false, false, false, true, TROUBLE_NONE, {"exit status 1", "Exec format"}, 0},
	{"an oops of arm64",
		LOADING T " status hello 139\n" T " after\n" T " marked\n" ARM64 ROW END, false,
		false, false, false, TROUBLE_OOPS,
		{"killed by signal 11", "0000000000000008 -- in touch+0x14/0x1c [hello]"}, 3},
	{"an oops of arm", LOADING T " status hello 139\n" T " after\n" T " marked\n" ARM ROW END,
		false, false, false, false, TROUBLE_OOPS, {"00000000 -- in touch+0xc/0x14 [hello]"},
		3},
	{"an oops of x86_64",
		LOADING T " status hello 137\n" T " after\n" T " marked\n" X86 ROW END, false,
		false, false, false, TROUBLE_OOPS,
		{"killed by signal 9", "strlen+0x5/0x20, called by start+0x59/0x220 [hello]"}, 3},
	{"an oops of riscv", LOADING T " status hello 139\n" T " after\n" T " marked\n" RISCV END,
		false, false, false, false, TROUBLE_OOPS, {"in start+0x10/0x20 [hello]"}, 3},
	{"an oops behind a module that stays", LOADING GOOD ARM64 ROW END, false, false, false,
		false, TROUBLE_OOPS, {"the kernel said: Unable"}, 3},
	{"an oops of before: no mark", LOADING T " status hello 0\n" T " after\n" ARM64 ROW END,
		true, false, false, false, TROUBLE_NONE, {NULL}, 0},
	{"no mark, but modprobe was killed", LOADING T " status hello 139\n" T " after\n" ARM64 END,
		false, false, false, false, TROUBLE_OOPS, {"in touch"}, 3},
	/* a crash is no refusal, whatever the log says */
	{"an oops with a refusal's words",
		LOADING T " status hello 139\n" T " after\n" T " marked\n" D
			  "[1.0] hello: Unknown symbol x (err -2)\n" ARM64 END,
		false, false, false, false, TROUBLE_OOPS, {"in touch"}, 3},
	{"a complaint",
		LOADING GOOD D "[1.0] BUG: scheduling while atomic: modprobe/9/0x2\n" ROW END, true,
		false, false, false, TROUBLE_COMPLAINT, {NULL}, 0},
	{"it hangs",
		LOADING T " hung hello\n" T " stack [<0>] start+0x20/0x1000 [hello]\n" T
			  " after\n" T " marked\n" END,
		false, true, false, false, TROUBLE_NONE, {"did not end within 120 seconds"}, 3},
	{"the phone is gone", LOADING, false, false, true, false, TROUBLE_NONE,
		{"stopped answering while the module hello was being loaded (ssh: closed)"}, 4},
	{"the phone is gone a moment later", LOADING T " status hello 0\n" T " after\n", false,
		false, true, false, TROUBLE_NONE,
		{"stopped answering right after the module was loaded (ssh: closed)"}, 4},
	{"the log came, then it was gone",
		LOADING T " status hello 139\n" T " after\n" T " marked\n" ARM64, false, false,
		true, false, TROUBLE_OOPS, {"in touch", "stopped answering right after"}, 4},
};

static struct strvec modules;
static char phone_name[] = "user@phone", name[] = "hello-kmod-foo", version[] = "1-r0";
static struct phone_package package = {.pkg = {.name = name, .version = version}};

static struct sideload loading(void)
{
	return (struct sideload){.modules = &modules,
		.packages = {.v = &package, .n = 1},
		.phone = {.shown = phone_name, .timeout_s = 120}};
}

static void judge(struct sideload *s, const char *text, struct sideload_result *out)
{
	struct err silence = {.code = -EPIPE, .text = "ssh: closed\na hint"};
	struct sideload_said said = {.added = -1, .token = T};

	*out = (struct sideload_result){0};
	sideload_hear(&said, text, strlen(text));
	sideload_heard_all(&said);
	sideload_judge_load(s, &said, said.ended ? NULL : &silence, out);
	sideload_said_free(&said);
}

static void judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sideload s = loading();
		struct sideload_result r;

		judge(&s, cases[i].said, &r);
		if (r.loaded != cases[i].loaded || r.hung != cases[i].hung ||
			r.lost != cases[i].lost || r.refused != cases[i].refused ||
			r.trouble.kind != cases[i].kind || r.next.n != cases[i].next)
			fail_msg("%s: loaded %d hung %d lost %d refused %d kind %d next %zu",
				cases[i].title, r.loaded, r.hung, r.lost, r.refused, r.trouble.kind,
				r.next.n);
		for (size_t k = 0; k < 2 && cases[i].failure[k]; k++)
			if (!r.failure || !strstr(r.failure, cases[i].failure[k]))
				fail_msg("%s: '%s' is not in: %s", cases[i].title,
					cases[i].failure[k], r.failure ? r.failure : "nothing");
		if (!cases[i].failure[0] && r.failure)
			fail_msg("%s: %s", cases[i].title, r.failure);
		/* the lines of an oops are shown once */
		if (r.trouble.kind >= TROUBLE_OOPS && strstr(r.dmesg, "end trace"))
			fail_msg("%s: the log still has them", cases[i].title);
		sideload_result_free(&r);
	}
}

/* After the first that the kernel did not stand the others are not tried. */
static void several(void **state)
{
	struct sideload s = loading();
	struct sideload_result r;

	(void)state;
	strvec_add(&modules, "snd-foo");
	judge(&s, LOADING T " status hello 139\n" T " after\n" T " marked\n" ARM64 END, &r);
	assert_non_null(strstr(r.failure, "modprobe snd-foo was not called any more"));
	sideload_result_free(&r);
	judge(&s,
		LOADING T " status hello 0\n" T " loading snd-foo\n" T " hung snd-foo\n" T
			  " stack a+0x1/0x2\n" ROW END,
		&r);
	assert_non_null(strstr(r.failure, "modprobe snd-foo did not end within 120 seconds"));
	assert_null(strstr(r.failure, "modprobe hello"));
	assert_string_equal(r.stack, "a+0x1/0x2\n");
	assert_string_equal(r.lsmod, "hello 16384 0\n");
	sideload_result_free(&r);
	free(modules.v[--modules.n]);
}

/* Where the next start would load it again, that comes first. */
static void at_each_start(void **state)
{
	static const char oops[] =
		LOADING T " status hello 139\n" T " after\n" T " marked\n" ARM64 END;
	struct sideload s = loading();
	struct sideload_result r;

	(void)state;
	judge(&s, oops, &r);
	assert_true(starts_with(r.next.v[1], "start the phone anew"));
	assert_non_null(strstr(r.next.v[2], "apk del hello-kmod-foo"));
	sideload_result_free(&r);
	s.by_hardware = true;
	judge(&s, oops, &r);
	assert_non_null(strstr(r.next.v[1], "apk del hello-kmod-foo"));
	assert_non_null(strstr(r.next.v[1], "aliases of hardware"));
	assert_true(starts_with(r.next.v[2], "start the phone anew"));
	sideload_result_free(&r);
	s.autoload = "usr/lib/modules-load.d/hello.conf";
	judge(&s, LOADING, &r);
	assert_int_equal(r.next.n, 5);
	assert_non_null(strstr(r.next.v[2], "/sys/fs/pstore"));
	assert_non_null(strstr(r.next.v[3], "usr/lib/modules-load.d/hello.conf"));
	assert_non_null(strstr(r.next.v[3], "module_blacklist=hello "));
	sideload_result_free(&r);
}

static int set_up(void **state)
{
	(void)state;
	strvec_add(&modules, "hello");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	strvec_free(&modules);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judged),
		cmocka_unit_test(several),
		cmocka_unit_test(at_each_start),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
