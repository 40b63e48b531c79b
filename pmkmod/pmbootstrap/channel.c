// SPDX-License-Identifier: GPL-3.0-or-later
/* The channel of the pmaports checkout: pmaports.cfg, and its section of channels.cfg. */
#include "chroot/base/fs.h"
#include "pmkmod/pmbootstrap/pmbootstrap.h"
#include "pmkmod/pmbootstrap/pyconfig.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/process.h"

#define CHANNELS "channels.cfg"
#define VERSION_MIN 7 /* pmb.config.pmaports_min_version */
#define GIT_SECONDS 10
#define GIT_MAX (1u << 20)

/* pmb/config/__init__.py: git_repos, and what pmb/helpers/git.py still takes for it; in lower case
 */
static const char *const upstream_urls[] = {
	"https://gitlab.postmarketos.org/postmarketos/pmaports.git",
	"git@gitlab.postmarketos.org:postmarketos/pmaports.git",
	"https://gitlab.com/postmarketos/pmaports.git",
	"git@gitlab.com:postmarketos/pmaports.git",
};

/* Names that old branches have for channels (pmb.config.pmaports_channels_legacy). */
static const struct {
	const char *old, *name;
} legacy[] = {{"stable", "v20.05"}, {"stable-next", "v21.03"}};

static const char *channel_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(legacy); i++)
		if (streq(legacy[i].old, name))
			return legacy[i].name;
	return name;
}

/* The name becomes part of paths and of section names. */
static bool name_ok(const char *s)
{
	if (!s || *s == '.' || !*s)
		return false;
	for (; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-",
			    *s))
			return false;
	return true;
}

static const char *pmaports_of(const struct pmbootstrap *p)
{
	return p->aports.v[p->aports.n - 1];
}

static int usage(struct err *e, int code)
{
	if (e)
		e->exit_code = EXIT_USAGE;
	return code;
}

/* ---- pmaports.cfg ---- */

static int get(const struct pyconfig *f, const char *section, const char *key, char **slot,
	const char *shown, struct err *e)
{
	int r = pyconfig_get(f, section, key, slot, e);

	if (r == 0 && (!*slot || !**slot))
		return usage(e, err_set(e, -EINVAL, "%s: [%s] has no '%s'", shown, section, key));
	return r;
}

static int no_checkout(const struct pmbootstrap *p, const char *path, struct err *e)
{
	const char *dir = pmaports_of(p);

	if (fs_is_dir(dir))
		err_set(e, -ENOENT, "'%s' is no whole pmaports checkout: there is no '%s'", dir,
			path);
	else
		err_set(e, -ENOENT, "there is no pmaports checkout in '%s'", dir);
	return usage(e,
		err_hint(e,
			"`pmbootstrap init` makes one, `pmbootstrap pull` completes it; or name yours as "
			"pmbootstrap.aports in pmkmod.ini"));
}

static bool is_true(const char *v)
{
	static const char *const words[] = {"1", "yes", "true", "on"};

	for (size_t i = 0; v && i < ARRAY_SIZE(words); i++)
		if (strcasecmp(v, words[i]) == 0)
			return true;
	return false;
}

static int read_pmaports(
	struct pmaports_channel *ch, const struct pyconfig *f, const char *shown, struct err *e)
{
	_cleanup_free_ char *version = NULL, *name = NULL, *arches = NULL, *merge = NULL;
	int r = get(f, "pmaports", "version", &version, shown, e);

	if (r == 0)
		r = get(f, "pmaports", "channel", &name, shown, e);
	if (r == 0)
		r = pyconfig_get(
			f, "pmaports", "pmbootstrap_min_version", &ch->pmbootstrap_min_version, e);
	if (r == 0)
		r = pyconfig_get(f, "pmaports", "supported_arches", &arches, e);
	if (r == 0)
		r = pyconfig_get(f, "pmaports", "supported_usr_merge", &merge, e);
	if (r < 0)
		return r;
	ch->version = (unsigned)strtoul(version, NULL, 10);
	if (ch->version < VERSION_MIN) {
		err_set(e, -EINVAL,
			"%s: this pmaports is of version %s, but pmbootstrap 3 and pmkmod need %d",
			shown, version, VERSION_MIN);
		return usage(e, err_hint(e, "`pmbootstrap pull` brings it up to date"));
	}
	if (!name_ok(name))
		return usage(
			e, err_set(e, -EINVAL, "%s: '%s' is no name for a channel", shown, name));
	ch->name = xstrdup(channel_name(name));
	ch->usr_merge = is_true(merge);
	ch->systemd_repo = pyconfig_has_section(f, "repo:systemd");
	strvec_split(&ch->supported_arches, arches ? arches : "", ", \t\n");
	return 0;
}

