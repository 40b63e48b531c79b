// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * pmbootstrap's sideload (pmb/commands/sideload.py). Up to 3.10 it takes names alone, which it
 * finds in its own work folder; later a path too. It copies the first key of config_abuild and no
 * other.
 */
#include <dirent.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/util/process.h"
#include "pmkmod/phone/sideload.h"
#include "pmkmod/util/exit_codes.h"

#define ASK_S 60
#define ANSWER_MAX 65536

bool pmb_version_parse(const char *text, unsigned *major, unsigned *minor)
{
	char *end;
	unsigned long a, b;

	while (*text == ' ' || *text == '\t')
		text++;
	if (*text < '0' || *text > '9')
		return false;
	a = strtoul(text, &end, 10);
	if (*end != '.' || end[1] < '0' || end[1] > '9')
		return false;
	b = strtoul(end + 1, &end, 10);
	if (a > 9999 || b > 9999)
		return false;
	*major = (unsigned)a;
	*minor = (unsigned)b;
	return true;
}

/* The one line that pmbootstrap prints for these arguments. -ENOENT: there is no pmbootstrap. */
static int ask(const char *a, const char *b, char **out, struct err *e)
{
	_cleanup_strvec_ struct strvec argv = {0}, lines = {0};
	_cleanup_strbuf_ struct strbuf text = {0}, words = {0};
	struct process run = {.argv = &argv, .timeout_s = ASK_S, .max = ANSWER_MAX};
	int status, r;

	strvec_add(&argv, "pmbootstrap");
	strvec_add(&argv, a);
	if (b)
		strvec_add(&argv, b);
	r = process_run(&run, &text, &words, &status, e);
	if (r < 0)
		return r;
	strvec_split(&lines, text.s ? text.s : "", "\r\n");
	if (status == 0 && lines.n) {
		*out = phone_clean(lines.v[lines.n - 1], strlen(lines.v[lines.n - 1]));
		return 0;
	}
	strvec_split(&lines, words.s ? words.s : "", "\r\n");
	return err_set(e, -EIO, "pmbootstrap %s%s%s failed (exit status %d): %s", a, b ? " " : "",
		b ? b : "", status, lines.n ? lines.v[lines.n - 1] : "it said nothing");
}

/* Is the file of this very name below <work>/packages/<some channel>/<arch>? */
static bool published(const struct sideload *s, const char *name)
{
	_cleanup_free_ char *packages = path_join(s->work, "packages");
	DIR *d = opendir(packages);
	struct dirent *de;
	bool found = false;

	while (!found && d && (de = readdir(d))) {
		_cleanup_free_ char *path =
			xasprintf("%s/%s/%s/%s", packages, de->d_name, s->arch->alpine, name);

		found = *de->d_name != '.' && fs_exists(path);
	}
	if (d)
		closedir(d);
	return found;
}

/* Why pmbootstrap cannot do it, in words; NULL: it can, in the way that is set. Caller frees. */
static char *cannot(struct sideload *s, const char *with_root)
{
	_cleanup_free_ char *name =
		xasprintf("%s-%s.apk", s->packages.v[0].pkg.name, s->packages.v[0].pkg.version);
	unsigned major, minor;

	if (!pmb_version_parse(s->pmb_version, &major, &minor) || major < 3)
		return xasprintf("pmbootstrap says its version is '%s', and 3.0 or later is needed",
			s->pmb_version);
	if (with_root)
		return xstrdup(with_root);
	s->way = major > 3 || minor >= 11 ? SIDELOAD_PATH : SIDELOAD_NAME;
	if (s->way == SIDELOAD_NAME && !published(s, name))
		return xasprintf(
			"pmbootstrap %s takes packages of its own work folder alone, and %s is "
			"not in '%s/packages'",
			s->pmb_version, name, s->work);
	return NULL;
}

static int usage(struct err *e)
{
	if (e)
		e->exit_code = EXIT_USAGE;
	return -EINVAL;
}

int sideload_find_pmbootstrap(struct sideload *s, struct err *e)
{
	const char *with = config_get(s->config, "sideload", "with");
	struct err why = ERR_INIT;
	int r;

	s->with = with ? with : "auto";
	if (streq(s->with, "ssh"))
		return 0;
	if (!streq(s->with, "auto") && !streq(s->with, "pmbootstrap"))
		return err_set(e, usage(e),
			"sideload.with is '%s', but must be auto, pmbootstrap or ssh", s->with);
	r = ask("--version", NULL, &s->pmb_version, &why);
	if (r == 0)
		r = ask("config", "work", &s->work, &why);
	if (r == 0)
		return 0;
	if (r == -EINTR)
		return err_set(e, r, "interrupted");
	if (streq(s->with, "pmbootstrap"))
		return err_set(e, usage(e), "sideload.with asks for pmbootstrap: %s", why.text);
	free(s->pmb_version);
	s->pmb_version = NULL;
	if (r != -ENOENT)
		strvec_addf(&s->notes, "%s; pmkmod does it itself", why.text);
	return 0;
}

int sideload_choose(struct sideload *s, struct err *e)
{
	bool automatic = streq(s->with, "auto");
	_cleanup_free_ char *reason = NULL;

	s->way = SIDELOAD_SSH;
	if (!s->pmb_version)
		return 0;
	reason = cannot(s, automatic && geteuid() == 0 ? "pmbootstrap does not run as root" : NULL);
	if (!reason)
		return 0;
	s->way = SIDELOAD_SSH;
	if (!automatic)
		return err_set(e, usage(e), "%s", reason);
	strvec_addf(&s->notes, "%s; pmkmod does it itself", reason);
	return 0;
}

void sideload_pmb_argv(const struct sideload *s, struct strvec *argv)
{
	const struct phone *p = &s->phone;

	strvec_add(argv, "pmbootstrap");
	strvec_add(argv, "sideload");
	strvec_add(argv, "--host");
	strvec_add(argv, p->host);
	strvec_add(argv, "--port");
	strvec_add(argv, p->real_port ? p->real_port : "22");
	strvec_add(argv, "--user");
	/* not what the phone calls it */
	strvec_add(argv, p->user ? p->user : p->real_user ? p->real_user : "user");
	strvec_add(argv, "--arch");
	strvec_add(argv, s->arch->alpine);
	if (s->key_by_pmbootstrap)
		strvec_add(argv, "--install-key");
	for (size_t i = 0; i < s->packages.n; i++)
		strvec_add(argv, s->way == SIDELOAD_PATH ? s->packages.v[i].path
							 : s->packages.v[i].pkg.name);
}

int sideload_by_pmbootstrap(struct sideload *s, struct err *e)
{
	_cleanup_strvec_ struct strvec argv = {0};
	struct process run = {.argv = &argv,
		.terminal = s->phone.interactive,
		.show = true,
		.timeout_s = s->phone.timeout_s * 10,
		.max = ANSWER_MAX};
	int status, r;

	sideload_pmb_argv(s, &argv);
	r = process_run(&run, NULL, NULL, &status, e);
	if (r == -ETIMEDOUT && e)
		e->exit_code = EXIT_TIMEOUT;
	if (r < 0)
		return r;
	if (status == 0)
		return 0;
	err_exit(e, EXIT_SIDELOAD_FAILED, -EIO,
		"pmbootstrap sideload failed (exit status %d); what it said is above", status);
	return err_hint(e, "-o sideload.with=ssh does it without pmbootstrap");
}
