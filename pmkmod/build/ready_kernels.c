// SPDX-License-Identifier: GPL-3.0-or-later
/* Which kernels have headers in the repositories, as far as that is known without asking a mirror.
 */
#include "chroot/base/fs.h"
#include "pmkmod/build/repos.h"

#define NAMES_MAX (1u << 20)

static void look_through(struct repo_set *s, struct strvec *out)
{
	static const char suffix[] = "-dev";

	if (repos_parse(s, NULL) < 0)
		return;
	for (size_t i = 0; i < s->n_repos; i++)
		for (size_t k = 0; k < s->repos[i].n_pkgs; k++) {
			const struct apk_pkg *dev = &s->repos[i].pkgs[k], *kernel;
			_cleanup_free_ char *name = NULL;

			if (!starts_with(dev->name, "linux-") || !ends_with(dev->name, suffix))
				continue;
			name = xstrndup(dev->name, strlen(dev->name) - strlen(suffix));
			kernel = repos_newest(s, name);
			if (kernel && streq(kernel->version, dev->version) &&
				!strvec_has(out, name))
				strvec_add(out, name);
		}
}

void ready_kernels(struct strvec *out, const struct context *x, const struct channel *ch,
	const struct arch_info *arch)
{
	_cleanup_free_ char *dir = path_join(x->cache, "ready"), *path = NULL, *text = NULL;
	char hex[HASH_HEX_MAX];
	struct repo_set s;

	if (repos_at_hand(&s, x, ch, arch, NULL) < 0)
		return;
	hash_hex(&s.id, hex);
	path = path_join(dir, hex);
	if (!s.urls.n) {
		repos_close(&s);
		return;
	}
	if (fs_read(path, NAMES_MAX, &text, NULL, NULL) == 0) {
		strvec_split(out, text, "\n");
	} else {
		_cleanup_free_ char *names = NULL;

		look_through(&s, out);
		names = strvec_join(out, "\n");
		/* what cannot be kept only costs time */
		if (fs_mkdirs(dir, 0700, NULL) == 0)
			fs_write_atomic(
				path, names ? names : "", names ? strlen(names) : 0, 0600, NULL);
	}
	repos_close(&s);
}
