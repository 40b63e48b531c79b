// SPDX-License-Identifier: GPL-3.0-or-later
/* Headers packages that pmkmod made: workers get them along with the plan. */
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/made_headers.h"
#include "pmkmod/build/pinned.h"
#include "pmkmod/build/plan.h"
#include "pmkmod/export/export.h"
#include "pmkmod/matrix/farm_parts.h"

/* The packages of a record, "name-version" each. */
static void packages_of(const char *text, struct strvec *out)
{
	static const char *const words[] = {"dev ", "scripts "};
	_cleanup_strvec_ struct strvec lines = {0};

	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(words); k++) {
			struct pinned p = {0};

			if (starts_with(lines.v[i], words[k]) &&
				pinned_parse(&p, lines.v[i] + strlen(words[k])) == 0)
				strvec_addf(out, "%s-%s.apk", p.name, p.version);
			pinned_free(&p);
		}
}

static int copy_once(const char *from, const char *to, struct err *e)
{
	return fs_exists(to) ? 0 : fs_copy_file(from, to, e);
}

static int seed_kernel(
	struct context *x, const char *dir, const struct matrix_device *d, struct err *e)
{
	_cleanup_free_ char *name = farm_headers_name(d);
	_cleanup_free_ char *from = xasprintf("%s/headers/%s/record", x->state, name);
	_cleanup_free_ char *to = xasprintf("%s/seed/headers/%s", dir, name);
	_cleanup_free_ char *packages =
		xasprintf("%s/packages/%s/%s", x->state, d->channel, d->arch);
	_cleanup_free_ char *text = NULL;
	_cleanup_strvec_ struct strvec files = {0};
	int r = 0;

	if (fs_read(from, MADE_HEADERS_MAX, &text, NULL, NULL) < 0)
		return 0;
	packages_of(text, &files);
	for (size_t i = 0; i < files.n; i++) {
		_cleanup_free_ char *source = path_join(packages, files.v[i]);

		/* a record whose packages are gone counts for nothing here either */
		if (!fs_exists(source))
			return 0;
	}
	r = fs_mkdirs(to, 0755, e);
	for (size_t i = 0; r == 0 && i < files.n; i++) {
		_cleanup_free_ char *source = path_join(packages, files.v[i]);
		_cleanup_free_ char *target = path_join(to, files.v[i]);

		r = copy_once(source, target, e);
	}
	if (r == 0) {
		_cleanup_free_ char *record = path_join(to, "record");

		r = copy_once(from, record, e);
	}
	return r;
}

static int seed_keys(struct context *x, const char *dir, struct err *e)
{
	_cleanup_free_ char *from = plan_keys_dir(x), *to = path_join(dir, "seed/keys");

	return farm_copy_public_keys(from, to, e);
}

int farm_seed_write(const struct matrix *m, struct context *x, const char *dir, struct err *e)
{
	_cleanup_free_ char *headers = path_join(dir, "seed/headers");
	_cleanup_free_ char *keys = path_join(dir, "seed/keys");
	int r = fs_mkdirs(headers, 0755, e);

	if (r == 0)
		r = fs_mkdirs(keys, 0755, e);
	if (r == 0)
		r = seed_keys(x, dir, e);
	for (size_t i = 0; r == 0 && i < m->n_devices; i++)
		if (m->devices[i].channel)
			r = seed_kernel(x, dir, &m->devices[i], e);
	return r;
}

/* ---- in the worker ---- */

static int publish_seed(struct context *x, const struct farm_plan *p, const struct device *d,
	const char *seed, const char *text, struct err *e)
{
	_cleanup_free_ char *packages = plan_packages_dir(x), *keys = plan_keys_dir(x);
	_cleanup_free_ char *trusted = path_join(p->dir, "seed/keys");
	_cleanup_strvec_ struct strvec files = {0}, paths = {0}, key_dirs = {0};
	struct apk_signkey *key = NULL;
	int r = export_key(keys, &key, e);

	packages_of(text, &files);
	for (size_t i = 0; i < files.n; i++)
		strvec_take(&paths, path_join(seed, files.v[i]));
	/* what they are signed by is trusted by the worker's plans as well */
	if (r == 0)
		r = farm_copy_public_keys(trusted, keys, e);
	strvec_add(&key_dirs, keys);
	if (r == 0)
		r = publish(packages, d->channel.name, d->arch->alpine, &paths, key, &key_dirs, e);
	apk_signkey_free(key);
	return r;
}

bool farm_seed_has(const struct farm_plan *p, const char *headers)
{
	_cleanup_free_ char *record = xasprintf("%s/seed/headers/%s/record", p->dir, headers);

	return fs_exists(record);
}

int farm_seed_use(
	struct context *x, const struct farm_plan *p, const struct device *d, struct err *e)
{
	_cleanup_free_ char *dir = made_headers_dir(x, d), *mine = path_join(dir, "record");
	_cleanup_free_ char *seed = xasprintf("%s/seed/headers/%s", p->dir, path_base(dir));
	_cleanup_free_ char *record = path_join(seed, "record"), *text = NULL, *had = NULL;
	int r;

	if (fs_read(record, MADE_HEADERS_MAX, &text, NULL, NULL) < 0)
		return 0;
	if (fs_read(mine, MADE_HEADERS_MAX, &had, NULL, NULL) == 0 && streq(had, text))
		return 0;
	r = publish_seed(x, p, d, seed, text, e);
	if (r == 0)
		r = fs_mkdirs(dir, 0700, e);
	if (r == 0)
		r = fs_write_atomic(mine, text, strlen(text), 0644, e);
	return r < 0 ? err_prefix(e, "headers that came with the plan") : 0;
}
