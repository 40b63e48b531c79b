// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Kernel headers as packages install them: lib/modules/<release>/build is a link to a tree that
 * kbuild accepts with M=. Alpine has one folder in usr/src; Debian two, with `scripts` a link to a
 * third.
 */
#include "pmkmod/kernel/kernel.h"

#include <elf.h>

#include "chroot/base/fs.h"
#include "pmkmod/kernel/root_path.h"
#include "pmkmod/util/exit_codes.h"

#define RELEASE_FILE_MAX 65536

static const char *const module_folders[] = {"/usr/lib/modules", "/lib/modules"};

static char *read_inside(const struct strvec *layers, const char *dir, const char *name)
{
	_cleanup_(root_path_free) struct root_path p = {0};
	_cleanup_free_ char *path = path_join(dir, name);
	struct err ignored = ERR_INIT;
	char *text = NULL;

	if (root_path_resolve(&p, layers, path) < 0 || !S_ISREG(p.st.st_mode) ||
		fs_read(p.host, RELEASE_FILE_MAX, &text, NULL, &ignored) < 0)
		return NULL;
	return text;
}

char *kernel_uts_release(const char *text)
{
	static const char define[] = "#define UTS_RELEASE \"";
	const char *at = strstr(text, define);

	return at ? xstrndup(at + strlen(define), strcspn(at + strlen(define), "\"\n")) : NULL;
}

/*
 * What the tree itself says; the name of the folder below lib/modules may be anybody's invention.
 * UTS_RELEASE first: that is what goes into vermagic. Debian writes it itself and leaves upstream's
 * version in kernel.release.
 */
static char *release_of(const struct strvec *layers, const char *build_dir)
{
	_cleanup_free_ char *header =
		read_inside(layers, build_dir, "include/generated/utsrelease.h");
	_cleanup_free_ char *file = read_inside(layers, build_dir, "include/config/kernel.release");
	char *release = header ? kernel_uts_release(header) : NULL;

	if (release)
		return release;
	return file && *str_strip(file) ? xstrdup(str_strip(file)) : NULL;
}

static char *host_path_of(const struct strvec *layers, const char *dir, const char *name)
{
	_cleanup_(root_path_free) struct root_path p = {0};
	_cleanup_free_ char *path = path_join(dir, name);

	if (root_path_resolve(&p, layers, path) < 0 || !S_ISREG(p.st.st_mode))
		return NULL;
	return steal_ptr(p.host);
}

/* The tree behind <modules>/<release>/build; false if there is none kbuild would accept. */
static bool read_tree(struct kernel_headers *h, const struct strvec *layers, const char *modules,
	const char *release)
{
	_cleanup_free_ char *link = xasprintf("%s/%s/build", modules, release);
	_cleanup_(root_path_free) struct root_path dir = {0};
	_cleanup_free_ char *makefile = NULL;

	*h = (struct kernel_headers){0};
	if (root_path_resolve(&dir, layers, link) < 0 || !S_ISDIR(dir.st.st_mode))
		return false;
	makefile = host_path_of(layers, dir.inside, "Makefile");
	h->config_path = host_path_of(layers, dir.inside, ".config");
	h->release = release_of(layers, dir.inside);
	h->symvers_path = host_path_of(layers, dir.inside, "Module.symvers");
	h->build_dir = steal_ptr(dir.inside);
	if (makefile && h->config_path && h->release)
		return true;
	kernel_headers_free(h);
	return false;
}

static int not_found(const struct strvec *layers, const char *release, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	_cleanup_free_ char *have = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(module_folders); i++)
		root_path_list(&names, layers, module_folders[i]);
	have = strvec_join(&names, ", ");
	if (e)
		e->exit_code = EXIT_NO_HEADERS;
	if (release)
		err_set(e, -ENOENT,
			"there are no kernel headers for %s: lib/modules/%s/build leads to no folder "
			"with Makefile, .config and include/config/kernel.release (releases that are "
			"there: %s)",
			release, release, names.n ? have : "none");
	else
		err_set(e, -ENOENT,
			"there are no kernel headers in these layers: no lib/modules/<release>/build "
			"leads to a folder with Makefile, .config and include/config/kernel.release");
	return err_hint(e,
		"the linux-*-dev package of exactly this kernel must be in one of the channel's "
		"repositories");
}

static int find_release(
	struct kernel_headers *h, const struct strvec *layers, const char *release, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(module_folders); i++) {
		if (!read_tree(h, layers, module_folders[i], release))
			continue;
		if (streq(h->release, release))
			return 0;
		err_exit(e, EXIT_NO_HEADERS, -ENOENT,
			"the kernel headers behind lib/modules/%s/build are those of release %s; "
			"modules built with them would be refused",
			release, h->release);
		kernel_headers_free(h);
		return -ENOENT;
	}
	return not_found(layers, release, e);
}

/* Exactly one tree must be there; lib may be a link to usr/lib, so the same one twice is one. */
static int find_only(struct kernel_headers *h, const struct strvec *layers, struct err *e)
{
	_cleanup_strvec_ struct strvec trees = {0}, releases = {0};

	*h = (struct kernel_headers){0};
	for (size_t i = 0; i < ARRAY_SIZE(module_folders); i++) {
		_cleanup_strvec_ struct strvec names = {0};

		root_path_list(&names, layers, module_folders[i]);
		for (size_t j = 0; j < names.n; j++) {
			struct kernel_headers one;

			if (!read_tree(&one, layers, module_folders[i], names.v[j]))
				continue;
			if (!strvec_has(&trees, one.build_dir)) {
				strvec_add(&trees, one.build_dir);
				strvec_add(&releases, one.release);
				kernel_headers_free(h);
				*h = one;
				one = (struct kernel_headers){0};
			}
			kernel_headers_free(&one);
		}
	}
	if (trees.n == 0)
		return not_found(layers, NULL, e);
	if (trees.n > 1) {
		_cleanup_free_ char *all = strvec_join(&releases, ", ");

		kernel_headers_free(h);
		return err_exit(e, EXIT_NO_HEADERS, -ENOENT,
			"there are headers of several kernels (%s); say which release is meant",
			all);
	}
	return 0;
}

int kernel_headers_find(
	struct kernel_headers *h, const struct strvec *layers, const char *release, struct err *e)
{
	*h = (struct kernel_headers){0};
	return release ? find_release(h, layers, release, e) : find_only(h, layers, e);
}

void kernel_headers_free(struct kernel_headers *h)
{
	/* the analyzer mixes up two rounds of find_only()'s loop */
	// NOLINTBEGIN(clang-analyzer-unix.Malloc)
	free(h->release);
	free(h->build_dir);
	free(h->config_path);
	free(h->symvers_path);
	// NOLINTEND(clang-analyzer-unix.Malloc)
	*h = (struct kernel_headers){0};
}
