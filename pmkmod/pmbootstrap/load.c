// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * pmbootstrap's configuration: [pmbootstrap] of pmkmod's own, over pmbootstrap's file, over the
 * defaults of pmb/core/config.py. pmbootstrap writes only what differs from them. Where its file is
 * not understood, pmbootstrap itself is asked.
 */
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/pmbootstrap/pmbootstrap.h"
#include "pmkmod/pmbootstrap/pyconfig.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/process.h"

#define MAIN "pmbootstrap"
#define ASK_SECONDS 10
#define ASK_MAX 65536
#define VERSION_MAX 64

enum kind { TEXT, PATH, PATHS, SYSTEMD, MIRROR };

/* One value: where pmbootstrap and pmkmod have it, and pmbootstrap's default. */
static const struct key {
	const char *section, *key; /* in pmbootstrap's file */
	const char *ours; /* in [pmbootstrap] of pmkmod.ini */
	const char *fallback;
	enum kind kind;
	size_t at;
} keys[] = {
#define AT(member) offsetof(struct pmbootstrap, member)
	{MAIN, "work", "work", "~/.local/var/pmbootstrap", PATH, AT(work)},
	{MAIN, "aports", "aports", "~/.local/var/pmbootstrap/cache_git/pmaports", PATHS,
		AT(aports)},
	{MAIN, "device", "device", "qemu-amd64", TEXT, AT(device)},
	{MAIN, "kernel", "kernel", "stable", TEXT, AT(kernel)},
	{MAIN, "ui", "ui", "console", TEXT, AT(ui)},
	{MAIN, "systemd", "systemd", "default", SYSTEMD, AT(systemd)},
	{"mirrors", "alpine", "mirror_alpine", "http://dl-cdn.alpinelinux.org/alpine/", MIRROR,
		AT(alpine.url)},
	{"mirrors", "alpine_custom", "mirror_alpine_custom", "none", MIRROR, AT(alpine.custom)},
	{"mirrors", "pmaports", "mirror_pmaports", "http://mirror.postmarketos.org/postmarketos/",
		MIRROR, AT(pmaports.url)},
	{"mirrors", "pmaports_custom", "mirror_pmaports_custom", "none", MIRROR,
		AT(pmaports.custom)},
	{"mirrors", "systemd", "mirror_systemd",
		"http://mirror.postmarketos.org/postmarketos/extra-repos/systemd/", MIRROR,
		AT(systemd_mirror.url)},
	{"mirrors", "systemd_custom", "mirror_systemd_custom", "none", MIRROR,
		AT(systemd_mirror.custom)},
#undef AT
};

/* Words of pmb.core.config.SystemdConfig, in the order of enum pmb_systemd. */
static const char *const systemd_words[] = {"default", "always", "never"};

struct loader {
	struct pmbootstrap *p;
	struct config *c;
	const char *from; /* what the value that is set was read from, for messages */
	bool old; /* the file is of before version 3 */
};

static int usage(struct err *e, int code)
{
	if (e)
		e->exit_code = EXIT_USAGE;
	return code;
}

/* ---- one value ---- */

static bool has_home(void)
{
	const char *home = getenv("HOME");

	return home && *home == '/';
}

/* "~" is only written in the defaults: pmbootstrap stores whole paths, and would not expand it. */
static char *absolute(const struct loader *l, const struct key *k, const char *v, struct err *e)
{
	if (*v == '/')
		return xstrdup(v);
	if (v == k->fallback)
		return path_join(getenv("HOME"), v + 1);
	usage(e, 0);
	err_set(e, -EINVAL, "%s: %s is '%s', which is not an absolute path", l->from, k->key, v);
	return NULL;
}

static int set_paths(struct loader *l, const struct key *k, const char *v, struct err *e)
{
	_cleanup_strvec_ struct strvec items = {0};

	strvec_split(&items, v, ",\n");
	strvec_reset(&l->p->aports);
	for (size_t i = 0; i < items.n; i++) {
		char *path =
			absolute(l, k, v == k->fallback ? k->fallback : str_strip(items.v[i]), e);

		if (!path)
			return -EINVAL;
		strvec_take(&l->p->aports, path);
	}
	if (items.n)
		return 0;
	return usage(e, err_set(e, -EINVAL, "%s: aports names no folder at all", l->from));
}

static int set_systemd(struct loader *l, const char *v, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(systemd_words); i++)
		if (streq(v, systemd_words[i])) {
			l->p->systemd = (enum pmb_systemd)i;
			return 0;
		}
	return usage(
		e, err_set(e, -EINVAL, "%s: systemd is '%s', but must be default, always or never",
			   l->from, v));
}

