// SPDX-License-Identifier: GPL-3.0-or-later
/* Reading a dkms.conf: the native reader by tables, and the shell's script on the same texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/module/dkms.h"
#include "pmkmod/util/exit_codes.h"

static const struct dkms_kernel kernel = {.kernelver = "6.6.1-lts",
	.arch = "aarch64",
	.source_dir = "/usr/src/linux-headers-6.6.1-lts",
	.dkms_tree = "/var/lib/dkms",
	.source_tree = "/usr/src",
	.install_tree = "/lib/modules"};

/* "NAME[0]=<value> ..." Caller frees. */
static char *dump(const struct dkms_vars *vars)
{
	struct strvec lines = {0};
	char *all;

	for (size_t i = 0; i < vars->n; i++)
		strvec_addf(
			&lines, "%s[%u]=<%s>", vars->v[i].name, vars->v[i].index, vars->v[i].value);
	strvec_sort(&lines);
	strvec_add(&lines, "");
	all = strvec_join(&lines, " ");
	strvec_free(&lines);
	return all;
}

/* What is read natively: variables, "? why" or "! error". Caller frees. */
static char *read_natively(const char *text)
{
	struct dkms_vars vars;
	struct err e = ERR_INIT;
	const char *why;
	char *shown;
	int rc = dkms_read_text(&vars, text, strlen(text), "dkms.conf", &kernel, &why, &e);

	if (rc < 0) {
		assert_int_equal(e.exit_code, EXIT_BAD_DKMS_CONF);
		return xasprintf("! %s", e.text);
	}
	if (rc == 1) {
		assert_int_equal(vars.n, 0);
		return xasprintf("? %s", why);
	}
	assert_null(why);
	shown = dump(&vars);
	dkms_vars_free(&vars);
	return shown;
}

static void write_file(const char *path, const char *text)
{
	struct err e = ERR_INIT;

	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0600, &e), 0);
}

