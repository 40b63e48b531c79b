// SPDX-License-Identifier: GPL-3.0-or-later
/* What a phone says, read; and what follows from it. No ssh here: tests/cli/test-sideload has that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/phone/record.h"
#include "pmkmod/phone/sideload.h"

#define T "0123456789abcdef0123456789abcdef"
#define KERNEL T " db P:linux-foo\n" T " db V:6.1.2-r3\n" T " db p:kernel-foo=6.1.2 linux-any\n"

static struct err err;

static void parse(struct phone_state *s, const char *text)
{
	err_clear(&err);
	assert_int_equal(phone_state_parse(s, T, text, strlen(text), &err), 0);
}

/* ---- text ---- */

static void test_clean(void **state)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{"plain text", "plain text"},
		{"a\tb", "a b"},
		{"\033[31mred\007", "?[31mred?"},
		{"gr\303\274n", "gr\303\274n"},
		{"\302\233red", "?red"}, /* a C1 control */
		{"\342\200\256evil", "?evil"}, /* right to left */
		{"\300\200", "??"}, /* overlong */
		{"\355\240\200", "???"}, /* a surrogate */
		{"\360\237\230", "???"}, /* cut off */
		{"\360\237\230\200", "\360\237\230\200"},
		{"\377", "?"},
		{"x\177y", "x?y"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *got = phone_clean(t[i].in, strlen(t[i].in));

		assert_string_equal(got, t[i].out);
	}
}

