// SPDX-License-Identifier: GPL-3.0-or-later
/* What is read of pmbootstrap: its configuration, its work folder, the channel, the mirrors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/pmbootstrap/pmbootstrap.h"
#include "pmkmod/util/exit_codes.h"

static char dir[] = "/tmp/pmkmod-pmbootstrap-XXXXXX";

/* A file below the scratch folder; %s in the text is that folder. */
static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name);
	_cleanup_free_ char *parent = xstrndup(path, (size_t)(path_base(path) - path));
	struct strbuf b = {0};

	for (const char *s = text; *s; s++)
		if (s[0] == '%' && s[1] == 's') {
			strbuf_adds(&b, dir);
			s++;
		} else {
			strbuf_addc(&b, *s);
		}
	assert_int_equal(fs_mkdirs(parent, 0755, NULL), 0);
	assert_int_equal(fs_write_atomic(path, b.s ? b.s : "", b.len, 0644, NULL), 0);
	strbuf_free(&b);
}

static const char *at(const char *name)
{
	static char path[8][256];
	static unsigned n;

	n = (n + 1) % 8;
	snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	return path[n];
}

static struct config *load_config(const char *ini)
{
	struct config *c = NULL;
	struct err e = ERR_INIT;

	put("pmkmod.ini", ini);
	if (config_load(&c, at("pmkmod.ini"), NULL, &e) < 0)
		fail_msg("%s", e.text);
	return c;
}

/* Read pmbootstrap's file with `text` and pmkmod's with `ini`; 0 or the error. */
static int load(struct pmbootstrap *p, const char *text, const char *ini, struct err *e)
{
	struct config *c = load_config(ini);
	int r;

	unlink(at("config/pmbootstrap_v3.cfg"));
	if (text)
		put("config/pmbootstrap_v3.cfg", text);
	err_clear(e);
	r = pmbootstrap_load(p, c, e);
	config_free(c);
	return r;
}

static void must_load(struct pmbootstrap *p, const char *text, const char *ini)
{
	struct err e = ERR_INIT;

	if (load(p, text, ini, &e) < 0)
		fail_msg("%s", e.text);
}

static void defaults(void **state)
{
	struct pmbootstrap p;

	(void)state;
	must_load(&p, NULL, "");
	assert_null(p.file);
	assert_string_equal(p.work, at("home/.local/var/pmbootstrap"));
	assert_int_equal(p.aports.n, 1);
	assert_string_equal(p.aports.v[0], at("home/.local/var/pmbootstrap/cache_git/pmaports"));
	assert_string_equal(p.device, "qemu-amd64");
	assert_string_equal(p.kernel, "stable");
	assert_string_equal(p.ui, "console");
	assert_int_equal(p.systemd, PMB_SYSTEMD_DEFAULT);
	assert_string_equal(p.alpine.url, "http://dl-cdn.alpinelinux.org/alpine/");
	assert_null(p.alpine.custom);
	assert_string_equal(p.pmaports.url, "http://mirror.postmarketos.org/postmarketos/");
	assert_null(p.systemd_mirror.custom);
	assert_int_equal(p.notes.n, 0);
	pmbootstrap_free(&p);
}

static void values(void **state)
{
	struct pmbootstrap p;

	(void)state;
	must_load(&p,
		"[DEFAULT]\nkernel = lts\n[pmbootstrap]\nwork = /w\nAports = /one,/two ,\n  /pm\n"
		"device = a-b\nsystemd = never\nui=none\n[providers]\nx = y\n"
		"[mirrors]\nalpine = NONE\nalpine_custom = http://a/\npmaports: http://p/%%20\n",
		"");
	assert_string_equal(p.file, at("config/pmbootstrap_v3.cfg"));
	assert_string_equal(p.work, "/w");
	assert_int_equal(p.aports.n, 3);
	assert_string_equal(p.aports.v[1], "/two");
	assert_string_equal(p.aports.v[2], "/pm");
	assert_string_equal(p.device, "a-b");
	assert_string_equal(p.kernel, "lts");
	assert_int_equal(p.systemd, PMB_SYSTEMD_NEVER);
	assert_null(p.alpine.url);
	assert_string_equal(p.alpine.custom, "http://a/");
	assert_string_equal(p.pmaports.url, "http://p/%20");
	pmbootstrap_free(&p);
	/* pmkmod's own configuration wins */
	must_load(&p, "[pmbootstrap]\nwork = /w\ndevice = a-b\n",
		"[pmbootstrap]\nwork = /mine\naports = /x ~/y\nmirror_alpine = none\n");
	assert_string_equal(p.work, "/mine");
	assert_string_equal(p.aports.v[0], "/x");
	assert_string_equal(p.aports.v[1], at("home/y"));
	assert_string_equal(p.device, "a-b");
	assert_null(p.alpine.url);
	pmbootstrap_free(&p);
	/* mirrors count only where there is such a section, as in pmbootstrap */
	must_load(&p, "[DEFAULT]\nalpine = http://x/\n[pmbootstrap]\n", "");
	assert_string_equal(p.alpine.url, "http://dl-cdn.alpinelinux.org/alpine/");
	pmbootstrap_free(&p);
}

