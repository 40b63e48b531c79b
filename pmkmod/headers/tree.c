// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/headers/headers.h"

#include "chroot/base/fs.h"
#include "pmkmod/util/exit_codes.h"

#define MAKEFILE_MAX (1u << 20)

/* Value of "NAME = value" at the beginning of a line among the first ones of a Makefile; caller
 * frees. */
static char *make_variable(const struct strvec *lines, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < lines->n; i++) {
		const char *p = lines->v[i];

		if (strncmp(p, name, n) != 0)
			continue;
		p += n;
		p += strspn(p, " \t");
		if (*p == ':')
			p++;
		if (*p++ == '=') {
			_cleanup_free_ char *value = xstrdup(p);

			value[strcspn(value, "#")] = '\0';
			return xstrdup(str_strip(value));
		}
	}
	return NULL;
}

static int no_source(const char *dir, const char *what, struct err *e)
{
	return err_exit(
		e, EXIT_USAGE, -EINVAL, "'%s' is not the source of a Linux kernel: %s", dir, what);
}

/* top Makefile: prepare0 and outputmakefile refuse a source tree with any of these */
static const char *find_dirt(const char *dir, const struct arch_info *arch)
{
	static const char *const marks[] = {".config", "include/config", "include/generated"};
	_cleanup_free_ char *generated =
		xasprintf("%s/arch/%s/include/generated", dir, arch->linux_arch);

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		_cleanup_free_ char *path = path_join(dir, marks[i]);

		if (fs_exists(path))
			return marks[i];
	}
	return fs_exists(generated) ? "arch/*/include/generated" : NULL;
}

int source_tree_read(
	struct source_tree *t, const char *dir, const struct arch_info *arch, struct err *e)
{
	_cleanup_free_ char *makefile = path_join(dir, "Makefile"), *text = NULL;
	_cleanup_free_ char *kbuild = path_join(dir, "scripts/Makefile.build");
	_cleanup_free_ char *arch_makefile =
		xasprintf("%s/arch/%s/Makefile", dir, arch->linux_arch);
	_cleanup_free_ char *version = NULL, *patch = NULL, *sub = NULL, *extra = NULL;
	_cleanup_strvec_ struct strvec lines = {0};

	*t = (struct source_tree){0};
	if (!fs_is_dir(dir))
		return no_source(dir, fs_exists(dir) ? "it is no folder" : "it does not exist", e);
	if (fs_read(makefile, MAKEFILE_MAX, &text, NULL, NULL) < 0)
		return no_source(dir, "it has no Makefile", e);
	strvec_split(&lines, text, "\r\n");
	version = make_variable(&lines, "VERSION");
	patch = make_variable(&lines, "PATCHLEVEL");
	sub = make_variable(&lines, "SUBLEVEL");
	extra = make_variable(&lines, "EXTRAVERSION");
	if (!version || !patch || !*version || !*patch)
		return no_source(dir, "its Makefile says neither VERSION nor PATCHLEVEL", e);
	if (!fs_exists(kbuild))
		return no_source(dir, "it has no scripts/Makefile.build", e);
	if (!fs_exists(arch_makefile)) {
		return err_exit(e, EXIT_USAGE, -EINVAL,
			"the source in '%s' has no arch/%s, which %s needs", dir, arch->linux_arch,
			arch->alpine);
	}
	t->version = xasprintf("%s.%s%s%s%s", version, patch, sub && *sub ? "." : "",
		sub ? sub : "", extra ? extra : "");
	t->code = kernel_version_code(t->version);
	t->dirty = find_dirt(dir, arch);
	return 0;
}

void source_tree_free(struct source_tree *t)
{
	free(t->version);
	*t = (struct source_tree){0};
}

void config_header_read(struct config_header *h, const char *text)
{
	static const char mark[] = "# Linux/", tail[] = " Kernel Configuration";
	const char *p = text;

	*h = (struct config_header){0};
	for (int line = 0; p && line < 8; line++) {
		size_t n = strcspn(p, "\r\n");
		_cleanup_free_ char *l = xstrndup(p, n);
		char *space;

		p = p[n] ? p + n + 1 : NULL;
		if (!starts_with(l, mark) || !ends_with(l, tail))
			continue;
		l[strlen(l) - strlen(tail)] = '\0';
		space = strchr(l + strlen(mark), ' ');
		if (!space)
			continue;
		*space = '\0';
		h->arch = xstrdup(l + strlen(mark));
		h->version = xstrdup(str_strip(space + 1));
		return;
	}
}

void config_header_free(struct config_header *h)
{
	free(h->arch);
	free(h->version);
	*h = (struct config_header){0};
}
