// SPDX-License-Identifier: GPL-3.0-or-later
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/aport/apkbuild.h"
#include "pmkmod/export/work.h"
#include "pmkmod/util/process.h"

#define ABUILD_CONF "config_abuild/abuild.conf"
#define CONF_MAX 65536

static int never_built(const char *work, const char *what, struct err *e)
{
	err_set(e, -ENOENT, "pmbootstrap's work folder '%s' has no %s yet", work, what);
	return err_hint(e,
		"`pmbootstrap build_init` makes it, or the first package that pmbootstrap builds");
}

int work_find_owner(const char *work, struct work_owner *o, struct err *e)
{
	_cleanup_free_ char *abuild = path_join(work, "config_abuild");
	_cleanup_free_ char *packages = path_join(work, "packages");
	struct stat st, p;

	if (lstat(abuild, &st) < 0 || !S_ISDIR(st.st_mode))
		return never_built(work, "signing key (config_abuild)", e);
	if (lstat(packages, &p) < 0 || !S_ISDIR(p.st_mode))
		return never_built(work, "packages", e);
	*o = (struct work_owner){st.st_uid, st.st_gid};
	return 0;
}

/*
 * abuild.conf names the key as the chroot sees it, /home/pmos/.abuild/<name>.rsa, where the folder
 * config_abuild is mounted: only the name counts.
 */
int work_load_key(const char *work, struct apk_signkey **key, struct err *e)
{
	static const struct apkbuild_env env[] = {{"HOME", "/home/pmos"}};
	_cleanup_free_ char *conf = path_join(work, ABUILD_CONF), *path = NULL, *text = NULL;
	struct apkbuild *b = NULL;
	const char *named;
	size_t len;
	int r = fs_read(conf, CONF_MAX, &text, &len, e);

	*key = NULL;
	if (r == -ENOENT)
		return never_built(work, ABUILD_CONF, e);
	if (r == 0)
		r = apkbuild_parse(&b, conf, text, len, env, ARRAY_SIZE(env), e);
	if (r < 0)
		return r;
	named = apkbuild_get(b, "PACKAGER_PRIVKEY");
	if (!named || !*path_base(named))
		r = err_set(e, -EINVAL, "'%s' does not say which key abuild signs with", conf);
	else
		path = xasprintf("%s/config_abuild/%s", work, path_base(named));
	apkbuild_free(b);
	if (r < 0)
		return r;
	return apk_signkey_load(key, path, e);
}

/* ---- a program that gives rights ---- */

static int find_sudo(char **program, struct err *e)
{
	static const char *const known[] = {"sudo", "doas", "run0"};
	const char *chosen = getenv("PMB_SUDO");

	*program = NULL;
	if (chosen && *chosen) {
		*program = program_on_path(chosen);
		if (*program)
			return 0;
		err_set(e, -ENOENT, "PMB_SUDO is '%s', but there is no such program on PATH",
			chosen);
		return err_hint(e, "without PMB_SUDO, sudo, doas or run0 is taken");
	}
	for (size_t i = 0; i < ARRAY_SIZE(known) && !*program; i++)
		*program = program_on_path(known[i]);
	if (*program)
		return 0;
	err_set(e, -ENOENT, "this machine has none of sudo, doas and run0");
	return err_hint(e, "PMB_SUDO names another program, as for pmbootstrap");
}

static int own_path(char **out, struct err *e)
{
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n < 0)
		return err_errno(e, -errno, "cannot find pmkmod's own program");
	exe[n] = '\0';
	*out = xstrdup(exe);
	return 0;
}

int work_command(const struct work_request *q, bool root, struct strvec *argv, struct err *e)
{
	char *program = NULL, *self = NULL;
	int r = own_path(&self, e);

	if (r < 0)
		return r;
	r = root ? 0 : find_sudo(&program, e);
	if (program)
		strvec_take(argv, program);
	strvec_take(argv, self);
	strvec_add(argv, WORK_HELPER);
	strvec_addf(argv, "--work=%s", q->work);
	strvec_addf(argv, "--arch=%s", q->arch);
	for (size_t i = 0; i < q->channels.n; i++)
		strvec_addf(argv, "--channel=%s", q->channels.v[i]);
	for (size_t i = 0; i < q->keys.n; i++)
		strvec_addf(argv, "--keys=%s", q->keys.v[i]);
	strvec_add_all(argv, &q->apks);
	return r;
}
