// SPDX-License-Identifier: GPL-3.0-or-later
#include <dirent.h>

#include "chroot/base/fs.h"
#include "pmkmod/export/work.h"
#include "pmkmod/util/exit_codes.h"

/* pmb/core/arch.py: Arch.supported() and what else it knows */
static const char *const arches[] = {"aarch64", "armel", "armhf", "armv7", "loongarch64", "mips64",
	"ppc64le", "riscv64", "s390x", "x86", "x86_64"};

static int bad(struct err *e, const char *name, const char *why)
{
	if (e)
		e->exit_code = EXIT_USAGE;
	err_set(e, -EINVAL, "pmbootstrap would not find a package called '%s': %s", name, why);
	return err_hint(e,
		"the name is the module's with -kmod- and the kernel's flavor: give the module's "
		"recipe another name, or say `flavor =` in [device] of the device's profile");
}

/* Aports are folders with an APKBUILD, one to three levels below the top. */
static bool has_aport(const char *dir, const char *name, unsigned depth)
{
	_cleanup_free_ char *here = xasprintf("%s/%s/APKBUILD", dir, name);
	_cleanup_free_ char *is_one = path_join(dir, "APKBUILD");
	bool found = fs_exists(here);
	struct dirent *de;
	DIR *d;

	/* pmbootstrap does not look into an aport for others */
	if (found || !depth || fs_exists(is_one))
		return found;
	d = opendir(dir);
	while (d && !found && (de = readdir(d))) {
		_cleanup_free_ char *sub = NULL;

		if (de->d_name[0] == '.' ||
			(de->d_type != DT_DIR && de->d_type != DT_LNK && de->d_type != DT_UNKNOWN))
			continue;
		sub = path_join(dir, de->d_name);
		found = has_aport(sub, name, depth - 1);
	}
	if (d)
		closedir(d);
	return found;
}

int work_check_name(const char *name, const struct strvec *aports, struct err *e)
{
	_cleanup_free_ char *prefix = xstrdup(name);

	if (ends_with(name, "-dev"))
		return bad(e, name, "it takes names that end in -dev for a package's headers");
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		_cleanup_free_ char *suffix = xasprintf("-%s", arches[i]);

		if (ends_with(name, suffix))
			return bad(e, name,
				"it takes names that end in an architecture for cross compilers");
	}
	for (char *dash; (dash = strrchr(prefix, '-'));) {
		*dash = '\0';
		for (size_t i = 0; *prefix && i < aports->n; i++)
			if (has_aport(aports->v[i], prefix, 2)) {
				_cleanup_free_ char *why = xasprintf(
					"pmaports has '%s', whose subpackage it would take it for",
					prefix);

				return bad(e, name, why);
			}
	}
	return 0;
}
