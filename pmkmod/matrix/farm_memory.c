// SPDX-License-Identifier: GPL-3.0-or-later
/* Is this the plan that was made here? */
#include <fcntl.h>
#include <stdlib.h>

#include "chroot/base/fs.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/util/exit_codes.h"

/* By the folder's place; caller frees. */
static char *record_path(const char *state, const char *dir)
{
	_cleanup_free_ char *full = realpath(dir, NULL);
	char hex[HASH_HEX_MAX];
	struct hash h;

	if (!full)
		full = farm_absolute(dir);
	hash_buf(HASH_SHA256, full, strlen(full), &h);
	hash_hex(&h, hex);
	return xasprintf("%s/plans/%s", state, hex);
}

int farm_plan_remember(const struct context *x, const char *dir, struct err *e)
{
	_cleanup_free_ char *path = record_path(x->state, dir), *plan = path_join(dir, "plan.json");
	_cleanup_free_ char *folder = path_join(x->state, "plans");
	char hex[HASH_HEX_MAX];
	struct hash h;
	int r = hash_file(AT_FDCWD, plan, HASH_SHA256, &h, e);

	if (r == 0)
		r = fs_mkdirs(folder, 0700, e);
	if (r < 0)
		return r;
	hash_hex(&h, hex);
	return fs_write_atomic(path, hex, strlen(hex), 0600, e);
}

/* 1: it is; 0: nobody remembers one there. */
static int vouch(const char *state, const struct farm_plan *p, struct err *e)
{
	_cleanup_free_ char *path = record_path(state, p->dir), *text = NULL;
	char hex[HASH_HEX_MAX];

	if (fs_read(path, HASH_HEX_MAX, &text, NULL, NULL) < 0)
		return 0;
	hash_hex(&p->sum, hex);
	if (streq(text, hex))
		return 1;
	err_exit(e, EXIT_UNTRUSTED, -EBADMSG,
		"'%s/plan.json' is not the one that was written there from here: its sha256 is "
		"%.12s..., and was %.12s...",
		p->dir, hex, text);
	return err_hint(e,
		"somebody has altered it, and nothing of it is merged; make the plan anew in "
		"a new folder");
}

int farm_plan_vouch(struct context *x, const struct farm_plan *p, struct err *e)
{
	struct strvec none = {0};
	struct config *own = NULL;
	const char *state;
	int known = vouch(x->state, p, e), r = known;

	if (r >= 0 && config_load(&own, NULL, &none, NULL) == 0) {
		state = config_get(own, "paths", "state");
		r = state ? vouch(state, p, e) : 0;
	}
	config_free(own);
	if (r == 0 && known == 0)
		progress_note(&x->progress,
			"'%s' was not made from here, as far as is known: which devices and modules it "
			"names is believed",
			p->dir);
	return r < 0 ? r : 0;
}
