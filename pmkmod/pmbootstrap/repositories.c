// SPDX-License-Identifier: GPL-3.0-or-later
/* What pmbootstrap would write into /etc/apk/repositories (pmb/helpers/repo.py), as a channel. */
#include <dirent.h>

#include "chroot/base/fs.h"
#include "pmkmod/aport/apkbuild.h"
#include "pmkmod/pmbootstrap/pmbootstrap.h"
#include "pmkmod/util/exit_codes.h"

/* ---- systemd ---- */

/* Folder of an aport below one aports folder: <category>/<name>, or one level deeper. */
static char *find_aport(const char *aports, const char *name, unsigned depth)
{
	_cleanup_free_ char *here = xasprintf("%s/%s/APKBUILD", aports, name);
	_cleanup_strvec_ struct strvec dirs = {0};
	struct dirent *de;
	DIR *d;

	if (fs_exists(here))
		return steal_ptr(here);
	d = depth ? opendir(aports) : NULL;
	while (d && (de = readdir(d)))
		if (de->d_name[0] != '.' &&
			(de->d_type == DT_DIR || de->d_type == DT_UNKNOWN || de->d_type == DT_LNK))
			strvec_add(&dirs, de->d_name);
	if (d)
		closedir(d);
	strvec_sort(&dirs);
	for (size_t i = 0; i < dirs.n; i++) {
		_cleanup_free_ char *sub = path_join(aports, dirs.v[i]);
		char *found =
			streq(dirs.v[i], "extra-repos") ? NULL : find_aport(sub, name, depth - 1);

		if (found)
			return found;
	}
	return NULL;
}

/* options= of the UI's aport. */
static bool ui_options(const struct pmbootstrap *p, struct strvec *out)
{
	_cleanup_free_ char *name = xasprintf("postmarketos-ui-%s", p->ui), *path = NULL;
	struct apkbuild *b = NULL;
	const char *options;

	for (size_t i = 0; i < p->aports.n && !path; i++) {
		/* where it is in pmaports, before a search */
		path = xasprintf("%s/main/%s/APKBUILD", p->aports.v[i], name);
		if (!fs_exists(path)) {
			free(path);
			path = find_aport(p->aports.v[i], name, 1);
		}
	}
	if (!path || apkbuild_read(&b, path, NULL, 0, NULL) < 0)
		return false;
	options = apkbuild_get(b, "options");
	strvec_split(out, options ? options : "", " \t\n");
	apkbuild_free(b);
	return true;
}

/*
 * UIs say it in one of two ways: pmb:systemd (its default) and pmb:systemd-never, or, since August
 * 2026, what they support (pmb:support-systemd, pmb:support-openrc) and their default
 * (pmb:default-systemd).
 */
int pmbootstrap_systemd(const struct pmbootstrap *p, const struct pmaports_channel *ch)
{
	_cleanup_strvec_ struct strvec options = {0};
	bool found, second, can, can_without;

	if (!ch->systemd_repo)
		return 0;
	/* the one UI without an aport */
	if (streq(p->ui, "none"))
		return p->systemd == PMB_SYSTEMD_ALWAYS;
	found = ui_options(p, &options);
	if (!found)
		return p->systemd == PMB_SYSTEMD_ALWAYS	 ? 1
		       : p->systemd == PMB_SYSTEMD_NEVER ? 0
							 : -1;
	second = strvec_has(&options, "pmb:support-systemd") ||
		 strvec_has(&options, "pmb:support-openrc");
	can = second ? strvec_has(&options, "pmb:support-systemd")
		     : !strvec_has(&options, "pmb:systemd-never");
	can_without = !second || strvec_has(&options, "pmb:support-openrc");
	if (!can || !can_without)
		return can;
	if (p->systemd != PMB_SYSTEMD_DEFAULT)
		return p->systemd == PMB_SYSTEMD_ALWAYS;
	return strvec_has(&options, second ? "pmb:default-systemd" : "pmb:systemd");
}

/* ---- the channel ---- */

/* A path in a list that blanks separate and that `{...}` is replaced in. */
static char *file_url(const char *path)
{
	struct strbuf b = {0};

	strbuf_adds(&b, "file://");
	for (const unsigned char *s = (const unsigned char *)path; *s; s++) {
		if (*s <= ' ' || *s == 0x7f || strchr("%{}#?", *s))
			strbuf_addf(&b, "%%%02X", *s);
		else
			strbuf_addc(&b, (char)*s);
	}
	return strbuf_steal(&b);
}