/* The same by bash. */
static char *read_by_shell(const char *text)
{
	char dir[] = "/tmp/pmkmod-dkms.XXXXXX";
	_cleanup_free_ char *script = dkms_shell_script(&kernel), *conf = NULL, *sh = NULL,
			    *printed = NULL, *answer = NULL;
	struct dkms_vars vars;
	struct err e = ERR_INIT;
	size_t len;
	pid_t pid;
	int status, rc;
	char *shown;

	assert_non_null(mkdtemp(dir));
	conf = path_join(dir, "dkms.conf");
	sh = path_join(dir, "script");
	printed = path_join(dir, "printed");
	write_file(conf, text);
	write_file(sh, script);
	pid = fork();
	if (pid == 0) {
		int fd = open(printed, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		int null = open("/dev/null", O_RDWR);
		char path[] = "PATH=/usr/bin:/bin", *env[] = {path, NULL};

		dup2(null, 2);
		if (fd != 3)
			dup2(fd, 3);
		execle("/bin/bash", "bash", sh, conf, (char *)NULL, env);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(fs_read(printed, 1 << 22, &answer, &len, &e), 0);
	rc = dkms_read_printed(&vars, answer, len, &e);
	fs_remove_tree(dir, NULL);
	if (rc < 0) {
		assert_int_equal(e.exit_code, EXIT_BAD_DKMS_CONF);
		return xasprintf("! %s", e.text);
	}
	shown = dump(&vars);
	dkms_vars_free(&vars);
	return shown;
}

/* Both ways have to agree where the native one reads it at all. */
static const struct {
	const char *text, *expected;
} both[] = {
	{"", ""},
	{"PACKAGE_NAME=x", "PACKAGE_NAME[0]=<x> "},
	{"PACKAGE_NAME=\"a b\"\nPACKAGE_VERSION='1 \"2\"'\n",
		"PACKAGE_NAME[0]=<a b> PACKAGE_VERSION[0]=<1 \"2\"> "},
	{"PACKAGE_VERSION=#MODULE_VERSION# # and a comment\n#MAKE=1\n",
		"PACKAGE_VERSION[0]=<#MODULE_VERSION#> "},
	{"MAKE[0]=a MAKE[2]=b;MAKE[1]=c", "MAKE[0]=<a> MAKE[1]=<c> MAKE[2]=<b> "},
	{"STRIP=(a 'b c' \"d\" '' $NONE)", "? a variable that it does not set"},
	{"N=; STRIP=(a 'b c' \"d\" '' $N \"$N\" e)",
		"STRIP[0]=<a> STRIP[1]=<b c> STRIP[2]=<d> STRIP[3]=<> STRIP[4]=<> STRIP[5]=<e> "},
	{"STRIP=(\n\ta # one\n\t[4]=b\n c\\\nd\n)\n", "STRIP[0]=<a> STRIP[4]=<b> STRIP[5]=<cd> "},
	{"MAKE=(a b)\nMAKE=(c)", "MAKE[0]=<c> "},
	{"MAKE=(a b)\nMAKE=c", "MAKE[0]=<c> MAKE[1]=<b> "},
	{"MAKE=(a [3]=b)\nMAKE+=(c)\nMAKE+=d", "MAKE[0]=<ad> MAKE[3]=<b> MAKE[4]=<c> "},
	{"MAKE=(a b)\nMAKE=(\"${MAKE[1]}\" $MAKE)", "MAKE[0]=<b> MAKE[1]=<a> "},
	{"STRIP[0]+=a\nSTRIP[0]+=b", "STRIP[0]=<ab> "},
	{"MAKE=\"make -C $kernel_source_dir KVER=${kernelver} $arch $kernel_config\"",
		"MAKE[0]=<make -C /usr/src/linux-headers-6.6.1-lts KVER=6.6.1-lts aarch64 "
		"/usr/src/linux-headers-6.6.1-lts/.config> "},
	{"PACKAGE_NAME=n\nPACKAGE_VERSION=3\nMAKE=$dkms_tree/$module/$module_version/build",
		"MAKE[0]=</var/lib/dkms/n/3/build> PACKAGE_NAME[0]=<n> PACKAGE_VERSION[0]=<3> "},
	{"kernelver=7 MAKE=$kernelver", "MAKE[0]=<7> "},
	{"MAKE='$kernelver `x` \\ \"'", "MAKE[0]=<$kernelver `x` \\ \"> "},
	{"MAKE=\"\\$a \\\\ \\\" \\` \\n $ a$\"", "MAKE[0]=<$a \\ \" ` \\n $ a$> "},
	{"MAKE=a\\ b\\'c", "MAKE[0]=<a b'c> "},
	{"MAKE=\"a\\\nb\nc\"", "MAKE[0]=<ab\nc> "},
	{"MAKE=a\"b\"'c'\"$arch\"d", "MAKE[0]=<abcaarch64d> "},
	{"MA\\\nKE=1", "? a command"},
	{"MAKE=* CLEAN=?[a] PATCH={a,b}", "CLEAN[0]=<?[a]> MAKE[0]=<*> PATCH[0]=<{a,b}> "},
	{"x='a  b' MAKE=$x", "MAKE[0]=<a  b> "},
	{"x='a  b' MAKE=($x)", "? a variable that becomes several words"},
	{"x='a  b' MAKE=(\"$x\")", "MAKE[0]=<a  b> "},
	{"export PACKAGE_NAME=a PATH\nexport PACKAGE_NAME", "PACKAGE_NAME[0]=<a> "},
	{"\t PACKAGE_NAME=a  \t#c\n \n;", "? a command"},
	{"PACKAGE_NAME=a\r\nMAKE=(a\r\nb)\r\n\r\n# c\r\nPATCH=\"a\\\r\n b\"\r\n",
		"MAKE[0]=<a> MAKE[1]=<b> PACKAGE_NAME[0]=<a> PATCH[0]=<a b> "},
	{"MAKE=1\nreturn\nMAKE=2\nPATCH=(((", "MAKE[0]=<1> "},
	{"MAKE=1\nreturn 0 # enough\nMAKE=2", "MAKE[0]=<1> "},
	{"other=1 lower_case=2", ""},
	{"MAKE_MATCH='^3\\.(2|3)$'", "MAKE_MATCH[0]=<^3\\.(2|3)$> "},
	{"A=x; B=${A}y; MAKE=$B", "MAKE[0]=<xy> "},
	{"MAKE=a=b=~", "MAKE[0]=<a=b=~> "},
	{"MAKE[1]=x\nPATCH=\"<$MAKE>\"", "MAKE[1]=<x> PATCH[0]=<<>> "},
	{"MAKE=a#b", "MAKE[0]=<a#b> "},
	{"MAKE=(a#b #c\n)", "MAKE[0]=<a#b> "},
};

/* Texts that a shell is needed for, and what it makes of them. */
static const struct {
	const char *text, *why, *expected;
} shell[] = {
	{"MAKE=$(echo a; echo b)", "a command substitution", "MAKE[0]=<a\nb> "},
	{"MAKE=`echo a`", "a command substitution", "MAKE[0]=<a> "},
	{"MAKE=\"x `echo a`\"", "a command substitution", "MAKE[0]=<x a> "},
	{"if [ $arch = aarch64 ]; then MAKE=1; else MAKE=2; fi", "an if", "MAKE[0]=<1> "},
	{"case $kernelver in 6*) MAKE=6;; esac", "a case", "MAKE[0]=<6> "},
	{"for i in 0 1; do STRIP[$i]=no; done", "a loop", "STRIP[0]=<no> STRIP[1]=<no> "},
	{"i=1\nSTRIP[$i]=no", "an index that is computed", "STRIP[1]=<no> "},
	{"STRIP[i++]=a\nSTRIP[i++]=b", "an index that is computed", "STRIP[0]=<a> STRIP[1]=<b> "},
	{"MAKE=${kernelver%%-*}", "an expansion beyond ${NAME}", "MAKE[0]=<6.6.1> "},
	{"MAKE=${NONE:-a}", "an expansion beyond ${NAME}", "MAKE[0]=<a> "},
	{"MAKE=a$NONE", "a variable that it does not set", "MAKE[0]=<a> "},
	{"MAKE=$'a\\tb'", "a $'...' string", "MAKE[0]=<a\tb> "},
	{"f() { MAKE=1; }; f", "a command", "MAKE[0]=<1> "},
	{"echo noise; echo noise >&2; MAKE=1", "a command", "MAKE[0]=<1> "},
	{"false && MAKE=2\nPATCH=1\n[ 1 = 2 ]", "a command", "PATCH[0]=<1> "},
	{"MAKE=1 && PATCH=2", "a command", "MAKE[0]=<1> PATCH[0]=<2> "},
	{"MAKE=1\r\nif true\r\nthen MAKE=2\r\nfi\r\n", "an if", "MAKE[0]=<2> "},
	{"MAKE=1\r\n[ $MAKE = 1 ] && return\r\nMAKE=2\r\n", "a test", "MAKE[0]=<1> "},
	{"PACKAGE_NAME='it'\"'\"'s'\nMAKE=$(echo $module)", "a command substitution",
		"MAKE[0]=<it's> PACKAGE_NAME[0]=<it's> "},
	{"MAKE=$module\nPACKAGE_NAME=late", "a variable that it does not set",
		"MAKE[0]=<late> PACKAGE_NAME[0]=<late> "},
	{"declare -a MAKE=(1 2)", "a declaration", "MAKE[0]=<1> MAKE[1]=<2> "},
	{"MAKE=1; unset MAKE", "an unset", ""},
	{"if true; then return 1; fi; MAKE=1", "an if", ""},
	{"STRIP=({a,b})", "a pattern of file names", "STRIP[0]=<a> STRIP[1]=<b> "},
	{"MAKE='a  b'; exec >/dev/null; printf 'STRIP\\0000\\0x\\0' >&3; true", "a command",
		"MAKE[0]=<a  b> "},
	{"MAKE=1; exit 0", "an exit",
		"! the dkms.conf ended the shell that reads it, so that nothing it says is known\n"
		"`exit` must not be in a dkms.conf (DKMS loses everything then, too): `return` "
		"ends it and keeps what precedes"},
	{"declare -A MAKE=([a]=b)", "a declaration",
		"! MAKE has the index 'a', which is no number up to 4095"},
	{"MAKE[9999]=1", "an index that is computed",
		"! MAKE has the index '9999', which is no number up to 4095"},
};

/* What no shell takes either. */
static const struct {
	const char *text, *expected;
} wrong[] = {
	{"A=1\nMAKE='a\nB=2\n", "! dkms.conf:2: the quote ' is never closed"},
	{"A=1\n\nMAKE=\"a\nB=2\n", "! dkms.conf:3: the quote \" is never closed"},
	{"MAKE=(a\nb\n", "! dkms.conf:1: the bracket ( is never closed"},
};

static void natively(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		_cleanup_free_ char *native = read_natively(both[i].text);
		_cleanup_free_ char *by_shell = NULL;

		assert_string_equal(native, both[i].expected);
		if (*native == '?')
			continue;
		by_shell = read_by_shell(both[i].text);
		assert_string_equal(by_shell, native);
	}
}

static void by_the_shell(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shell); i++) {
		_cleanup_free_ char *native = read_natively(shell[i].text);
		_cleanup_free_ char *by_shell = read_by_shell(shell[i].text);

		assert_int_equal(*native, '?');
		assert_string_equal(native + 2, shell[i].why);
		assert_string_equal(by_shell, shell[i].expected);
	}
}

