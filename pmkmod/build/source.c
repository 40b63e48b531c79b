// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/source.h"

#include <fcntl.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/git.h"
#include "pmkmod/module/source.h"
#include "pmkmod/util/exit_codes.h"

int source_move(const char *from, const char *to, struct err *e)
{
	return rename(from, to) < 0 ? err_errno(e, -errno, "cannot move '%s' to '%s'", from, to)
				    : 0;
}

/* ---- the plan ---- */

static int describe_package(struct plan *p, struct err *e)
{
	_cleanup_free_ char *q = apk_identity_text(&p->target.source.identity);

	(void)e;
	p->source =
		xasprintf("package %s-%s %s", p->target.source.name, p->target.source.version, q);
	return 0;
}

/* A local file is pinned by what is in it now; where it lies does not matter. */
static int describe_archive(struct plan *p, struct err *e)
{
	struct module *m = &p->module;
	_cleanup_free_ char *shown = m->fetch_url ? source_shown_url(m->fetch_url) : NULL;
	char hex[HASH_HEX_MAX], want[HASH_HEX_MAX];
	struct hash h;

	if (!m->fetch_url) {
		int r = hash_file(AT_FDCWD, m->location, HASH_SHA256, &h, e);

		if (r < 0)
			return r;
		if (m->sha256.alg != HASH_NONE && !hash_eq(&h, &m->sha256)) {
			hash_hex(&m->sha256, want);
			hash_hex(&h, hex);
			return err_exit(e, EXIT_UNTRUSTED, -EBADMSG,
				"%s is not what %s expects\n  expected sha256 %s\n  found    sha256 %s",
				m->location, m->recipe ? m->recipe : "its checksum", want, hex);
		}
		m->sha256 = h;
	}
	hash_hex(&m->sha256, hex);
	p->source = xasprintf("archive %s sha256:%s", shown ? shown : path_base(m->location), hex);
	return 0;
}

static int describe_git(struct plan *p, struct err *e)
{
	struct module *m = &p->module;
	struct git_cache g;
	int r = git_cache_open(&g, p->x, m->fetch_url, e);

	if (r == 0 && !m->commit)
		r = git_resolve(&g, m->ref, &m->commit, e);
	if (r == 0)
		p->source = xasprintf(
			"git %s %s%s", g.shown, m->commit, m->submodules ? " with submodules" : "");
	git_cache_close(&g);
	return r;
}

static int describe_folder(struct plan *p, struct err *e)
{
	const struct module *m = &p->module;
	_cleanup_free_ char *sub = m->subdir ? path_join(m->location, m->subdir) : NULL;
	char hex[HASH_HEX_MAX];
	struct hash h;
	int r = module_folder_hash(m->location, &h, e);

	if (r < 0)
		return r;
	hash_hex(&h, hex);
	p->source = xasprintf("folder sha256:%s", hex);
	if (!m->version && sub)
		p->version = module_folder_version(sub);
	if (!m->version && !p->version)
		p->version = module_folder_version(m->location);
	return 0;
}

static int describe_patches(struct plan *p, struct err *e)
{
	const struct module *m = &p->module;

	for (size_t i = 0; i < m->n_patches; i++) {
		const struct module_patch *patch = &m->patches[i];
		char hex[HASH_HEX_MAX];
		struct hash h;
		int r = hash_file(AT_FDCWD, patch->path, HASH_SHA256, &h, e);

		if (r < 0) {
			if (e)
				e->exit_code = EXIT_PATCH_PATH;
			return err_prefix(e, "%s: [patches] %s", m->recipe, path_base(patch->path));
		}
		hash_hex(&h, hex);
		strvec_addf(&p->patches, "%s sha256:%s%s%s", path_base(patch->path), hex,
			patch->kernel_range ? " " : "",
			patch->kernel_range ? patch->kernel_range : "");
	}
	return 0;
}

int source_describe(struct plan *p, struct err *e)
{
	static int (*const describe[])(struct plan *, struct err *) = {
		[SOURCE_PACKAGE] = describe_package,
		[SOURCE_FOLDER] = describe_folder,
		[SOURCE_ARCHIVE] = describe_archive,
		[SOURCE_GIT] = describe_git,
		[SOURCE_APORT] = source_aport_describe};
	int r = describe[p->module.kind](p, e);

	if (r == 0)
		r = describe_patches(p, e);
	if (r == 0 && p->module.version) {
		free(p->version);
		p->version = xstrdup(p->module.version);
	}
	return r;
}

/* ---- the files ---- */

int source_get(struct plan *p, const char *scratch, const char *to, struct err *e)
{
	static const char *const not_copied[] = {".git", NULL};
	int r = -EINVAL;

	switch (p->module.kind) {
	case SOURCE_PACKAGE:
		r = source_package_get(p, scratch, to, e);
		break;
	case SOURCE_ARCHIVE:
		r = source_file_get(p, scratch, to, e);
		break;
	case SOURCE_GIT:
		r = source_git_get(p, to, e);
		break;
	case SOURCE_APORT:
		r = source_aport_get(p, to, e);
		break;
	case SOURCE_FOLDER:
		r = fs_copy_tree(p->module.location, to, not_copied, e);
		break;
	}
	if (r == -ENOSPC && e && !e->exit_code)
		e->exit_code = EXIT_NO_SPACE;
	return r;
}
