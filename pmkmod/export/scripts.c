// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/export/scripts.h"

/* depmod passes over lines that name no module */
#define MARK "# for depmod, by pmkmod"

/* By this name there is no dependency on whatever provides /bin/sh. */
#define HEAD "#!/bin/busybox sh\n"

#define MAKE                                                                                       \
	"order='/%s/modules/%s/modules.order'\n"                                                   \
	"[ -e \"$order\" ] || echo '" MARK "' >\"$order\"\n"

/* Those of kernels that are gone, too. */
#define SWEEP                                                                                      \
	"for order in /%s/modules/*/modules.order; do\n"                                           \
	"	[ -f \"$order\" ] && read -r line <\"$order\" && [ \"$line\" = '" MARK             \
	"' ] || continue\n"                                                                        \
	"	[ -n \"$(find \"${order%%/*}\" -name '*.ko*' | head -n 1)\" ] || rm -f \"$order\"\n"     \
	"done\n"

int export_order_scripts(struct apk_writer *w, const char *lib, const char *release, struct err *e)
{
	_cleanup_free_ char *install = xasprintf(HEAD MAKE, lib, release);
	_cleanup_free_ char *upgrade = xasprintf(HEAD MAKE SWEEP, lib, release, lib);
	_cleanup_free_ char *deinstall = xasprintf(HEAD SWEEP, lib);
	const struct {
		enum apk_script kind;
		const char *text;
	} scripts[] = {{APK_POST_INSTALL, install}, {APK_POST_UPGRADE, upgrade},
		{APK_POST_DEINSTALL, deinstall}};
	int r = 0;

	if (strpbrk(release, "'\n"))
		return err_set(e, -EINVAL, "'%s' is not the release of a kernel", release);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(scripts); i++)
		r = apk_writer_script(w, scripts[i].kind, scripts[i].text, e);
	return r;
}