static void never(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_free_ char *native = read_natively(wrong[i].text);
		_cleanup_free_ char *by_shell = read_by_shell(wrong[i].text);

		assert_string_equal(native, wrong[i].expected);
		assert_int_equal(*by_shell, '!');
		assert_non_null(strstr(by_shell, "is not what a shell can read: line "));
	}
}

static void no_text(void **state)
{
	struct dkms_vars vars;
	struct err e = ERR_INIT;
	const char *why;

	(void)state;
	assert_int_equal(
		dkms_read_text(&vars, "A=1\0B", 5, "dkms.conf", &kernel, &why, &e), -EINVAL);
	assert_int_equal(e.exit_code, EXIT_BAD_DKMS_CONF);
	assert_non_null(strstr(e.text, "NUL"));
}

/* Values that double from line to line end in an error, not in the machine's memory. */
static void too_much(void **state)
{
	_cleanup_strbuf_ struct strbuf text = {0};
	_cleanup_free_ char *shown = NULL, *many = NULL;

	(void)state;
	strbuf_adds(&text, "A=0123456789\n");
	for (int i = 0; i < 60; i++)
		strbuf_adds(&text, "A=$A$A\n");
	shown = read_natively(text.s);
	assert_non_null(strstr(shown, "more than any dkms.conf needs"));
	strbuf_reset(&text);
	for (int i = 0; i < 20000; i++)
		strbuf_addf(&text, "A%d=\n", i);
	many = read_natively(text.s);
	assert_non_null(strstr(many, "more than any dkms.conf needs"));
}

