// SPDX-License-Identifier: GPL-3.0-or-later
/* What logs of failed builds mean: cases as data in tests/diagnosis/, and a source with them. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/diagnose.h"
#include "pmkmod/build/diagnose_parts.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/json.h"

#define CASES "tests/diagnosis"

/* ---- cases as data ---- */

struct test_case {
	char *title;
	char *release;
	struct strbuf config, log;
	struct strvec expect;
	bool emulated, warnings;
};

static void case_free(struct test_case *c)
{
	free(c->title);
	free(c->release);
	strbuf_free(&c->config);
	strbuf_free(&c->log);
	strvec_free(&c->expect);
	*c = (struct test_case){0};
}

static const char *is(const char *value)
{
	return value ? value : "";
}

static void expect_number(const char *title, const char *key, uint64_t is_n, const char *want)
{
	if (is_n != strtoull(want, NULL, 10))
		fail_msg("%s: %s is %llu, not %s", title, key, (unsigned long long)is_n, want);
}

/* "key = value": exact for names, contained for sentences. */
static void expect(const char *title, const struct diagnosis *d, const char *line)
{
	size_t n = strcspn(line, " ");
	const char *want = strchr(line, '=');
	_cleanup_free_ char *key = xstrndup(line, n), *also = strvec_join(&d->also, "\n");
	const struct {
		const char *key, *is;
		bool exact;
	} texts[] = {{"cause", d->cause ? d->cause->id : NULL, true}, {"file", d->file, true},
		{"own", d->own_file, true}, {"source", d->source, true}, {"step", d->step, true},
		{"error", d->error, false}, {"detail", d->detail, false},
		{"remedy", d->remedy, false}, {"also", also, false}};
	const struct {
		const char *key;
		uint64_t is;
	} numbers[] = {{"line", d->line}, {"column", d->column}, {"own_line", d->own_line},
		{"more", d->more}};

	assert_non_null(want);
	want += strspn(want, "= ");
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (streq(key, numbers[i].key)) {
			expect_number(title, key, numbers[i].is, want);
			return;
		}
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (streq(key, texts[i].key)) {
			const char *value = is(texts[i].is);

			if (texts[i].exact ? !streq(value, want) : !strstr(value, want))
				fail_msg("%s: %s is '%s', not '%s'", title, key, value, want);
			return;
		}
	fail_msg("%s: what is '%s'?", title, line);
}

static void run_case(const struct test_case *c)
{
	struct kconfig *config = NULL;
	struct diagnose_input in = {
		.release = c->release, .emulated = c->emulated, .warnings_of_modpost = c->warnings};
	struct diagnosis d;

	if (c->config.len)
		assert_int_equal(kconfig_parse(&config, c->config.s, c->config.len, NULL), 0);
	in.config = config;
	assert_true(c->expect.n > 0);
	if (diagnose_log(is(c->log.s), c->log.len, &in, &d) != (d.cause != NULL))
		fail_msg("%s: found, but without a cause", c->title);
	for (size_t i = 0; i < c->expect.n; i++)
		expect(c->title, &d, c->expect.v[i]);
	for (const char *s = is(d.error); *s; s++)
		assert_true((unsigned char)*s >= 0x20);
	diagnosis_free(&d);
	kconfig_free(config);
}

enum part { PART_HEAD, PART_LOG, PART_EXPECT };

static void read_line(struct test_case *c, enum part *part, const char *line)
{
	if (starts_with(line, "@KERNEL "))
		c->release = xstrdup(line + 8);
	else if (starts_with(line, "@CONFIG "))
		strbuf_addf(&c->config, "%s\n", line + 8);
	else if (streq(line, "@EMULATED"))
		c->emulated = true;
	else if (streq(line, "@WARNINGS"))
		c->warnings = true;
	else if (streq(line, "@LOG"))
		*part = PART_LOG;
	else if (streq(line, "@EXPECT"))
		*part = PART_EXPECT;
	else if (*part == PART_LOG)
		strbuf_addf(&c->log, "%s\n", line);
	else if (*part == PART_EXPECT && *line)
		strvec_add(&c->expect, line);
	else
		assert_true(!*line || *line == '#');
}

static size_t run_file(const char *path)
{
	_cleanup_free_ char *text = NULL;
	struct test_case c = {0};
	enum part part = PART_HEAD;
	size_t n = 0;
	char *rest, *line;

	assert_int_equal(fs_read(path, 1 << 20, &text, NULL, NULL), 0);
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		if (!starts_with(line, "@CASE ")) {
			if (part != PART_HEAD || c.title || *line == '#' || !*line)
				read_line(&c, &part, line);
			continue;
		}
		if (c.title)
			run_case(&c);
		case_free(&c);
		c.title = xstrdup(line + 6);
		part = PART_HEAD;
		n++;
	}
	run_case(&c);
	case_free(&c);
	return n;
}

