// SPDX-License-Identifier: GPL-3.0-or-later
/* The table of a kernel's modules: reading it, keeping it, and asking it for aliases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fnmatch.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/base/sealed.h"
#include "pmkmod/kernel/modules.h"
#include "tests/unit/ko_builder.h"

#define FIRST "pmkmod kernel modules 1\n"
#define INFO(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- patterns ---- */

/* The same numbers every time. */
static unsigned next_random(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33);
}

static void random_text(char *out, size_t max, const char *letters)
{
	size_t n = next_random() % max;

	for (size_t i = 0; i < n; i++)
		out[i] = letters[next_random() % strlen(letters)];
	out[n] = '\0';
}

/* What the C library says is what modprobe goes by. */
static void matches_as_fnmatch(void **state)
{
	size_t yes = 0;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		char pattern[10], text[8];
		bool want;

		random_text(pattern, sizeof(pattern), i % 2 ? "ab*?" : "ab*?[]!-^\\");
		random_text(text, sizeof(text), "ab*[");
		/* what an escape or a bracket without an end means, POSIX leaves open */
		if (strchr(pattern, '\\') || (strchr(pattern, '[') && !strchr(pattern, ']')) ||
			strstr(pattern, "[["))
			continue;
		want = fnmatch(pattern, text, 0) == 0;
		yes += want;
		if (alias_matches(pattern, text, NULL) != want)
			fail_msg("'%s' and '%s': not %d", pattern, text, !want);
	}
	assert_true(yes > 10000);
}

static void patterns_end(void **state)
{
	struct strbuf pattern = {0}, text = {0};
	int64_t budget = 100 * 1000 * 1000;

	(void)state;
	for (int i = 0; i < 500; i++) {
		strbuf_adds(&pattern, "*a");
		strbuf_adds(&text, "aa");
	}
	strbuf_addc(&pattern, 'b');
	assert_false(alias_matches(pattern.s, text.s, &budget));
	assert_true(budget > 90 * 1000 * 1000);
	strbuf_free(&pattern);
	strbuf_free(&text);
}