/* Channels of all aports folders; those of extra repositories first, as pmbootstrap has them. */
static void add_channels(struct pmaports_channel *ch, const char *dir)
{
	_cleanup_free_ char *path = path_join(dir, "pmaports.cfg"), *name = NULL;
	struct pyconfig *f = NULL;

	/* a folder of one's own need not have one */
	if (pyconfig_read(&f, path, NULL) < 0)
		return;
	if (pyconfig_get(f, "pmaports", "channel", &name, NULL) == 0 && name && name_ok(name)) {
		_cleanup_free_ char *systemd = xasprintf("systemd-%s", channel_name(name));

		if (pyconfig_has_section(f, "repo:systemd") && !strvec_has(&ch->all, systemd))
			strvec_add(&ch->all, systemd);
		if (!strvec_has(&ch->all, channel_name(name)))
			strvec_add(&ch->all, channel_name(name));
	}
	pyconfig_free(f);
}

/* ---- channels.cfg ---- */

/* -ENOENT: it does not tell; *why is what it, or the system, says about that. */
static int git(const char *dir, const char *const *args, struct strbuf *out, char **why)
{
	_cleanup_strbuf_ struct strbuf said = {0};
	_cleanup_strvec_ struct strvec argv = {0};
	const struct process how = {
		.argv = &argv, .git = true, .timeout_s = GIT_SECONDS, .max = GIT_MAX};
	struct err e = ERR_INIT;
	int status, r;

	strvec_add(&argv, "git");
	strvec_add(&argv, "-C");
	strvec_add(&argv, dir);
	for (size_t i = 0; args[i]; i++)
		strvec_add(&argv, args[i]);
	r = process_run(&how, out, &said, &status, &e);
	if (r == 0 && status == 0)
		return 0;
	free(*why);
	/* its first line says what is wrong, the rest is advice */
	if (r == 0 && said.len)
		*why = xstrndup(said.s, strcspn(said.s, "\r\n"));
	else
		*why = r < 0 ? xstrdup(e.text) : NULL;
	return r == -EINTR ? r : -ENOENT;
}