static void cases(void **state)
{
	DIR *d = opendir(CASES);
	struct dirent *de;
	size_t n = 0;

	(void)state;
	assert_non_null(d);
	while ((de = readdir(d)))
		if (ends_with(de->d_name, ".test")) {
			_cleanup_free_ char *path = path_join(CASES, de->d_name);

			n += run_file(path);
		}
	closedir(d);
	assert_true(n > 80);
}

/* ---- the source is there, too ---- */

static char dir[] = "/tmp/pmkmod-diagnose.XXXXXX";

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name), *folder = xstrdup(path);

	*strrchr(folder, '/') = '\0';
	assert_int_equal(fs_mkdirs(folder, 0755, NULL), 0);
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static void diagnose(struct diagnosis *d, const char *release, const char *log)
{
	_cleanup_free_ char *source = path_join(dir, "src"), *headers = path_join(dir, "headers");
	_cleanup_strvec_ struct strvec layers = {0};
	struct diagnose_input in = {.source_dir = source,
		.kbuild_dir = source,
		.layers = &layers,
		.build_dir = "/usr/src/linux",
		.arch = "arm64",
		.release = release};

	strvec_add(&layers, headers);
	assert_true(diagnose_log(log, strlen(log), &in, d));
}

static void expect_cause(
	const char *release, const char *log, const char *cause, const char *detail)
{
	struct diagnosis d;

	diagnose(&d, release, log);
	if (!streq(d.cause->id, cause) || !strstr(is(d.detail), detail))
		fail_msg("%s: %s, %s", log, d.cause->id, is(d.detail));
	diagnosis_free(&d);
}

static void source_lines(void **state)
{
	struct diagnosis d;

	(void)state;
	put("src/sub/a.c", "one\n\ttwo(3);\nthree");
	diagnose(&d, NULL, "/build/src/sub/a.c:2:1: error: x\n");
	assert_string_equal(d.source, "two(3);");
	diagnosis_free(&d);
	/* relative to the folder that make had entered, and to the top */
	diagnose(&d, NULL, "make[1]: Entering directory '/build/src/sub'\na.c:3:1: error: x\n");
	assert_string_equal(d.file, "sub/a.c");
	assert_string_equal(d.source, "three");
	diagnosis_free(&d);
	diagnose(&d, NULL, "sub/a.c:4:1: error: x\n");
	assert_string_equal(d.file, "sub/a.c");
	assert_null(d.source);
	diagnosis_free(&d);
	/* nothing leads out of the source */
	diagnose(&d, NULL, "/build/src/../../../../../../../../etc/passwd:1:1: error: x\n");
	assert_null(d.source);
	diagnosis_free(&d);
	diagnose(&d, NULL, "/etc/passwd:1:1: error: x\n");
	assert_null(d.source);
	diagnosis_free(&d);
	{
		_cleanup_free_ char *link = path_join(dir, "src/link.c");

		assert_int_equal(symlink("/etc/passwd", link), 0);
	}
	diagnose(&d, NULL, "/build/src/link.c:1:1: error: x\n");
	assert_null(d.source);
	diagnosis_free(&d);
}

static void headers_lines(void **state)
{
	struct diagnosis d;

	(void)state;
	put("headers/usr/src/linux/include/linux/x.h", "/* x */\nint x;\n");
	diagnose(&d, NULL, "/usr/src/linux/include/linux/x.h:2:1: error: y\n");
	assert_string_equal(d.source, "int x;");
	diagnosis_free(&d);
	diagnose(&d, NULL, "./include/linux/x.h:2:1: error: y\n");
	assert_string_equal(d.source, "int x;");
	assert_string_equal(d.file, "include/linux/x.h");
	diagnosis_free(&d);
	put("headers/usr/src/linux/include/linux/vmalloc.h", "extern void vfree(const void *p);\n");
	put("headers/usr/src/linux/include/linux/user.h", "\tvfree(x);\n\treturn vfree(x);\n");
	expect_cause("6.1.0",
		"/build/src/a.c:2:1: error: implicit declaration of function 'vfree'\n",
		"implicit-declaration", "vfree() is declared in linux/vmalloc.h");
}

