// SPDX-License-Identifier: GPL-3.0-or-later
/* The recipe's patches beside an APKBUILD: abuild's default_prepare applies those that source= has.
 */
#include <fcntl.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/run.h"
#include "pmkmod/module/kernel_range.h"

int emit_patches(const struct module *m, const char *release, const char *dir, struct strvec *names,
	struct strvec *sums, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->n_patches; i++) {
		const struct module_patch *p = &m->patches[i];
		const char *base = path_base(p->path);
		_cleanup_free_ char *name = NULL, *to = NULL;
		char hex[HASH_HEX_MAX];
		struct hash h;

		if (!kernel_range_has(p->kernel_range, release))
			continue;
		/* it looks for that suffix */
		name = xasprintf("%s%s", base, ends_with(base, ".patch") ? "" : ".patch");
		to = path_join(dir, name);
		r = fs_copy_file(p->path, to, e);
		if (r == 0)
			r = hash_file(AT_FDCWD, to, HASH_SHA512, &h, e);
		if (r < 0)
			break;
		hash_hex(&h, hex);
		strvec_addf(sums, "%s  %s", hex, name);
		strvec_take(names, steal_ptr(name));
	}
	return r;
}
