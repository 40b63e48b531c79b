// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/base/fs.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/device/device.h"

static void add_folder(struct strvec *dirs, const char *dir)
{
	if (fs_is_dir(dir) && !strvec_has(dirs, dir))
		strvec_add(dirs, dir);
}

int known_keys(struct context *x, struct apk_keys **keys, struct err *e)
{
	_cleanup_strvec_ struct strvec dirs = {0}, channels = {0};
	_cleanup_free_ char *own = plan_keys_dir(x);

	add_folder(&dirs, own);
	config_sections(x->config, "channel.", &channels);
	for (size_t i = 0; i < channels.n; i++) {
		struct channel ch;

		/* one that is not complete trusts nobody */
		if (channel_load(&ch, x->config, channels.v[i], NULL) < 0)
			continue;
		for (size_t k = 0; k < ch.keys.n; k++)
			add_folder(&dirs, ch.keys.v[k]);
		channel_free(&ch);
	}
	return apk_keys_load(keys, &dirs, e);
}
