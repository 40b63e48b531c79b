// SPDX-License-Identifier: GPL-3.0-or-later
/* Plans for other machines and results from there, as texts that may be anybody's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/matrix/farm.h"
#include "pmkmod/util/exit_codes.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SUM "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HEAD "pmkmod result 1\ncell " HASH_A "\npmkmod " PMKMOD_VERSION "\nhost node1\n"
#define A_FILE(name) "file sha256:" SUM " 12 " name "\n"
#define BUILT                                                                                       \
	"result\nbuilt=yes\nexit=0\napk=a-kmod-x-1.apk\npackage=a-kmod-x\nversion=1\nrelease=6.1\n" \
	"verdict=fits\n"
#define FAILED "result\nbuilt=no\nexit=10\nerror=make failed\001its line\n"

static int parse(struct farm_result *r, const char *text)
{
	struct err e = ERR_INIT;
	int c = farm_result_parse(r, "node1's", text, strlen(text), &e);

	if (c < 0) {
		assert_int_equal(c, -EBADMSG);
		assert_int_equal(e.exit_code, EXIT_UNTRUSTED);
		assert_non_null(strstr(e.text, "node1's"));
		assert_null(r->hash);
	}
	return c;
}

static void results_there_and_back(void **state)
{
	static const char *const good[] = {
		HEAD A_FILE("a-kmod-x-1.apk") A_FILE("log") BUILT,
		HEAD A_FILE("a-kmod-x-1.apk") A_FILE("a-kmod-x-1.fit.json") A_FILE("symvers") BUILT,
		HEAD A_FILE("a-kmod-x-1.apk") A_FILE("a-kmod-0.apk") A_FILE("a-kmod-x-b-1.apk")
			BUILT "meta=a-kmod-0.apk\nparts=a-kmod-x-b-1.apk\n",
		HEAD A_FILE("log") FAILED,
		HEAD FAILED,
		/* headers of a kernel, and that they cannot be made */
		HEAD A_FILE("a-kmod-x-1.apk") A_FILE("s-1.apk") A_FILE("record") BUILT
		"parts=s-1.apk\nstage=headers\n",
		HEAD A_FILE("log") "result\nbuilt=no\nexit=21\nerror=no modpost\nstage=headers\n",
	};
	struct farm_result r, again;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		_cleanup_strbuf_ struct strbuf text = {0};

		assert_int_equal(parse(&r, good[i]), 0);
		assert_string_equal(r.hash, HASH_A);
		assert_string_equal(r.host, "node1");
		farm_result_print(&r, &text);
		assert_int_equal(parse(&again, text.s), 0);
		assert_int_equal(again.n_files, r.n_files);
		assert_int_equal(again.cell.built, r.cell.built);
		farm_result_free(&r);
		farm_result_free(&again);
	}
	assert_int_equal(parse(&r, good[3]), 0);
	assert_string_equal(r.cell.error, "make failed\nits line");
	farm_result_free(&r);
}

/* What an honest worker's compiler printed does not make its result a wrong one. */
static void colours_are_left_out(void **state)
{
	struct farm_result r = {.hash = xstrdup(HASH_A),
		.pmkmod = xstrdup(PMKMOD_VERSION),
		.host = xstrdup("node1"),
		.cell = {.exit_code = 10, .error = xstrdup("\033[31mred\033[m\r\nnext\x7f")}};
	struct farm_result back;
	_cleanup_strbuf_ struct strbuf text = {0};

	(void)state;
	strbuf_adds(&text, "\033");
	farm_result_print(&r, &text);
	assert_int_equal(text.s[0], '\033');
	assert_int_equal(parse(&back, text.s + 1), 0);
	assert_string_equal(back.cell.error, " [31mred [m \nnext ");
	farm_result_free(&r);
	farm_result_free(&back);
}