static bool is_upstream(const char *url)
{
	_cleanup_free_ char *low = xstrdup(url);

	for (char *p = low; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	for (size_t i = 0; i < ARRAY_SIZE(upstream_urls); i++) {
		const char *known = upstream_urls[i], *after = strstr(known, "://");
		const char *at = after ? strchr(low, '@') : NULL;

		if (strstr(low, known))
			return true;
		/* "https://user:token@gitlab..." */
		if (at && starts_with(low, "https://") && starts_with(at + 1, after + 3))
			return true;
	}
	return false;
}

/* Name of the remote that is upstream's; NULL: none. Caller frees. */
static char *upstream_remote(const char *dir, char **why)
{
	static const char *const args[] = {"config", "--get-regexp", "^remote\\..*\\.url$", NULL};
	_cleanup_strbuf_ struct strbuf out = {0};
	_cleanup_strvec_ struct strvec lines = {0};

	if (git(dir, args, &out, why) < 0 && *why)
		return NULL;
	if (out.s)
		strvec_split(&lines, out.s, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		char *url = strchr(lines.v[i], ' ');

		if (!url || !is_upstream(url + 1))
			continue;
		*url = '\0';
		if (starts_with(lines.v[i], "remote.") && ends_with(lines.v[i], ".url"))
			return xstrndup(lines.v[i] + strlen("remote."),
				strlen(lines.v[i]) - strlen("remote..url"));
	}
	free(*why);
	*why = xstrdup("none of its remotes is pmaports' upstream");
	return NULL;
}

/* From the branch that upstream keeps it in: an older branch's own copy knows no newer channel. */
static int channels_by_git(
	struct pyconfig **f, const struct pmbootstrap *p, char **shown, char **why, struct err *e)
{
	const char *dir = pmaports_of(p);
	_cleanup_free_ char *remote = upstream_remote(dir, why);
	_cleanup_free_ char *object = NULL;
	_cleanup_strbuf_ struct strbuf out = {0};

	if (!remote)
		return -ENOENT;
	object = xasprintf("refs/remotes/%s/main:%s", remote, CHANNELS);
	/* cat-file runs nothing that the checkout's configuration names, `git show` could */
	if (git(dir, (const char *const[]){"cat-file", "blob", object, NULL}, &out, why) < 0)
		return -ENOENT;
	*shown = xasprintf("%s of %s", object, dir);
	return pyconfig_parse(f, out.s ? out.s : "", out.len, *shown, e);
}

static int channels_by_file(
	struct pyconfig **f, const struct pmbootstrap *p, char **shown, struct err *e)
{
	*shown = path_join(pmaports_of(p), CHANNELS);
	if (!fs_exists(*shown))
		return no_checkout(p, *shown, e);
	return pyconfig_read(f, *shown, e);
}

static int open_channels(struct pyconfig **f, struct pmaports_channel *ch,
	const struct pmbootstrap *p, char **shown, struct err *e)
{
	const char *given = getenv("PMB_CHANNELS_CFG");
	_cleanup_free_ char *git_dir = path_join(pmaports_of(p), ".git"), *why = NULL;
	int r;

	if (given && *given) {
		*shown = xstrdup(given);
		r = pyconfig_read(f, given, e);
		return r < 0 ? usage(e, err_prefix(e, "PMB_CHANNELS_CFG")) : 0;
	}
	if (!fs_exists(git_dir))
		return channels_by_file(f, p, shown, e);
	r = channels_by_git(f, p, shown, &why, e);
	if (r != -ENOENT)
		return r;
	r = channels_by_file(f, p, shown, e);
	if (r < 0)
		return err_hint(e, "git does not show the one of upstream's branch main either%s%s",
			why ? ": " : "", why ? why : "");
	strvec_addf(&ch->notes,
		"the channels are those of the checkout's own %s, for git does not show branch main of "
		"pmaports' upstream in '%s'%s%s; `pmbootstrap pull` fetches it",
		CHANNELS, pmaports_of(p), why ? ": " : "", why ? why : "");
	return 0;
}

/* The section of the channel, perhaps by its old name; caller frees. NULL: none. */
static char *find_channel(const struct pyconfig *f, const char *name)
{
	_cleanup_strvec_ struct strvec names = {0};

	pyconfig_sections(f, &names);
	for (size_t i = 0; i < names.n; i++)
		if (!streq(names.v[i], CHANNELS) && streq(channel_name(names.v[i]), name))
			return xstrdup(names.v[i]);
	return NULL;
}

static int unknown_channel(const struct pmaports_channel *ch, const struct pyconfig *f,
	const char *shown, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	_cleanup_free_ char *all = NULL;

	pyconfig_sections(f, &names);
	all = strvec_join(&names, ", ");
	err_set(e, -EINVAL, "pmaports' checkout is on channel '%s', but %s only has: %s", ch->name,
		shown, all);
	return usage(e,
		err_hint(e,
			"`pmbootstrap pull` brings it up to date; PMB_CHANNELS_CFG names another "
			"file"));
}

static int read_channel(
	struct pmaports_channel *ch, const struct pyconfig *f, const char *shown, struct err *e)
{
	_cleanup_free_ char *section = find_channel(f, ch->name), *recommended = NULL;
	int r;

	if (!section)
		return unknown_channel(ch, f, shown, e);
	r = get(f, section, "branch_pmaports", &ch->branch_pmaports, shown, e);
	if (r == 0)
		r = get(f, section, "branch_aports", &ch->branch_aports, shown, e);
	if (r == 0)
		r = get(f, section, "mirrordir_alpine", &ch->mirrordir_alpine, shown, e);
	if (r == 0)
		r = pyconfig_get(f, CHANNELS, "recommended", &recommended, e);
	ch->recommended = recommended && streq(channel_name(recommended), ch->name);
	return r;
}

/* ---- the whole ---- */

static int load(struct pmaports_channel *ch, const struct pmbootstrap *p, struct err *e)
{
	_cleanup_free_ char *path = path_join(pmaports_of(p), "pmaports.cfg");
	struct pyconfig *f = NULL;
	int r;

	if (!fs_exists(path))
		return no_checkout(p, path, e);
	r = pyconfig_read(&f, path, e);
	if (r == 0)
		r = read_pmaports(ch, f, path, e);
	pyconfig_free(f);
	for (size_t i = 0; r == 0 && i < p->aports.n; i++)
		add_channels(ch, p->aports.v[i]);
	return r;
}

int pmaports_channel_name(struct pmaports_channel *ch, const struct pmbootstrap *p, struct err *e)
{
	int r;

	*ch = (struct pmaports_channel){0};
	r = load(ch, p, e);
	if (r < 0)
		pmaports_channel_free(ch);
	return r;
}

int pmaports_channel_load(struct pmaports_channel *ch, const struct pmbootstrap *p, struct err *e)
{
	_cleanup_free_ char *shown = NULL;
	struct pyconfig *f = NULL;
	int r = pmaports_channel_name(ch, p, e);

	if (r < 0)
		return r;
	r = open_channels(&f, ch, p, &shown, e);
	if (r == 0)
		r = read_channel(ch, f, shown, e);
	pyconfig_free(f);
	if (r < 0)
		pmaports_channel_free(ch);
	return r;
}

void pmaports_channel_free(struct pmaports_channel *ch)
{
	free(ch->name);
	free(ch->branch_pmaports);
	free(ch->branch_aports);
	free(ch->mirrordir_alpine);
	free(ch->pmbootstrap_min_version);
	strvec_free(&ch->supported_arches);
	strvec_free(&ch->all);
	strvec_free(&ch->notes);
	*ch = (struct pmaports_channel){0};
}