static void normal_aliases(void **state)
{
	static const char *const rows[][2] = {{"crypto-aes", "crypto_aes"},
		{"a-[b-c]-d", "a_[b-c]_d"}, {"usb:v0BDAp*", "usb:v0BDAp*"}, {"", ""},
		{"a[-", "a[-"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *got = alias_normal(rows[i][0]);

		assert_string_equal(got, rows[i][1]);
		free(got);
	}
}

static void soft_names(void **state)
{
	static const char *const rows[][2] = {{"pre: a b post: c", "a b c"}, {"a pre: b", "b"},
		{"post:c", ""}, {"", ""}, {"pre: post: x-y", "x-y"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_strvec_ struct strvec names = {0};
		_cleanup_free_ char *got = NULL;

		softdep_names(rows[i][0], &names);
		got = names.n ? strvec_join(&names, " ") : xstrdup("");
		assert_string_equal(got, rows[i][1]);
	}
}

/* ---- the table ---- */

static void add_ko(struct modules_builder *b, const char *path, const char *const *modinfo)
{
	const struct kb_spec spec = {.modinfo = modinfo};
	size_t len;
	char *bytes = kb_build(&spec, &len);

	assert_int_equal(modules_builder_add(b, path, bytes, len), 0);
}

static void take(struct kernel_modules *m, struct modules_builder *b)
{
	size_t len;
	char *text = modules_builder_print(b, &len);

	assert_int_equal(kernel_modules_parse(m, text, len), 0);
	modules_builder_free(b);
}

static void what_modules_say(void **state)
{
	static const char modinfo[] =
		"ext4.license=GPL\0ext4.alias=fs-ext4\0ext4.alias=ext3\0.alias=x\0"
		"loop.alias=devname:loop-control\0cut.alias=y";
	struct modules_builder b = {0};
	struct strvec builtin = {0};
	struct kernel_modules m;
	const struct kernel_module *one;

	(void)state;
	strvec_add(&builtin, "kernel/fs/ext4/ext4.ko");
	strvec_add(&builtin, "kernel/drivers/of/of-mdio.ko");
	add_ko(&b, "kernel/sound/snd-pcm.ko.xz",
		INFO("depends=snd-timer,snd", "softdep=pre: first post: last-one",
			"softdep=post: x", "alias=snd-a", "alias=b\tc\nd"));
	assert_int_equal(modules_builder_add(&b, "kernel/bad.ko", xstrdup("text"), 4), 0);
	assert_int_equal(modules_builder_add_builtin(&b, &builtin, modinfo, sizeof(modinfo)), 0);
	take(&m, &b);
	one = kernel_modules_find(&m, "snd_pcm");
	assert_non_null(one);
	assert_string_equal(one->path, "kernel/sound/snd-pcm.ko.xz");
	assert_string_equal(one->depends, "snd_timer,snd");
	assert_string_equal(one->softdeps, "first,last_one");
	assert_string_equal(kernel_modules_find(&m, "bad")->depends, "?");
	assert_string_equal(kernel_modules_find(&m, "ext4")->path, "");
	assert_non_null(kernel_modules_find(&m, "of_mdio"));
	assert_non_null(kernel_modules_find(&m, "loop"));
	assert_null(kernel_modules_find(&m, "snd-pcm"));
	assert_null(kernel_modules_find(&m, ""));
	assert_int_equal(m.n, 6);
	assert_int_equal(m.n_aliases, 6);
	assert_string_equal(m.aliases[0].pattern, "b?c?d");
	assert_true(m.knows_builtin);
	kernel_modules_free(&m);
	strvec_free(&builtin);
}

static bool count_one(void *ctx, const struct kernel_alias *a)
{
	(void)a;
	++*(size_t *)ctx;
	return true;
}

/* The table finds those, and those alone, that a comparison with each of them finds. */
static void claims_as_by_comparing(void **state)
{
	struct modules_builder b = {0};
	struct kernel_modules m;
	int64_t budget = INT64_MAX;
	size_t total = 0;

	(void)state;
	add_ko(&b, "a.ko", INFO("depends="));
	for (int i = 0; i < 1500; i++) {
		char alias[9];

		random_text(alias + 1, sizeof(alias) - 1, "ab*?");
		alias[0] = i % 3 ? 'a' : 'b';
		strvec_addf(&b.aliases, "%s\t0", alias);
	}
	take(&m, &b);
	for (int i = 0; i < 500; i++) {
		char alias[8];
		size_t want = 0, got = 0;

		random_text(alias, sizeof(alias), "ab*?");
		for (size_t k = 0; k < m.n_aliases; k++)
			want += fnmatch(m.aliases[k].pattern, alias, 0) == 0 ||
				fnmatch(alias, m.aliases[k].pattern, 0) == 0;
		assert_true(kernel_modules_claims(&m, alias, &budget, count_one, &got));
		if (got != want)
			fail_msg("'%s': %zu instead of %zu", alias, got, want);
		total += got;
	}
	assert_true(total > 5000);
	budget = 50;
	assert_false(kernel_modules_claims(&m, "a*b", &budget, count_one, &total));
	kernel_modules_free(&m);
}

static bool parses(const char *body)
{
	struct strbuf b = {0};
	struct kernel_modules m;
	bool ok;

	strbuf_adds(&b, body);
	sealed_end(&b);
	ok = kernel_modules_parse(&m, b.s, b.len) == 0;
	if (ok)
		kernel_modules_free(&m);
	return ok;
}

static void kept_text(void **state)
{
	static const char *const bad[] = {FIRST "module\ta\n", FIRST "module\ta\t\t\t\t\n",
		FIRST "alias\tx\t0\n", FIRST "module\ta\t\t\t\nalias\tx\t1\n",
		FIRST "module\ta\t\t\t\nalias\tx\t-1\n", FIRST "module\ta\t\t\t\nalias\tx\t\n",
		FIRST "module\ta\t\t\t\nalias\tb\t0\nalias\ta\t0\n", FIRST "other\tx\n",
		FIRST "x\n", FIRST "module\ta\t\t\t", "pmkmod kernel modules 0\n", ""};
	char *text = xstrdup(FIRST "module\ta\t\t\t\n");
	struct kernel_modules m;

	(void)state;
	assert_true(parses(FIRST));
	assert_true(parses(FIRST "builtin\t1\nmodule\ta\t\t\t\nalias\ta\t0\nalias\ta\t0\n"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (parses(bad[i]))
			fail_msg("taken: '%s'", bad[i]);
	/* without its seal */
	assert_int_equal(kernel_modules_parse(&m, text, strlen(text)), -EBADMSG);
}

/* ---- a folder ---- */

static void put(const char *dir, const char *name, const char *text)
{
	char *path = path_join(dir, name);

	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0600, NULL), 0);
	free(path);
}

static void of_a_folder(void **state)
{
	char dir[] = "/tmp/pmkmod-modules-XXXXXX";
	const struct kb_spec spec = {.modinfo = INFO("depends=b", "alias=x")};
	struct kernel_modules_source from = {.dir = dir};
	struct kernel_facts f = {0};
	struct kernel_modules m;
	struct err e = ERR_INIT;
	size_t len;
	char *bytes = kb_build(&spec, &len), *path;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = path_join(dir, "a.ko.zst"); /* modules.order says a.ko */
	assert_int_equal(fs_write_atomic(path, bytes, len, 0600, &e), 0);
	free(path);
	strvec_add(&f.modules, "a.ko");
	strvec_add(&f.modules, "gone.ko");
	assert_int_equal(kernel_modules_read(&m, &from, &f, &e), 0);
	assert_string_equal(kernel_modules_find(&m, "a")->depends, "b");
	assert_string_equal(kernel_modules_find(&m, "gone")->depends, "?");
	assert_int_equal(m.n_aliases, 1);
	assert_false(m.knows_builtin);
	kernel_modules_free(&m);
	path = path_join(dir, "modules.builtin.modinfo");
	assert_int_equal(fs_write_atomic(path, "k.alias=y", 10, 0600, &e), 0);
	free(path);
	assert_int_equal(kernel_modules_read(&m, &from, &f, &e), 0);
	assert_int_equal(m.n_aliases, 2);
	assert_true(m.knows_builtin);
	kernel_modules_free(&m);
	/* where depmod has been: no module is opened until it is asked for */
	strvec_add(&f.modules, "sub/c-d.ko");
	put(dir, "modules.alias", "# Aliases\nalias fs-x c_d\nalias y z\nalias odd\nalias q* a\n");
	put(dir, "modules.softdep", "# Soft\nsoftdep c-d pre: a\nsoftdep c_d pre: b\nsoftdep\n");
	assert_int_equal(kernel_modules_read(&m, &from, &f, &e), 0);
	assert_int_equal(m.n_aliases, 3);
	assert_string_equal(kernel_modules_find(&m, "c_d")->softdeps, "a");
	assert_string_equal(kernel_modules_find(&m, "a")->depends, "?");
	assert_string_equal(kernel_modules_depends(&m, kernel_modules_find(&m, "a")), "b");
	assert_string_equal(kernel_modules_find(&m, "a")->depends, "b");
	assert_null(kernel_modules_depends(&m, kernel_modules_find(&m, "gone")));
	kernel_modules_free(&m);
	kernel_facts_free(&f);
	/* nothing is read of a kernel that has nothing */
	from = (struct kernel_modules_source){.apk = "/nonexistent.apk"};
	assert_int_equal(kernel_modules_read(&m, &from, &f, &e), 0);
	assert_int_equal(m.n, 0);
	kernel_modules_free(&m);
	strvec_add(&f.modules, "a.ko");
	assert_int_equal(kernel_modules_read(&m, &from, &f, &e), -ENOENT);
	kernel_modules_free(&m);
	kernel_facts_free(&f);
	free(bytes);
	assert_int_equal(fs_remove_tree(dir, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_as_fnmatch),
		cmocka_unit_test(patterns_end),
		cmocka_unit_test(normal_aliases),
		cmocka_unit_test(soft_names),
		cmocka_unit_test(what_modules_say),
		cmocka_unit_test(claims_as_by_comparing),
		cmocka_unit_test(kept_text),
		cmocka_unit_test(of_a_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