static int set_value(struct loader *l, const struct key *k, const char *v, struct err *e)
{
	char **slot = (char **)((char *)l->p + k->at), *new;

	if (k->kind == PATHS)
		return set_paths(l, k, v, e);
	if (k->kind == SYSTEMD)
		return set_systemd(l, v, e);
	new = k->kind == PATH				       ? absolute(l, k, v, e)
	      : k->kind == MIRROR &&strcasecmp(v, "none") == 0 ? NULL
							       : xstrdup(v);
	if (k->kind == PATH && !new)
		return -EINVAL;
	free(*slot);
	*slot = new;
	return 0;
}

/* ---- its file ---- */

static int old_file(struct loader *l, const char *path, struct err *e)
{
	l->old = true;
	err_set(e, -EINVAL, "'%s' is the configuration of a pmbootstrap before version 3", path);
	err_hint(e, "run `pmbootstrap init` of version 3 or later: it makes pmbootstrap_v3.cfg");
	return usage(e, -EINVAL);
}

static int apply_file(struct loader *l, const struct pyconfig *f, struct err *e)
{
	/* what every file of before version 3 has, for it had all values in it */
	static const char *const old_keys[] = {"mirrors_postmarketos", "mirror_alpine"};

	for (size_t i = 0; i < ARRAY_SIZE(old_keys); i++) {
		_cleanup_free_ char *v = NULL;
		int r = pyconfig_get(f, MAIN, old_keys[i], &v, e);

		if (r < 0)
			return r;
		if (v)
			return old_file(l, l->from, e);
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		_cleanup_free_ char *v = NULL;
		int r;

		/* pmbootstrap looks for mirrors only if the file has such a section */
		if (!streq(keys[i].section, MAIN) && !pyconfig_has_section(f, keys[i].section))
			continue;
		r = pyconfig_get(f, keys[i].section, keys[i].key, &v, e);
		if (r == 0 && v)
			r = set_value(l, &keys[i], v, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- asking pmbootstrap ---- */

/* Python shows a list of several paths as "[PosixPath('/a'), PosixPath('/b')]". */
static char *without_python(const char *text)
{
	struct strbuf b = {0};

	if (*text != '[')
		return xstrdup(text);
	for (const char *s = text; *s; s++) {
		char quote = *s;

		if (quote != '\'' && quote != '"')
			continue;
		if (b.len)
			strbuf_addc(&b, ',');
		for (s++; *s && *s != quote; s++) {
			if (*s == '\\' && s[1])
				s++;
			strbuf_addc(&b, *s);
		}
		if (!*s)
			break;
	}
	return strbuf_steal(&b);
}

static int ask_one(struct loader *l, const char *command, const struct key *k, struct err *e)
{
	_cleanup_free_ char *name =
		streq(k->section, MAIN) ? xstrdup(k->key) : xasprintf("%s.%s", k->section, k->key);
	const char *const words[] = {command, "--config", l->p->file, "config", name};
	_cleanup_strvec_ struct strvec argv = {0};
	const struct process how = {
		.argv = &argv, .git = true, .timeout_s = ASK_SECONDS, .max = ASK_MAX};
	_cleanup_strbuf_ struct strbuf out = {0};
	_cleanup_free_ char *v = NULL;
	int status, r;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		strvec_add(&argv, words[i]);
	r = process_run(&how, &out, NULL, &status, e);
	if (r < 0)
		return r;
	if (status != 0)
		return err_set(
			e, -EIO, "`%s config %s` ended with exit code %d", command, name, status);
	if (!out.s)
		return err_set(e, -EIO, "`%s config %s` answers nothing", command, name);
	v = without_python(str_strip(out.s));
	return *v ? set_value(l, k, v, e) : 0;
}

/* Its file is not understood, for the reason in `e`. */
static int ask(struct loader *l, struct err *e)
{
	const char *command = config_get(l->c, "pmbootstrap", "command");
	_cleanup_free_ char *program = command ? program_on_path(command) : NULL;
	struct err why = ERR_INIT;

	/* pmbootstrap refuses to be run by root */
	if (program && geteuid() == 0)
		return err_hint(e, "pmbootstrap itself, which root cannot run, is not asked");
	if (!program)
		return e ? e->code : -EINVAL;
	l->from = command;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (ask_one(l, program, &keys[i], &why) < 0)
			return err_hint(e, "and pmbootstrap does not tell either: %s", why.text);
	strvec_addf(&l->p->notes, "%s; asked pmbootstrap instead", e ? e->text : l->p->file);
	err_clear(e);
	return 0;
}

static int read_file(struct loader *l, struct err *e)
{
	const char *path = config_get(l->c, "pmbootstrap", "config");
	struct err why = ERR_INIT, *first = e ? e : &why;
	struct pyconfig *f = NULL;
	int r;

	if (!path || !fs_exists(path)) {
		_cleanup_free_ char *old = path_join(
			config_get(l->c, "xdg", "config") ? config_get(l->c, "xdg", "config") : "/",
			"pmbootstrap.cfg");

		return fs_exists(old) ? old_file(l, old, e) : 0;
	}
	l->from = l->p->file = xstrdup(path);
	r = pyconfig_read(&f, l->p->file, first);
	if (r == 0)
		r = apply_file(l, f, first);
	pyconfig_free(f);
	if (r < 0)
		usage(first, r);
	return r < 0 && !l->old ? ask(l, first) : r;
}

/* ---- the work folder ---- */

/* Versions that pmbootstrap migrates when it is run next (pmb/helpers/other.py). */
static const char *const migratable[] = {"6", "7-2.x", "7"};

enum pmb_work pmbootstrap_work(const struct pmbootstrap *p, char **version)
{
	_cleanup_free_ char *path = path_join(p->work, "version"), *text = NULL;
	const char *v;
	enum pmb_work is = PMB_WORK_OTHER;

	if (version)
		*version = NULL;
	if (!fs_is_dir(p->work))
		return PMB_WORK_NONE;
	if (fs_read(path, VERSION_MAX, &text, NULL, NULL) < 0)
		return PMB_WORK_OTHER;
	v = str_strip(text);
	if (streq(v, "8"))
		is = PMB_WORK_CURRENT;
	for (size_t i = 0; i < ARRAY_SIZE(migratable); i++)
		if (streq(v, migratable[i]))
			is = PMB_WORK_OLD;
	if (version)
		*version = xstrdup(v);
	return is;
}

static void look_at_work(struct pmbootstrap *p)
{
	_cleanup_free_ char *version = NULL;

	switch (pmbootstrap_work(p, &version)) {
	case PMB_WORK_OLD:
		strvec_addf(&p->notes,
			"pmbootstrap's work folder '%s' is of version %s: pmbootstrap 3 migrates it "
			"when it is run next",
			p->work, version);
		break;
	case PMB_WORK_OTHER:
		strvec_addf(&p->notes,
			"pmbootstrap's work folder '%s' is of version %s, which pmkmod does not know "
			"(it knows 8): its packages are not used",
			p->work, version ? version : "(none)");
		break;
	default:
		break;
	}
}

/* ---- the whole ---- */

static int apply_ours(struct loader *l, struct err *e)
{
	l->from = "[pmbootstrap] of pmkmod's configuration";
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *v = config_get(l->c, "pmbootstrap", keys[i].ours);
		_cleanup_strvec_ struct strvec list = {0};
		_cleanup_free_ char *joined = NULL;
		int r;

		if (!v)
			continue;
		if (keys[i].kind == PATHS) {
			config_list(l->c, "pmbootstrap", keys[i].ours, &list);
			joined = strvec_join(&list, ",");
			v = joined;
		}
		r = set_value(l, &keys[i], v, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int apply_defaults(struct loader *l, struct err *e)
{
	int r = 0;

	l->from = "pmbootstrap's default";
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(keys); i++)
		if (*keys[i].fallback != '~' || has_home())
			r = set_value(l, &keys[i], keys[i].fallback, e);
	return r;
}

static int check(const struct pmbootstrap *p, struct err *e)
{
	if (p->work && p->aports.n)
		return 0;
	return usage(e,
		err_set(e, -EINVAL,
			"where is pmbootstrap's work folder? HOME is not set; say pmbootstrap.work "
			"and pmbootstrap.aports in pmkmod.ini"));
}

int pmbootstrap_load(struct pmbootstrap *p, struct config *c, struct err *e)
{
	struct loader l = {.p = p, .c = c};
	int r;

	*p = (struct pmbootstrap){0};
	r = apply_defaults(&l, e);
	if (r == 0)
		r = read_file(&l, e);
	if (r == 0)
		r = apply_ours(&l, e);
	if (r == 0)
		r = check(p, e);
	if (r < 0) {
		pmbootstrap_free(p);
		return r;
	}
	look_at_work(p);
	return 0;
}

void pmbootstrap_free(struct pmbootstrap *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].kind != PATHS && keys[i].kind != SYSTEMD)
			free(*(char **)((char *)p + keys[i].at));
	free(p->file);
	strvec_free(&p->aports);
	strvec_free(&p->notes);
	*p = (struct pmbootstrap){0};
}