static void with_source(void **state)
{
	(void)state;
	put("src/Makefile", "EXTRA_CFLAGS += -I$(src)/inc\nccflags-y += -mfoo\nobj-m := a.o\n");
	put("src/inc/own/h.h", "\n");
	put("src/driver.c",
		"static int gone(struct platform_device *p);\n"
		"static struct platform_driver d = {\n\t.probe = x,\n\t.remove = gone,\n};\n"
		"static struct mine m = {\n\t.remove = gone,\n};\n"
		"\tstatic struct i2c_driver i = {\n\t\t.driver = {\n\t\t},\n\t\t.remove = gone,\n\t};\n"
		"static struct i2c_driver j = { .remove = gone };\n"
		"void f(void)\n{\n\td->remove = gone;\n}\n");
	/* flags by a variable that newer kernels do not look at */
	expect_cause("6.15.0",
		"/build/src/a.c:1:1: fatal error: own/h.h: No such file or directory\n",
		"kernel-api-changed", "EXTRA_CFLAGS, which Linux 6.15 removed");
	expect_cause("6.12.0",
		"/build/src/a.c:1:1: fatal error: own/h.h: No such file or directory\n",
		"own-header", "it is in the source as inc/own/h.h");
	expect_cause(NULL, "gcc: error: unrecognized command-line option '-mfoo'\n",
		"unknown-compiler-option", "-mfoo is in the module's own Makefile");
	expect_cause(NULL, "gcc: error: unrecognized command-line option '-mbar'\n",
		"unknown-compiler-option", "comes from the kernel's");
	/* whose member it is, the source says */
	expect_cause("6.12.0",
		"/build/src/driver.c:4:12: error: initialization of 'void (*)(struct "
		"platform_device *)' from incompatible pointer type 'int (*)(struct "
		"platform_device *)' [-Werror=incompatible-pointer-types]\n",
		"kernel-api-changed",
		"remove of struct platform_driver as it was before Linux 6.11 (now: it returns nothing)");
	expect_cause("6.12.0",
		"/build/src/driver.c:7:12: error: initialization of 'void (*)(void)' from "
		"incompatible pointer type 'int (*)(void)' [-Werror=incompatible-pointer-types]\n",
		"incompatible-pointer", "");
	expect_cause("6.6.0",
		"/build/src/driver.c:4:12: error: initialization of 'int (*)(struct "
		"platform_device *)' from incompatible pointer type 'void (*)(struct "
		"platform_device *)' [-Werror=incompatible-pointer-types]\n",
		"kernel-too-old", "remove of struct platform_driver as it is since Linux 6.11");
	for (const char *const *at = (const char *const[]){"12:9", "14:9", NULL}; *at; at++) {
		_cleanup_free_ char *log =
			xasprintf("/build/src/driver.c:%s: error: initialization of "
				  "'void (*)(struct i2c_client *)' from incompatible "
				  "pointer type 'int (*)(struct i2c_client *)'\n",
				*at);

		expect_cause("6.1.0", log, "kernel-api-changed", "remove of struct i2c_driver");
	}
	/* neither of those any more */
	expect_cause("6.12.0",
		"/build/src/driver.c:17:9: error: assignment to 'void (*)(void)' from "
		"incompatible pointer type 'int (*)(void)'\n",
		"incompatible-pointer", "");
	/* what a shell says of a script is not what is wrong with it */
	put("src/gen.sh", "#!/bin/sh\r\n");
	expect_cause(NULL, "/bin/sh: 1: /build/src/gen.sh: not found\n", "crlf", "gen.sh");
	put("headers/bin/sh", "a shell\n");
	put("src/gen.sh", "#!/opt/none\n");
	expect_cause(NULL, "/bin/sh: /build/src/gen.sh: not found\n", "missing-tool",
		"gen.sh begins with #!/opt/none");
	put("src/gen.sh", "\177ELF");
	expect_cause(
		NULL, "/bin/sh: 1: /build/src/gen.sh: not found\n", "foreign-program", "gen.sh");
}

/* ---- what is made of it ---- */