static void wrong_files(void **state)
{
	static const struct {
		const char *text, *ini, *words;
	} cases[] = {
		{"nonsense\n", "", "line 1"},
		{"[pmbootstrap]\nwork = relative\n", "", "not an absolute path"},
		{"[pmbootstrap]\nwork = ~/x\n", "", "not an absolute path"},
		{"[pmbootstrap]\nwork =\n", "", "not an absolute path"},
		{"[pmbootstrap]\nwork = %(nothing)s\n", "", "not there"},
		{"[pmbootstrap]\naports =\n", "", "no folder at all"},
		{"[pmbootstrap]\naports = /a,b\n", "", "not an absolute path"},
		{"[pmbootstrap]\nsystemd = perhaps\n", "", "default, always or never"},
		{"[pmbootstrap]\nmirrors_postmarketos = http://x/\n", "", "before version 3"},
		{"[pmbootstrap]\n", "[pmbootstrap]\nsystemd = perhaps\n", "pmkmod"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *ini = xasprintf("%s%s", cases[i].ini,
			*cases[i].ini ? "command =\n" : "[pmbootstrap]\ncommand =\n");
		struct pmbootstrap p;
		struct err e = ERR_INIT;

		if (load(&p, cases[i].text, ini, &e) >= 0)
			fail_msg("accepted: %s", cases[i].text);
		if (e.exit_code != EXIT_USAGE || !strstr(e.text, cases[i].words))
			fail_msg("%s: exit code %d, '%s'", cases[i].text, e.exit_code, e.text);
		assert_null(p.work);
	}
}

static void work_versions(void **state)
{
	static const struct {
		const char *text;
		enum pmb_work is;
		size_t notes;
	} cases[] = {{"8\n", PMB_WORK_CURRENT, 0}, {"8", PMB_WORK_CURRENT, 0},
		{"6\n", PMB_WORK_OLD, 1}, {"7\n", PMB_WORK_OLD, 1}, {"7-2.x\n", PMB_WORK_OLD, 1},
		{"5\n", PMB_WORK_OTHER, 1}, {"9\n", PMB_WORK_OTHER, 1}, {"", PMB_WORK_OTHER, 1},
		{"08\n", PMB_WORK_OTHER, 1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pmbootstrap p;

		put("work/version", cases[i].text);
		must_load(&p, "[pmbootstrap]\nwork = %s/work\n", "");
		assert_int_equal(pmbootstrap_work(&p, NULL), cases[i].is);
		assert_int_equal(p.notes.n, cases[i].notes);
		pmbootstrap_free(&p);
	}
	put("work/version", "8\n");
}

/* ---- the channel ---- */

#define CHANNELS                                                                                   \
	"[channels.cfg]\nrecommended=edge\n[edge]\ndescription=x\nbranch_pmaports=main\n"          \
	"branch_aports=master\nmirrordir_alpine=edge\n[v26.06]\ndescription=y\n"                   \
	"branch_pmaports=v26.06\nbranch_aports=3.24-stable\nmirrordir_alpine=v3.24\n"              \
	"[stable]\ndescription=z\nbranch_pmaports=v20.05\nbranch_aports=3.12-stable\n"             \
	"mirrordir_alpine=v3.12\n"
#define PMAPORTS(channel)                                                                          \
	"[pmaports]\nversion=7\npmbootstrap_min_version=3.11.0\nchannel=" channel                  \
	"\nsupported_arches=aarch64,armv7\nsupported_usr_merge=True\n[repo:systemd]\n"             \
	"pmaports_dir=systemd\n"
#define FILE_CFG "[pmbootstrap]\nwork = %s/work\naports = %s/own,%s/pm\n"

static int load_channel(struct pmaports_channel *ch, const char *file, struct err *e)
{
	struct pmbootstrap p;
	int r;

	must_load(&p, file, "");
	r = pmaports_channel_load(ch, &p, e);
	pmbootstrap_free(&p);
	return r;
}

static void channel(void **state)
{
	struct pmaports_channel ch;
	struct err e = ERR_INIT;

	(void)state;
	put("pm/pmaports.cfg", PMAPORTS("v26.06"));
	put("pm/channels.cfg", CHANNELS);
	put("own/main/x/APKBUILD", "");
	assert_int_equal(load_channel(&ch, FILE_CFG, &e), 0);
	assert_string_equal(ch.name, "v26.06");
	assert_string_equal(ch.branch_aports, "3.24-stable");
	assert_string_equal(ch.mirrordir_alpine, "v3.24");
	assert_false(ch.recommended);
	assert_true(ch.usr_merge);
	assert_true(ch.systemd_repo);
	assert_int_equal(ch.version, 7);
	assert_string_equal(ch.pmbootstrap_min_version, "3.11.0");
	assert_int_equal(ch.supported_arches.n, 2);
	assert_int_equal(ch.all.n, 2);
	assert_string_equal(ch.all.v[0], "systemd-v26.06");
	pmaports_channel_free(&ch);
	/* another folder on another channel; an old name */
	put("own/pmaports.cfg", "[pmaports]\nversion=7\nchannel=edge\n");
	put("pm/pmaports.cfg", PMAPORTS("stable"));
	assert_int_equal(load_channel(&ch, FILE_CFG, &e), 0);
	assert_string_equal(ch.name, "v20.05");
	assert_string_equal(ch.mirrordir_alpine, "v3.12");
	assert_int_equal(ch.all.n, 3);
	assert_string_equal(ch.all.v[0], "edge");
	assert_string_equal(ch.all.v[1], "systemd-v20.05");
	pmaports_channel_free(&ch);
	unlink(at("own/pmaports.cfg"));
}

static void wrong_channels(void **state)
{
	static const struct {
		const char *pmaports, *channels, *words;
		int code;
	} cases[] = {
		{PMAPORTS("edge"), NULL, "no whole pmaports checkout", -ENOENT},
		{NULL, CHANNELS, "pmbootstrap init", -ENOENT},
		{PMAPORTS("v1"), CHANNELS, "only has: channels.cfg, edge, v26.06, stable", -EINVAL},
		{PMAPORTS("../x"), CHANNELS, "no name for a channel", -EINVAL},
		{"[pmaports]\nversion=6\nchannel=edge\n", CHANNELS, "pmbootstrap pull", -EINVAL},
		{"[pmaports]\nversion=7\n", CHANNELS, "no 'channel'", -EINVAL},
		{"version=7\n", CHANNELS, "line 1", -EINVAL},
		{PMAPORTS("edge"), "[edge]\n", "no 'branch_pmaports'", -EINVAL},
		{PMAPORTS("edge"), "edge\n", "line 1", -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pmaports_channel ch;
		struct err e = ERR_INIT;
		int r;

		unlink(at("pm/pmaports.cfg"));
		unlink(at("pm/channels.cfg"));
		if (cases[i].pmaports)
			put("pm/pmaports.cfg", cases[i].pmaports);
		if (cases[i].channels)
			put("pm/channels.cfg", cases[i].channels);
		r = load_channel(&ch, FILE_CFG, &e);
		if (r != cases[i].code || !strstr(e.text, cases[i].words))
			fail_msg("case %zu: %d, '%s'", i, r, e.text);
		assert_null(ch.name);
	}
}

static bool shell(const char *command)
{
	_cleanup_free_ char *whole = xasprintf("cd '%s/pm' && (%s) >/dev/null 2>&1", dir, command);

	return system(whole) == 0;
}

/* channels.cfg of upstream's branch wins over the checkout's; git's variables lead nowhere else. */
static void channels_by_git(void **state)
{
	struct pmaports_channel ch;
	struct err e = ERR_INIT;

	(void)state;
	put("pm/pmaports.cfg", PMAPORTS("v26.06"));
	put("pm/channels.cfg", CHANNELS);
	if (!shell("git init -q . && git -c user.name=t -c user.email=t@t add -A && git -c "
		   "user.name=t -c user.email=t@t commit -qm t && git remote add origin "
		   "https://example.org/x.git && git remote add up "
		   "https://me:token@gitlab.postmarketos.org/postmarketOS/pmaports.git"))
		skip();
	put("pm/channels.cfg", "[channels.cfg]\nrecommended=x\n");
	/* nothing was fetched yet: the file, and a note */
	assert_int_equal(load_channel(&ch, FILE_CFG, &e), -EINVAL);
	assert_true(shell("git update-ref refs/remotes/up/main HEAD"));
	setenv("GIT_DIR", "/nonexistent", 1);
	assert_int_equal(load_channel(&ch, FILE_CFG, &e), 0);
	unsetenv("GIT_DIR");
	assert_string_equal(ch.mirrordir_alpine, "v3.24");
	assert_int_equal(ch.notes.n, 0);
	pmaports_channel_free(&ch);
	assert_true(shell("git update-ref -d refs/remotes/up/main"));
	put("pm/channels.cfg", CHANNELS);
	assert_int_equal(load_channel(&ch, FILE_CFG, &e), 0);
	assert_int_equal(ch.notes.n, 1);
	pmaports_channel_free(&ch);
	/* named by the environment */
	put("other.cfg", "[v26.06]\nbranch_pmaports=b\nbranch_aports=a\nmirrordir_alpine=m\n");
	setenv("PMB_CHANNELS_CFG", at("other.cfg"), 1);
	assert_int_equal(load_channel(&ch, FILE_CFG, &e), 0);
	assert_string_equal(ch.mirrordir_alpine, "m");
	pmaports_channel_free(&ch);
	setenv("PMB_CHANNELS_CFG", "/nonexistent", 1);
	assert_int_equal(load_channel(&ch, FILE_CFG, &e), -ENOENT);
	unsetenv("PMB_CHANNELS_CFG");
	assert_true(shell("rm -rf .git"));
}

static void systemd(void **state)
{
	/* options, systemd=, what comes out */
	static const struct {
		const char *options;
		enum pmb_systemd wish;
		int is;
	} cases[] = {
		{"pmb:systemd", PMB_SYSTEMD_DEFAULT, 1},
		{"!check", PMB_SYSTEMD_DEFAULT, 0},
		{"!check", PMB_SYSTEMD_ALWAYS, 1},
		{"pmb:systemd", PMB_SYSTEMD_NEVER, 0},
		{"pmb:systemd-never", PMB_SYSTEMD_ALWAYS, 0},
		{"pmb:default-systemd pmb:support-openrc pmb:support-systemd", PMB_SYSTEMD_DEFAULT,
			1},
		{"pmb:default-openrc pmb:support-openrc pmb:support-systemd", PMB_SYSTEMD_DEFAULT,
			0},
		{"pmb:default-openrc pmb:support-openrc pmb:support-systemd", PMB_SYSTEMD_ALWAYS,
			1},
		{"pmb:default-openrc pmb:support-openrc", PMB_SYSTEMD_ALWAYS, 0},
		{"pmb:default-systemd pmb:support-systemd", PMB_SYSTEMD_NEVER, 1},
	};
	struct pmaports_channel ch = {.systemd_repo = true};
	struct pmbootstrap p;

	(void)state;
	must_load(&p, FILE_CFG, "");
	assert_int_equal(pmbootstrap_systemd(&p, &ch), -1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = xasprintf("options=\"%s\" # x\n", cases[i].options);

		put("pm/main/postmarketos-ui-console/APKBUILD", text);
		p.systemd = cases[i].wish;
		if (pmbootstrap_systemd(&p, &ch) != cases[i].is)
			fail_msg("%s, %d", cases[i].options, (int)cases[i].wish);
	}
	/* a folder of one's own comes first, wherever in it */
	put("own/ui/postmarketos-ui-console/APKBUILD", "options=pmb:systemd-never\n");
	assert_int_equal(pmbootstrap_systemd(&p, &ch), 0);
	ch.systemd_repo = false;
	p.systemd = PMB_SYSTEMD_ALWAYS;
	assert_int_equal(pmbootstrap_systemd(&p, &ch), 0);
	assert_int_equal(fs_remove_tree(at("own/ui"), NULL), 0);
	assert_int_equal(fs_remove_tree(at("pm/main"), NULL), 0);
	pmbootstrap_free(&p);
}

/* ---- as a channel of pmkmod's ---- */

static void expect_list(struct config *c, const char *section, const char *key, const char *want)
{
	_cleanup_strvec_ struct strvec l = {0};
	_cleanup_free_ char *got = NULL;

	config_list(c, section, key, &l);
	got = strvec_join(&l, " ");
	if (!streq(got, want))
		fail_msg("%s.%s is '%s', not '%s'", section, key, got, want);
}

static void define(void **state)
{
	struct pmaports_channel ch = {.name = xstrdup("v9"),
		.branch_pmaports = xstrdup("b9"),
		.mirrordir_alpine = xstrdup("v3.9")};
	_cleanup_free_ char *local = NULL, *keys = NULL;
	struct config *c = load_config("[channel.edge]\nkeys = /mine\n");
	struct pmbootstrap p;

	(void)state;
	strvec_add(&ch.all, "systemd-v9");
	strvec_add(&ch.all, "v9");
	must_load(&p,
		"[pmbootstrap]\nwork = %s/work x\n[mirrors]\nalpine = http://a\nalpine_custom = "
		"http://c/\npmaports = http://p//\nsystemd = http://s/\n",
		"");
	put("work x/version", "8\n");
	put("work x/packages/v9/aarch64/APKINDEX.tar.gz", "");
	assert_int_equal(pmbootstrap_define_channel(c, &p, &ch, NULL), 0);
	expect_list(c, "channel.v9", "repositories",
		"http://p/b9 http://c/v3.9/main http://c/v3.9/community http://a/v3.9/main "
		"http://a/v3.9/community");
	local = xasprintf("file://%s/work%%20x/packages/v9", dir);
	keys = xasprintf("%s/work x/config_apk_keys", dir);
	expect_list(c, "channel.v9", "local", local);
	expect_list(c, "channel.v9", "keys", keys);
	expect_list(c, "channel.v9", "like", "edge");
	expect_list(c, "channel.v9", "usr_merge", "no");
	/* the shipped channel's gives way, the user's does not; with systemd, on edge */
	free(ch.name);
	ch.name = xstrdup("edge");
	free(ch.mirrordir_alpine);
	ch.mirrordir_alpine = xstrdup("edge");
	ch.systemd_repo = true;
	p.systemd = PMB_SYSTEMD_ALWAYS;
	free(p.alpine.custom);
	p.alpine.custom = NULL;
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(pmbootstrap_define_channel(c, &p, &ch, NULL), 0);
		expect_list(c, "channel.edge", "repositories",
			"http://s/b9 http://p/b9 http://a/edge/main http://a/edge/community "
			"http://a/edge/testing");
		expect_list(c, "channel.edge", "keys", "/mine");
		assert_null(config_get(c, "channel.edge", "like"));
		assert_non_null(config_get(c, "channel.edge", "base"));
	}
	/* nothing at all */
	free(p.alpine.url);
	free(p.pmaports.url);
	free(p.systemd_mirror.url);
	p.alpine.url = p.pmaports.url = p.systemd_mirror.url = NULL;
	put("work x/version", "99\n");
	assert_int_equal(pmbootstrap_define_channel(c, &p, &ch, NULL), -EINVAL);
	/* only what was built here */
	put("work x/version", "8\n");
	assert_int_equal(pmbootstrap_define_channel(c, &p, &ch, NULL), 0);
	expect_list(c, "channel.edge", "repositories", local);
	pmbootstrap_free(&p);
	pmaports_channel_free(&ch);
	config_free(c);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	setenv("HOME", at("home"), 1);
	setenv("XDG_CONFIG_HOME", at("config"), 1);
	unsetenv("PMB_CHANNELS_CFG");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return fs_remove_tree(dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(values),
		cmocka_unit_test(wrong_files),
		cmocka_unit_test(work_versions),
		cmocka_unit_test(channel),
		cmocka_unit_test(wrong_channels),
		cmocka_unit_test(channels_by_git),
		cmocka_unit_test(systemd),
		cmocka_unit_test(define),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