static void add_url(struct strvec *urls, const char *mirror, const char *folder)
{
	size_t n = strlen(mirror);
	_cleanup_free_ char *url = NULL;

	while (n && mirror[n - 1] == '/')
		n--;
	url = xasprintf("%.*s/%s", (int)n, mirror, folder);
	if (!strvec_has(urls, url))
		strvec_add(urls, url);
}

static void add_mirror(struct strvec *urls, const struct pmb_mirror *m, const char *const *folders)
{
	const char *const mirrors[] = {m->custom, m->url};

	for (size_t i = 0; i < ARRAY_SIZE(mirrors); i++)
		for (size_t k = 0; mirrors[i] && folders[k]; k++)
			add_url(urls, mirrors[i], folders[k]);
}

static void mirrors(
	const struct pmbootstrap *p, const struct pmaports_channel *ch, struct strvec *urls)
{
	_cleanup_free_ char *main = xasprintf("%s/main", ch->mirrordir_alpine);
	_cleanup_free_ char *community = xasprintf("%s/community", ch->mirrordir_alpine);
	_cleanup_free_ char *testing = xasprintf("%s/testing", ch->mirrordir_alpine);
	const char *const pmos[] = {ch->branch_pmaports, NULL};
	const char *const alpine[] = {
		main, community, streq(ch->mirrordir_alpine, "edge") ? testing : NULL, NULL};

	if (pmbootstrap_systemd(p, ch) == 1)
		add_mirror(urls, &p->systemd_mirror, pmos);
	add_mirror(urls, &p->pmaports, pmos);
	add_mirror(urls, &p->alpine, alpine);
}

/* Packages that pmbootstrap has built; only folders that are there. */
static void local(
	const struct pmbootstrap *p, const struct pmaports_channel *ch, struct strvec *urls)
{
	enum pmb_work work = pmbootstrap_work(p, NULL);

	if (work != PMB_WORK_CURRENT && work != PMB_WORK_OLD)
		return;
	for (size_t i = 0; i < ch->all.n; i++) {
		_cleanup_free_ char *dir = xasprintf("%s/packages/%s", p->work, ch->all.v[i]);

		if (fs_is_dir(dir))
			strvec_take(urls, file_url(dir));
	}
}

static void set_list(
	struct config *c, const char *section, const char *key, const struct strvec *list)
{
	_cleanup_free_ char *text = strvec_join(list, "\n");

	config_set_default(c, section, key, text);
}

int pmbootstrap_define_channel(struct config *c, const struct pmbootstrap *p,
	const struct pmaports_channel *ch, struct err *e)
{
	_cleanup_free_ char *section = xasprintf("channel.%s", ch->name);
	_cleanup_free_ char *title = xasprintf("postmarketOS %s on Alpine %s", ch->name,
		*ch->mirrordir_alpine == 'v' ? ch->mirrordir_alpine + 1 : ch->mirrordir_alpine);
	_cleanup_strvec_ struct strvec urls = {0}, locals = {0};

	mirrors(p, ch, &urls);
	local(p, ch, &locals);
	if (!urls.n && !locals.n && e)
		e->exit_code = EXIT_USAGE;
	if (!urls.n && !locals.n)
		return err_set(e, -EINVAL,
			"all of pmbootstrap's mirrors are 'none', and '%s' has no packages of channel "
			"%s: there is nothing to build with",
			p->work, ch->name);
	config_set_default(c, section, "title", title);
	/* with no mirror at all what was built here is all there is, and must be there */
	set_list(c, section, "repositories", urls.n ? &urls : &locals);
	if (urls.n)
		set_list(c, section, "local", &locals);
	/* a reference, for lists are split at blanks before references are replaced */
	config_set(c, "paths", "pmbootstrap_work", p->work);
	config_set_default(c, section, "keys", "{paths.pmbootstrap_work}/config_apk_keys");
	config_set_default(c, section, "usr_merge", ch->usr_merge ? "yes" : "no");
	if (!streq(ch->name, "edge"))
		config_set_default(c, section, "like", "edge");
	return 0;
}