static void hints(void **state)
{
	static const char log[] =
		"include/x.h:3:1: error: implicit declaration of function 'strlcpy'\n"
		"    3 |\tstrlcpy();\n/build/src/a.c:9:1: note: in expansion of macro 'x'\n";
	struct diagnose_input in = {.release = "6.12.0", .log_path = "/the/log", .stage = "build"};
	struct err e = ERR_INIT;
	struct diagnosis d;

	(void)state;
	err_set(&e, -ECANCELED, "it failed");
	assert_true(diagnose_log(log, strlen(log), &in, &d));
	assert_int_equal(diagnosis_hint(&d, &e), -ECANCELED);
	assert_string_equal(e.text,
		"it failed\n"
		"first error: include/x.h:3: implicit declaration of function 'strlcpy'\n"
		"the line: strlcpy();\n"
		"which comes from: a.c:9\n"
		"cause: the kernel's interfaces have changed (kernel-api-changed): the source uses "
		"strlcpy(), which Linux 6.8 removed (since 4.3 there is strscpy()); the phone's "
		"kernel is 6.12.0\n"
		"remedy: look for a newer release of the module, or patch its source\n"
		"the whole log: /the/log");
	assert_false(diagnosis_is_emulator_crash(&d));
	diagnosis_free(&d);
}

static void as_json(void **state)
{
	static const char log[] = "/build/src/a.c:3:1: error: unknown type name \"\xff\"\n";
	struct diagnose_input in = {.log_path = "/the/log"};
	_cleanup_free_ char *text = NULL;
	struct json_object *o, *where;
	struct diagnosis d;

	(void)state;
	assert_true(diagnose_log(log, strlen(log), &in, &d));
	text = diagnosis_text(&d);
	assert_null(strchr(text, '\n'));
	o = json_tokener_parse(text);
	assert_non_null(o);
	where = json_object_object_get(o, "where");
	assert_string_equal(json_object_get_string(json_object_object_get(where, "file")), "a.c");
	assert_int_equal(json_object_get_int(json_object_object_get(where, "line")), 3);
	assert_string_equal(json_object_get_string(json_object_object_get(o, "log")), "/the/log");
	assert_null(json_object_object_get(o, "own"));
	json_object_put(o);
	diagnosis_free(&d);
	/* a failure without a log */
	diagnose_exit_code(EXIT_TIMEOUT, "it ran\nlong", &(struct diagnose_input){0}, &d);
	assert_string_equal(d.cause->id, "time-limit");
	assert_string_equal(d.error, "it ran");
	diagnosis_free(&d);
}

/* ---- the tables ---- */

static size_t check_table(const struct api_change *t)
{
	size_t n = 0;

	for (const struct api_change *c = t; c->name; c++, n++) {
		_cleanup_free_ char *older = api_sentence(c, c->name, c->since, false);

		assert_non_null(strstr(older, c->name));
		if (c->instead_since && c->instead_since > c->since + 0x300)
			fail_msg("%s: what replaces it came long after", c->name);
		if ((c->kind == API_CALL || c->kind == API_CALLBACK || c->kind == API_RENAMED ||
			    c->kind == API_INCLUDE || c->kind == API_READ_ONLY) &&
			!c->instead)
			fail_msg("%s: it says not how it is now", c->name);
		for (const struct api_change *o = t; o < c; o++)
			if (streq(o->name, c->name) && o->kind == c->kind && o->since == c->since &&
				streq(is(o->of), is(c->of)))
				fail_msg("%s: twice", c->name);
	}
	return n;
}

static void tables(void **state)
{
	(void)state;
	assert_true(check_table(api_names) + check_table(api_members) >= 80);
	for (size_t i = 0; i < CAUSES; i++) {
		assert_non_null(diagnosis_causes[i].id);
		assert_non_null(diagnosis_causes[i].title);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(diagnosis_causes[i].id, diagnosis_causes[k].id);
	}
}

static void patterns(void **state)
{
	static const struct {
		const char *text, *pattern, *first, *second;
	} t[] = {
		{"a 'x' has no 'y'", "'%' has no '%'", "x", "y"},
		{"/bin/sh: 1: foo: not found", "%: not found", "foo", ""},
		{"symbol: foo bar", "symbol: %", "foo", ""},
		{"a b c d", "b~d", "", ""},
		{"a b c", "b~d", NULL, NULL},
		{"", "%", "", ""},
		{"", "x", NULL, NULL},
		{": not found", "%: not found", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		char names[2][DIAGNOSE_NAME_MAX];
		bool found = sign_matches(t[i].text, t[i].pattern, names);

		if (found != (t[i].first != NULL))
			fail_msg("'%s': found %d", t[i].pattern, found);
		if (!found)
			continue;
		assert_string_equal(names[0], t[i].first);
		assert_string_equal(names[1], t[i].second);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(source_lines),
		cmocka_unit_test(headers_lines),
		cmocka_unit_test(with_source),
		cmocka_unit_test(hints),
		cmocka_unit_test(as_json),
		cmocka_unit_test(tables),
		cmocka_unit_test(patterns),
	};
	int r;

	if (!mkdtemp(dir))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	fs_remove_tree(dir, NULL);
	return r;
}