static void test_words(void **state)
{
	static const char *const good[] = {"linux-foo", "6.1.2_rc3-r0", "6.1.0-56-arm64+", "a~b"};
	static const char *const bad[] = {
		"", "-rf", ".x", "a b", "a;b", "a'b", "a$b", "a/b", "a\nb", "`id`"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(phone_word_ok(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(phone_word_ok(bad[i]));
	assert_true(phone_path_ok("/tmp/pmkmod.Ab12Cd"));
	assert_false(phone_path_ok("/tmp/pmkmod."));
	assert_false(phone_path_ok("/tmp/pmkmod.a/../../etc"));
	assert_false(phone_path_ok("/tmp/pmkmod.a;reboot"));
	assert_false(phone_path_ok("/etc/pmkmod.abc"));
}

/* ---- the survey ---- */

static void test_survey(void **state)
{
	struct phone_state s;

	(void)state;
	parse(&s,
		"Welcome!\n" T " begin\n" T " uid 10000\n" T " login user\n" T
		" machine aarch64\n" T " release 6.1.2-foo\n" T " su doas\n" T " apk\n" T
		" arch aarch64\n" KERNEL T " db P:musl\n" T " db V:1.2.5-r9\n" T " world musl\n" T
		" world foo><Q1abc=\n" T " key a.rsa.pub\n" T
		" keysum e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  /etc/x\n" T
		" module Module Size Used by\n" T " module snd_pcm 16384 1\n" T " end\n"
		"release fake\n");
	assert_false(s.root);
	assert_string_equal(s.login, "user");
	assert_string_equal(s.release, "6.1.2-foo");
	assert_string_equal(s.su, "doas");
	assert_true(s.apk);
	assert_int_equal(s.n_pkgs, 2);
	assert_string_equal(phone_installed(&s, "linux-foo")->version, "6.1.2-r3");
	assert_null(phone_installed(&s, "nothing"));
	assert_int_equal(s.world.n, 2);
	assert_int_equal(strlen(s.key_sum), 64);
	assert_int_equal(s.loaded.n, 1);
	assert_string_equal(s.loaded.v[0], "snd_pcm");
	phone_state_free(&s);
}

static void test_survey_refused(void **state)
{
	static const char *const bad[] = {"", "sh: not found\n",
		T " uid 0\n" T " login root\n" T " machine x\n" T " release 1\n", /* no end */
		T " uid 0\n" T " login root\n" T " machine x\n" T " release 1;reboot\n" T " end\n",
		"x" T " end\n"};
	struct phone_state s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(phone_state_parse(&s, T, bad[i], strlen(bad[i]), &err), -EBADMSG);
	/* what becomes a command is one of three words */
	parse(&s, T " uid 0\n" T " login root\n" T " machine x\n" T " release 1\n" T
		    " su sudo; reboot\n" T " keysum short\n" T " db V:1\n" T " end\n");
	assert_null(s.su);
	assert_null(s.key_sum);
	phone_state_free(&s);
}

static void test_scripts(void **state)
{
	_cleanup_free_ char *good = phone_survey_script(T, "pmkmod-1.rsa.pub");
	_cleanup_free_ char *evil = phone_survey_script(T, "a'; reboot; '");
	_cleanup_free_ char *record = phone_record_script(T, "x'y");

	(void)state;
	assert_non_null(strstr(good, "'/etc/apk/keys/pmkmod-1.rsa.pub'"));
	assert_null(strstr(evil, "reboot"));
	assert_null(strstr(record, "x'y"));
	assert_null(strchr(record, '@'));
}

/* ---- does it go with what is there ---- */

static void add_package(struct phone_packages *l, const char *name, const char *depends)
{
	struct phone_package p = {.path = xasprintf("/x/%s-1-r0.apk", name), .key = xstrdup("k")};

	p.pkg.name = xstrdup(name);
	p.pkg.version = xstrdup("1-r0");
	assert_int_equal(apk_deps_parse(&p.pkg.depends, depends, NULL), 0);
	l->v = xrealloc(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = p;
}

static int check(const char *machine, const char *arch, const char *depends, const char *release)
{
	_cleanup_free_ char *text =
		xasprintf(T " uid 0\n" T " login root\n" T " machine %s\n" T
			    " release 6.1.2-foo\n" T " apk\n%s%s%s" KERNEL T " end\n",
			machine, arch ? T " arch " : "", arch ? arch : "", arch ? "\n" : "");
	struct phone_packages l = {0};
	struct phone_state s;
	int r;

	add_package(&l, "hello-kmod-foo", depends);
	parse(&s, text);
	err_clear(&err);
	r = phone_check(&s, arch_by_name("aarch64"), release, &l, &err);
	phone_packages_free(&l);
	phone_state_free(&s);
	return r;
}

static void test_check(void **state)
{
	(void)state;
	assert_int_equal(check("aarch64", "aarch64", "linux-foo=6.1.2-r3", "6.1.2-foo"), 0);
	assert_int_equal(check("aarch64", NULL, "linux-foo=6.1.2-r3 linux-any", "6.1.2-foo"), 0);
	assert_int_equal(check("aarch64", NULL, "kernel-foo>6.1", NULL), 0);
	assert_int_equal(check("aarch64", NULL, "!other", NULL), 0);
}

static void test_check_refused(void **state)
{
	static const struct {
		const char *machine, *arch, *depends, *release, *says;
	} t[] = {
		{"aarch64", NULL, "linux-foo=6.1.2-r4", NULL, "the phone has linux-foo-6.1.2-r3"},
		{"aarch64", NULL, "linux-bar=6.1.2-r3", NULL, "not installed on the phone"},
		{"aarch64", NULL, "linux-foo=6.1.2-r3", "6.1.3-foo", "still runs 6.1.2-foo"},
		{"aarch64", NULL, "helper-kmod-foo", NULL, "needs helper-kmod-foo"},
		{"aarch64", NULL, "!linux-foo", NULL, "does not go together with linux-foo"},
		{"aarch64", "armv7", "", NULL, "the phone's packages are armv7"},
		{"armv7l", NULL, "", NULL, "one for armv7l"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_int_equal(
			check(t[i].machine, t[i].arch, t[i].depends, t[i].release), -ESTALE);
		if (!strstr(err.text, t[i].says))
			fail_msg("'%s' is not in: %s", t[i].says, err.text);
		assert_int_equal(err.exit_code, 40);
	}
}

/* ---- root's part ---- */

static void hear(struct sideload_said *s, const char *text, size_t piece)
{
	snprintf(s->token, sizeof(s->token), "%s", T);
	s->added = -1;
	for (size_t at = 0, n = strlen(text); at < n; at += piece)
		sideload_hear(s, text + at, n - at < piece ? n - at : piece);
	sideload_heard_all(s);
}

static void test_root_said(void **state)
{
	static const char text[] = "\033[1mPassword: " T " begin\r\n" T " said OK: 5 MiB\r\n" T
				   " added 0\n" T " version hello 1-r0\n" T " pinned hello\n" T
				   " status hello 1\n" T " modprobe can't\033[2J load\n" T
				   " lsmod x 1 0\nnoise\n" T " dmesg [1] hi\n" T " end\nlast";

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece += 7) {
		struct sideload_said s = {0};

		hear(&s, text, piece);
		assert_true(s.began && s.ended);
		assert_int_equal(s.added, 0);
		assert_string_equal(s.words.s, "OK: 5 MiB\n");
		assert_string_equal(s.versions.v[0], "hello 1-r0");
		assert_string_equal(s.modprobe.s, "can't?[2J load\n");
		assert_string_equal(s.dmesg.s, "[1] hi\n");
		assert_string_equal(s.last, "last");
		sideload_said_free(&s);
	}
}

static void test_root_script(void **state)
{
	struct phone_packages l = {0};
	struct strvec modules = {0};
	struct sideload_script s = {
		.token = T, .mark = "M", .packages = &l, .modules = &modules, .install = true};
	_cleanup_free_ char *with = NULL, *without = NULL;

	(void)state;
	add_package(&l, "hello", "");
	strvec_add(&modules, "hello");
	with = sideload_script_text(&s);
	assert_non_null(strstr(with, "a add --simulate './hello-1-r0.apk'"));
	assert_non_null(strstr(with, "unpin 'hello' '1-r0'"));
	assert_null(strstr(with, "/etc/apk/keys"));
	assert_null(strstr(with, "allow-untrusted"));
	s.install = false;
	s.key = "k.rsa.pub";
	without = sideload_script_text(&s);
	assert_null(strstr(without, "a add './"));
	assert_non_null(strstr(without, "mv -n $k/.pmkmod.new $k/'k.rsa.pub'"));
	phone_packages_free(&l);
	strvec_free(&modules);
}

/* ---- refusals ---- */

static void test_refusals(void **state)
{
	static const struct {
		const char *dmesg, *words, *point;
	} t[] = {
		{"[1] a: version magic '5 SMP' should be '6 SMP'", "Exec format error", "vermagic"},
		{"[1] a: disagrees about version of symbol x\n[1] a: Unknown symbol x (err -22)",
			NULL, "crc"},
		{"[1] a: Unknown symbol x (err -2)", NULL, "symbols"},
		{"module a uses symbol x from namespace Y, but does not import it.", NULL,
			"namespace"},
		{"Loading of unsigned module is rejected", "Key was rejected by service",
			"signature"},
		{"Lockdown: modprobe: unsigned module loading is restricted; see man", NULL,
			"signature"},
		{NULL, "modprobe: FATAL: Module a not found in directory /lib/modules/6", "index"},
		{"wlan: firmware: No such file or directory",
			"could not insert 'a': No such device", "init"},
		{"a: exports duplicate symbol x (owned by kernel)", "Exec format error", "exports"},
		{"module a: unsupported RELA relocation: 311", "Exec format error", "relocations"},
		{"a: unknown relocation: 102", "Exec format error", "relocations"},
		{"a: module PLT section(s) missing", "Exec format error", "sections"},
		{"failed to validate module [a] BTF: -22", "Invalid argument", "btf"},
		{NULL, "could not insert 'a': Operation not permitted", "rights"},
	};
	struct refusal r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_true(refusal_find(&r, t[i].dmesg, t[i].words));
		assert_string_equal(r.point, t[i].point);
		refusal_free(&r);
	}
	assert_false(refusal_find(&r, "usb: File exists", "all is well"));
	assert_false(refusal_find(&r, NULL, NULL));
}

/* ---- versions of pmbootstrap ---- */

static void test_pmb_version(void **state)
{
	static const struct {
		const char *text;
		bool good;
		unsigned major, minor;
	} t[] = {{"3.3.0", true, 3, 3}, {"3.10.3", true, 3, 10}, {"3.11.0", true, 3, 11},
		{"3.11.0.dev1", true, 3, 11}, {" 4.0", true, 4, 0}, {"3", false, 0, 0},
		{"v3.1", false, 0, 0}, {"", false, 0, 0}, {"3.x", false, 0, 0},
		{"99999999999.1", false, 0, 0}};
	unsigned a, b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_int_equal(pmb_version_parse(t[i].text, &a, &b), t[i].good);
		if (t[i].good) {
			assert_int_equal(a, t[i].major);
			assert_int_equal(b, t[i].minor);
		}
	}
}

/* ---- the phone's record ---- */

static int listen_to(struct phone_record *r, const char *text, size_t len, size_t piece)
{
	struct phone_hearing h = {.r = r, .token = T, .fd = -1, .e = &err};

	*r = (struct phone_record){0};
	err_clear(&err);
	for (size_t at = 0; at < len; at += piece)
		phone_record_hear(&h, text + at, len - at < piece ? len - at : piece);
	return phone_record_heard_all(&h);
}

#define BEGIN T " release 6.1\n" T " machine aarch64\n"
#define END T " end\n"

static void test_record(void **state)
{
	static const char text[] =
		"motd\n" BEGIN T " version Linux\033 6\n" T " package linux-foo-6.1-r0\n" T
		" file config 6 /proc/config.gz\n\0ab\ncd\n" T
		" none btf /sys/kernel/btf/vmlinux\n" T " closed image /boot/vmlinuz\n" END;
	struct phone_record r;

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece += 5) {
		assert_int_equal(listen_to(&r, text, sizeof(text) - 1, piece), 0);
		assert_true(r.got[PHONE_CONFIG]);
		assert_false(r.got[PHONE_BTF]);
		assert_string_equal(r.version, "Linux? 6");
		assert_string_equal(r.packages.v[0], "linux-foo-6.1-r0");
		assert_int_equal(r.missing.n, 2);
		phone_record_free(&r);
	}
}

static void test_record_refused(void **state)
{
	static const char *const bad[] = {"", BEGIN, END, T " machine x\n" END,
		BEGIN T " file config 5 /x\nabc", /* cut off */
		BEGIN T " file config 5 /x\nabcdefg\n" END, /* longer than it said */
		BEGIN T " file other 5 /x\nabcde\n" END,
		BEGIN T " file config 99999999999 /x\nabc\n" END,
		BEGIN T " file config -1 /x\nabc\n" END, BEGIN T " file config 5\nabcde\n" END,
		BEGIN T " file config 1 /x\na\n" T " file config 1 /x\na\n" END};
	struct phone_record r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (listen_to(&r, bad[i], strlen(bad[i]), 4096) != -EBADMSG)
			fail_msg("accepted: %s", bad[i]);
		phone_record_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_survey),
		cmocka_unit_test(test_survey_refused),
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_check_refused),
		cmocka_unit_test(test_root_said),
		cmocka_unit_test(test_root_script),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_pmb_version),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_record_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