static void no_results(void **state)
{
	static const char *const bad[] = {
		"",
		"pmkmod result 2\n",
		HEAD,
		HEAD "result\n",
		/* no file of that name, or one that is not here */
		HEAD BUILT,
		HEAD A_FILE("../a-kmod-x-1.apk") BUILT,
		HEAD A_FILE("b/a-kmod-x-1.apk") BUILT,
		HEAD A_FILE(".hidden") FAILED,
		HEAD A_FILE("") FAILED,
		/* files without a use, and twice the same */
		HEAD A_FILE("plan.json") FAILED,
		HEAD A_FILE("log") A_FILE("log") FAILED,
		HEAD A_FILE("a-kmod-x-1.apk") FAILED,
		/* claims that do not go together */
		HEAD A_FILE("a-kmod-x-1.apk") "result\nbuilt=yes\napk=a-kmod-x-1.apk\n",
		HEAD "result\nbuilt=no\nexit=10\n",
		HEAD "result\nbuilt=no\nexit=0\nerror=x\n",
		HEAD "result\nbuilt=no\nexit=31\nerror=a download, which another worker may get\n",
		HEAD "result\nbuilt=no\nexit=-1\nerror=x\n",
		HEAD "result\nbuilt=no\nexit=21\nerror=no modpost\n",
		HEAD "result\nbuilt=no\nexit=31\nerror=a download\nstage=headers\n",
		HEAD A_FILE("a-kmod-x-1.apk") A_FILE("record") BUILT,
		HEAD A_FILE("a-kmod-x-1.apk") BUILT "meta=other.apk\n",
		HEAD A_FILE("a-kmod-x-1.apk") A_FILE("log") BUILT "parts=log\n",
		/* numbers and sums that are none */
		HEAD "file sha256:" SUM " -1 log\n" FAILED,
		HEAD "file sha256:" SUM " 99999999999999999999999 log\n" FAILED,
		HEAD "file sha256:" SUM "0 1 log\n" FAILED,
		HEAD "file sha1:" SUM " 1 log\n" FAILED,
		HEAD "host node2\n" FAILED,
		HEAD "surprise yes\n" FAILED,
		/* what would move a terminal's cursor */
		"pmkmod result 1\ncell " HASH_A "\npmkmod 1\nhost \033[2J\n" FAILED,
	};
	struct farm_result r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse(&r, bad[i]) == 0)
			fail_msg("taken all the same: %s", bad[i]);
	assert_int_equal(
		farm_result_parse(&r, "x", HEAD FAILED "\0", sizeof(HEAD FAILED), NULL), -EBADMSG);
}

#define PLAN_HEAD(version, format) "{\"pmkmod\": \"" version "\", \"format\": " format ", "
#define WORDS "\"devices\": \"all\", \"modules\": \"m\", "
#define SETTINGS "\"settings\": [{\"section\": \"a\", \"key\": \"b\", \"value\": \"c\"}], "
#define A_CELL(hash, device, headers, more)                                                        \
	"{\"cell\": \"" hash "\", \"device\": \"" device "\", \"headers\": \"" headers             \
	"\", \"module\": \"m\", " more "}"
#define CELL(hash) A_CELL(hash, "d", "k", "\"plan\": \"line\"")
#define PLAN_OF(cells) PLAN_HEAD(PMKMOD_VERSION, "2") WORDS SETTINGS "\"cells\": [" cells "]}"
#define GOOD PLAN_HEAD(PMKMOD_VERSION, "2") WORDS SETTINGS "\"cells\": [" CELL(HASH_A) "]}"

static void plans(void **state)
{
	struct farm_plan p;

	(void)state;
	assert_int_equal(farm_plan_parse(&p, "x", GOOD, strlen(GOOD), NULL), 0);
	assert_int_equal(p.n, 1);
	assert_int_equal(p.n_settings, 1);
	assert_null(p.cells[0].choice);
	assert_false(p.cells[0].again);
	assert_ptr_equal(farm_plan_find(&p, HASH_A), &p.cells[0]);
	assert_null(farm_plan_find(&p, "b"));
	farm_plan_free(&p);
}

#define DIGITS "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TOGETHER "\"open\": true, \"together\": true"

static void cells_are_found(void **state)
{
	static const char text[] =
		PLAN_OF(A_CELL(DIGITS "bbbb", "d", "k", "\"plan\": \"x\"") "," A_CELL(
			"0" DIGITS "aaa", "e", "k", "\"plan\": \"x\"") "," A_CELL(DIGITS "aabb",
			"f", "k", "\"kernel\": \"v\", \"open\": true"));
	struct farm_plan p;

	(void)state;
	assert_int_equal(farm_plan_parse(&p, "x", text, strlen(text), NULL), 0);
	assert_ptr_equal(farm_plan_find(&p, DIGITS "bbbb"), &p.cells[0]);
	assert_ptr_equal(farm_plan_find(&p, "0aaaaaaaaaaa"), &p.cells[1]);
	assert_ptr_equal(farm_plan_find(&p, DIGITS "aab"), &p.cells[2]);
	/* two begin so; too few digits; none */
	assert_null(farm_plan_find(&p, DIGITS));
	assert_null(farm_plan_find(&p, "0aaaaaaaaaa"));
	assert_null(farm_plan_find(&p, DIGITS "cccc"));
	assert_null(farm_plan_find(&p, DIGITS "bbbbb"));
	assert_ptr_equal(farm_plan_at(&p, "d", NULL, "m"), &p.cells[0]);
	assert_ptr_equal(farm_plan_at(&p, "f", "v", "m"), &p.cells[2]);
	assert_null(farm_plan_at(&p, "f", NULL, "m"));
	assert_null(farm_plan_at(&p, "d", NULL, "n"));
	assert_true(p.cells[2].open && !p.cells[0].open);
	farm_plan_free(&p);
}