/* Thousands of variables: found again, and quickly. */
static void many(void **state)
{
	_cleanup_strbuf_ struct strbuf text = {0};
	struct dkms_vars vars;
	struct err e = ERR_INIT;
	const char *why;

	(void)state;
	for (int i = 0; i < 3000; i++)
		strbuf_addf(&text, "BUILT_MODULE_NAME[%d]=m%d\n", i, i);
	strbuf_adds(&text, "STRIP=(${BUILT_MODULE_NAME[0]} ${BUILT_MODULE_NAME[2999]})\n");
	assert_int_equal(
		dkms_read_text(&vars, text.s, text.len, "dkms.conf", &kernel, &why, &e), 0);
	assert_int_equal(vars.n, 3002);
	assert_string_equal(vars.v[3001].value, "m2999");
	dkms_vars_free(&vars);
}

/* An answer of which something is missing is none. */
static void cut_answers(void **state)
{
	static const char answer[] = "MAKE\0000\0a b\0STRIP\0001\0no\0!complete";
	struct dkms_vars vars;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(dkms_read_printed(&vars, answer, sizeof(answer), &e), 0);
	assert_int_equal(vars.n, 2);
	assert_int_equal(vars.v[1].index, 1);
	dkms_vars_free(&vars);
	for (size_t n = 0; n < sizeof(answer); n++) {
		err_clear(&e);
		assert_int_equal(dkms_read_printed(&vars, answer, n, &e), -EINVAL);
		assert_int_equal(vars.n, 0);
	}
	assert_int_equal(dkms_read_printed(&vars, "PATH\0000\0x\0!complete", 18, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(natively),
		cmocka_unit_test(by_the_shell),
		cmocka_unit_test(never),
		cmocka_unit_test(no_text),
		cmocka_unit_test(too_much),
		cmocka_unit_test(many),
		cmocka_unit_test(cut_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
