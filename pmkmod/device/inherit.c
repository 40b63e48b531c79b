// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Device profiles that say `inherit = NAME`: the other profile is read first, what the one that
 * inherits says wins, key by key. And what profiles say beyond the keys that pmaports answers too.
 */
#include "chroot/base/fs.h"
#include "pmkmod/device/device.h"
#include "pmkmod/kernel/kernel.h"
#include "pmkmod/util/exit_codes.h"

#define CHAIN_MAX 16

static int bad(struct err *e, int code)
{
	if (e)
		e->exit_code = EXIT_USAGE;
	return code;
}

/* A profile that inherits its own name means the one it hides: a user's the shipped one. */
static char *inherited_path(struct config *c, const char *path, const char *name)
{
	_cleanup_free_ char *own = xasprintf("%s.ini", name);

	return streq(path_base(path), own) ? profile_path_behind(c, "devices", path)
					   : profile_path(c, "devices", name);
}

static int no_such_profile(const char *path, const char *name, struct err *e)
{
	err_exit(e, EXIT_USAGE, -ENOENT,
		"%s: inherit names '%s', but there is no profile of that name", path, name);
	return err_hint(e,
		"`pmkmod init %s` writes one of a device that pmaports has; without inherit, pmaports' "
		"device of the profile's own name counts",
		name);
}

/* The profiles from the one at `path` to its farthest ancestor. */
static int find_chain(struct config *c, const char *path, struct strvec *chain, struct err *e)
{
	strvec_add(chain, path);
	for (;;) {
		const char *last = chain->v[chain->n - 1], *name;
		struct config *p = NULL;
		char *next = NULL;
		int r = profile_read(&p, last, e);

		if (r < 0)
			return r;
		name = config_get(p, "device", "inherit");
		if (name)
			next = inherited_path(c, last, name);
		if (name && !next)
			r = no_such_profile(last, name, e);
		else if (next && strvec_has(chain, next))
			r = bad(e, err_set(e, -ELOOP,
					   "%s: inherit leads back to '%s': a profile cannot "
					   "inherit from itself",
					   last, next));
		else if (next && chain->n == CHAIN_MAX)
			r = bad(e, err_set(e, -ELOOP,
					   "%s: more than %d profiles inherit from one another",
					   path, CHAIN_MAX));
		config_free(p);
		if (r < 0 || !next) {
			free(next);
			return r;
		}
		strvec_take(chain, next);
	}
}

/* Paths start beside the profile that says them: make those of an ancestor whole. */
static void make_absolute(struct config *p, const char *path)
{
	static const char *const keys[] = {
		"kdir", "source", "aport", "config", "image", "symvers", "sign_key"};
	_cleanup_free_ char *beside = xstrndup(path, (size_t)(path_base(path) - path));

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *v = config_get(p, "kernel", keys[i]);
		_cleanup_free_ char *full = NULL;

		if (!v || *v == '/' || strstr(v, "://"))
			continue;
		full = path_join(beside, v);
		config_set(p, "kernel", keys[i], full);
	}
}

int device_profile_read(struct config **out, struct config *c, const char *path, struct err *e)
{
	_cleanup_strvec_ struct strvec chain = {0};
	struct config *p = config_new();
	int r = find_chain(c, path, &chain, e);

	for (size_t i = chain.n; r == 0 && i-- > 0;) {
		r = config_read_file(p, chain.v[i], e);
		make_absolute(p, chain.v[i]);
	}
	if (r < 0) {
		config_free(p);
		return bad(e, r);
	}
	*out = p;
	return 0;
}

static int read_compression(struct device *d, struct config *p, struct err *e)
{
	static const struct {
		const char *word;
		enum ko_compression how;
	} words[] = {{"none", KO_PLAIN}, {"gzip", KO_GZIP}, {"xz", KO_XZ}, {"zstd", KO_ZSTD}};
	const char *v = config_get(p, "kernel", "compression");

	if (!v)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (streq(v, words[i].word)) {
			d->compression = (int)words[i].how;
			return 0;
		}
	return bad(
		e, err_set(e, -EINVAL,
			   "%s: [kernel] compression is '%s', but must be none, gzip, xz or zstd",
			   d->profile, v));
}

/* A word that nobody reads is more likely a slip than of no importance. */
static void note_unread(struct device *d, struct config *p)
{
	static const struct profile_section known[] = {
		{"device", {"title", "arch", "kernel", "channel", "flavor", "headers", "scripts",
				   "packages", "autoload", "inherit"}},
		{"kernel", {"kdir", "source", "sha256", "aport", "config", "image", "symvers", "cc",
				   "phone", "sign_key", "compression"}},
		{"boot", {"machine", "memory", "timeout", "cpu", "append", "qemu", "accel"}}};
	_cleanup_free_ char *unread = profile_unread(p, known, ARRAY_SIZE(known));

	if (unread)
		strvec_addf(&d->notes, "%s: %s", d->profile, unread);
}

int device_read_extras(struct device *d, struct config *p, struct err *e)
{
	int r;

	d->compression = -1;
	if (!p)
		return 0;
	note_unread(d, p);
	config_list(p, "device", "packages", &d->packages);
	r = config_bool(p, "device", "autoload", false, &d->autoload, e);
	if (r < 0)
		return bad(e, err_prefix(e, "%s", d->profile));
	return read_compression(d, p, e);
}