/* Each cell is in one share, and what is one worker's in the same. */
static void shares(void **state)
{
	static const char text[] = PLAN_OF(A_CELL("0" DIGITS "aaa", "a", "k0", TOGETHER) "," A_CELL(
		"1" DIGITS "aaa", "a", "k1", TOGETHER) "," A_CELL("2" DIGITS "aaa", "b", "k1",
		TOGETHER) "," A_CELL("3" DIGITS "aaa", "c", "k1", TOGETHER) "," A_CELL("4" DIGITS
										       "aaa",
		"d", "k2", TOGETHER) "," A_CELL("5" DIGITS "aaa", "e", "k3",
		"\"plan\": \"x\"") "," A_CELL("6" DIGITS "aaa", "f", "k3", "\"plan\": \"x\""));
	struct farm_plan p;

	(void)state;
	assert_int_equal(farm_plan_parse(&p, "x", text, strlen(text), NULL), 0);
	for (size_t n = 1; n < 20; n++) {
		size_t next = 0, from, to;

		for (size_t i = 0; i < n; i++) {
			farm_plan_share(&p, i, n, &from, &to);
			assert_int_equal(from, next);
			assert_true(to >= from);
			assert_false(from == 2 || from == 3);
			next = to;
		}
		assert_int_equal(next, p.n);
		/* others are divided as finely as there are shares */
		farm_plan_share(&p, n - 1, n, &from, &to);
		assert_true(n < 7 || to - from <= 1);
	}
	farm_plan_free(&p);
}

static void no_plans(void **state)
{
	static const struct {
		const char *text;
		int code;
	} bad[] = {
		{"", -EBADMSG},
		{"[]", -EBADMSG},
		{"{", -EBADMSG},
		{PLAN_HEAD("0.0.1", "1") WORDS SETTINGS "\"cells\": []}", -EPROTO},
		{PLAN_HEAD(PMKMOD_VERSION, "3") WORDS SETTINGS "\"cells\": []}", -EPROTO},
		{PLAN_HEAD(PMKMOD_VERSION, "\"x\"") WORDS SETTINGS "\"cells\": []}", -EBADMSG},
		{PLAN_HEAD(PMKMOD_VERSION, "2") SETTINGS "\"cells\": []}", -EBADMSG},
		{PLAN_HEAD(PMKMOD_VERSION, "2") WORDS "\"cells\": []}", -EBADMSG},
		{PLAN_HEAD(PMKMOD_VERSION, "2") WORDS SETTINGS "\"cells\": {}}", -EBADMSG},
		{PLAN_HEAD(PMKMOD_VERSION, "2") WORDS SETTINGS "\"cells\": [1]}", -EBADMSG},
		{PLAN_HEAD(PMKMOD_VERSION, "2") WORDS SETTINGS "\"cells\": [null]}", -EBADMSG},
		{PLAN_HEAD(PMKMOD_VERSION, "2") WORDS SETTINGS "\"cells\": [" CELL("../../x") "]}",
			-EBADMSG},
		/* neither what goes in, nor open; no kernel */
		{PLAN_OF(A_CELL(HASH_A, "d", "k", "\"open\": false")), -EBADMSG},
		{PLAN_OF("{\"cell\": \"" HASH_A
			 "\", \"device\": \"d\", \"module\": \"m\", \"open\": true}"),
			-EBADMSG},
		{PLAN_HEAD(PMKMOD_VERSION, "2") WORDS
			"\"settings\": [{\"section\": 1}], \"cells\": []}",
			-EBADMSG},
	};
	struct farm_plan p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = ERR_INIT;
		int r = farm_plan_parse(&p, "x", bad[i].text, strlen(bad[i].text), &e);

		if (r != bad[i].code)
			fail_msg("%d: %s", r, bad[i].text);
		assert_int_equal(e.exit_code, EXIT_USAGE);
		assert_null(p.cells);
	}
}

/* Symbolic links stay: other machines may have others. */
static void absolute_paths(void **state)
{
	char dir[] = "/tmp/pmkmod-farm-XXXXXX";
	_cleanup_free_ char *real = NULL, *way = NULL, *got = NULL, *expected = NULL, *same = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	real = path_join(dir, "real");
	way = path_join(dir, "way");
	expected = path_join(way, "plan");
	assert_int_equal(fs_mkdirs(real, 0755, NULL), 0);
	assert_int_equal(symlink("real", way), 0);
	assert_int_equal(chdir(way), 0);
	assert_int_equal(setenv("PWD", way, 1), 0);
	got = farm_absolute("plan");
	assert_string_equal(got, expected);
	same = farm_absolute("/a/b");
	assert_string_equal(same, "/a/b");
	/* a PWD of another folder says nothing */
	assert_int_equal(setenv("PWD", "/", 1), 0);
	free(got);
	got = farm_absolute("plan");
	assert_non_null(strstr(got, "/real/plan"));
	assert_int_equal(chdir("/"), 0);
	fs_remove_tree(dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_there_and_back),
		cmocka_unit_test(colours_are_left_out),
		cmocka_unit_test(no_results),
		cmocka_unit_test(plans),
		cmocka_unit_test(cells_are_found),
		cmocka_unit_test(shares),
		cmocka_unit_test(no_plans),
		cmocka_unit_test(absolute_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
