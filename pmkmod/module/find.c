// SPDX-License-Identifier: GPL-3.0-or-later
/* Looking through a source tree: which folder is the module's, and line ends of another system. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/module/source.h"
#include "pmkmod/util/exit_codes.h"

#define DEPTH_MAX 8
#define FOLDERS_MAX 20000
#define FILE_MAX (4u << 20)
#define NAMED_MAX 6

static const char *const makefiles[] = {"Kbuild", "Makefile", "makefile", "GNUmakefile"};

/* What describes a module, best first. */
enum { DKMS, AKMS, KBUILD, KINDS };
static const char *const described_by[KINDS] = {"dkms.conf", "AKMBUILD", "Makefile with obj-m"};

struct search {
	const char *folder;
	struct strvec found[KINDS]; /* folders relative to the top, "" is the top */
	bool top_makefile; /* of whatever kind */
	bool configured; /* its ./configure makes one */
	char *template; /* "x/dkms.conf.in": configure makes it */
	size_t folders;
};

static bool is_file(const char *dir, const char *name)
{
	_cleanup_free_ char *path = path_join(dir, name);
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Does kbuild find modules in it? */
bool source_has_obj_m(const char *dir)
{
	static const char *const words[] = {"obj-m", "obj-$(", "obj-y", "obj-${"};

	for (size_t i = 0; i < ARRAY_SIZE(makefiles); i++) {
		_cleanup_free_ char *path = path_join(dir, makefiles[i]), *text = NULL;

		if (fs_read_regular(path, FILE_MAX, &text, NULL, NULL) < 0)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(words); k++)
			if (strstr(text, words[k]))
				return true;
	}
	return false;
}

static bool has_makefile(const char *dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(makefiles); i++)
		if (is_file(dir, makefiles[i]))
			return true;
	return false;
}

/* Is one of the folders above `relative` in the list? */
static bool is_below(const struct strvec *list, const char *relative)
{
	for (size_t i = 0; i < list->n; i++) {
		size_t n = strlen(list->v[i]);

		if (n == 0 || (strncmp(relative, list->v[i], n) == 0 && relative[n] == '/'))
			return true;
	}
	return false;
}

static void look_at(struct search *s, const char *dir, const char *relative)
{
	const bool has[KINDS] = {
		is_file(dir, "dkms.conf"), is_file(dir, "AKMBUILD"), source_has_obj_m(dir)};

	for (size_t i = 0; i < KINDS; i++)
		if (has[i] && !is_below(&s->found[i], relative))
			strvec_add(&s->found[i], relative);
	if (!s->template && is_file(dir, "dkms.conf.in"))
		s->template = path_join(relative, "dkms.conf.in");
	if (*relative)
		return;
	s->top_makefile = has_makefile(dir);
	s->configured = !s->top_makefile && is_file(dir, "configure");
}

static void walk(struct search *s, const char *relative, unsigned depth)
{
	_cleanup_free_ char *dir = *relative ? path_join(s->folder, relative) : xstrdup(s->folder);
	_cleanup_strvec_ struct strvec below = {0};
	struct dirent *de;
	DIR *d;

	if (depth > DEPTH_MAX || s->folders++ > FOLDERS_MAX || !(d = opendir(dir)))
		return;
	look_at(s, dir, relative);
	while ((de = readdir(d))) {
		_cleanup_free_ char *path = path_join(dir, de->d_name);
		struct stat st;

		if (de->d_name[0] != '.' && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
			strvec_add(&below, de->d_name);
	}
	closedir(d);
	strvec_sort(&below);
	for (size_t i = 0; i < below.n; i++) {
		_cleanup_free_ char *next =
			*relative ? path_join(relative, below.v[i]) : xstrdup(below.v[i]);

		walk(s, next, depth + 1);
	}
}

static int several(const struct search *s, int kind, struct err *e)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	const struct strvec *l = &s->found[kind];

	for (size_t i = 0; i < l->n && i < NAMED_MAX; i++)
		strbuf_addf(&b, "%s%s%s%s", i ? ", " : "", l->v[i], kind == KBUILD ? "" : "/",
			kind == KBUILD ? "" : described_by[kind]);
	if (l->n > NAMED_MAX)
		strbuf_addf(&b, " and %zu more", l->n - NAMED_MAX);
	err_exit(e, EXIT_NO_MODULE, -EEXIST,
		"the source has %zu modules, each with a %s of its own: %s", l->n,
		described_by[kind], b.s);
	return err_hint(
		e, "say which one: `subdir = %s` of a recipe, or name that folder", l->v[0]);
}

static int nothing(const struct search *s, struct err *e)
{
	err_exit(e, EXIT_NO_MODULE, -ENOENT,
		"this is no module's source: it has neither Kbuild nor Makefile in its top folder, and "
		"no dkms.conf, no AKMBUILD and no Makefile with obj-m in the %zu folder%s looked at",
		s->folders, s->folders == 1 ? "" : "s");
	if (is_file(s->folder, "HEAD") && is_file(s->folder, "packed-refs"))
		return err_hint(
			e, "it looks like a bare git repository: name it as git+file://...");
	if (s->template)
		return err_hint(e, "it has %s, from which its configure makes one", s->template);
	return err_hint(e, "`subdir =` of a recipe says where the module is, if it is deeper");
}

/* A Makefile at the top without obj-m may be the one of the programs beside the module. */
static int choose(const struct search *s, const enum module_use use, int *kind, struct err *e)
{
	static const struct {
		enum module_use use;
		int kind;
	} order[] = {{USE_DKMS, DKMS}, {USE_AKMS, AKMS}, {USE_KBUILD, KBUILD}};

	*kind = KINDS;
	for (size_t i = 0; i < KINDS; i++) {
		const struct strvec *l = &s->found[order[i].kind];

		if (use != USE_ANY && use != order[i].use)
			continue;
		if (l->n > 1 && s->top_makefile)
			return 0;
		if (l->n > 1)
			return several(s, order[i].kind, e);
		if (l->n == 1) {
			*kind = order[i].kind;
			return 0;
		}
	}
	return s->top_makefile || s->configured ? 0 : nothing(s, e);
}

static void search_free(struct search *s)
{
	for (size_t i = 0; i < KINDS; i++)
		strvec_free(&s->found[i]);
	free(s->template);
}

int source_find_subdir(
	const char *folder, enum module_use use, char **subdir, char **note, struct err *e)
{
	_cleanup_(search_free) struct search s = {.folder = folder};
	int r = 0, kind;

	*subdir = *note = NULL;
	look_at(&s, folder, "");
	for (size_t i = 0; i < KINDS; i++)
		if (s.found[i].n)
			return 0;
	walk(&s, "", 0);
	r = choose(&s, use, &kind, e);
	if (r < 0 || kind == KINDS)
		return r;
	*subdir = xstrdup(s.found[kind].v[0]);
	*note = xasprintf(
		"the module is taken from the folder %s of the source, the only one with a %s%s",
		*subdir, described_by[kind],
		s.configured ? "; the configure above it is not run" : "");
	return 0;
}

/* ---- line ends ---- */

static bool is_script(const char *name)
{
	static const char *const names[] = {"Kbuild", "Makefile", "makefile", "GNUmakefile",
		"Kconfig", "dkms.conf", "AKMBUILD", "configure"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(name, names[i]))
			return true;
	return ends_with(name, ".mk") || ends_with(name, ".sh") || starts_with(name, "Makefile.") ||
	       starts_with(name, "Kbuild.");
}

/* The number of bytes left. */
static size_t without_cr(char *text, size_t len)
{
	size_t to = 0;

	for (size_t i = 0; i < len; i++)
		if (text[i] != '\r' || i + 1 == len || text[i + 1] != '\n')
			text[to++] = text[i];
	return to;
}

static int fix_file(const char *path, const char *relative, struct strvec *converted, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t len, left;
	int r;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t)FILE_MAX)
		return 0;
	r = fs_read_regular(path, FILE_MAX, &text, &len, e);
	if (r < 0)
		return r;
	left = without_cr(text, len);
	if (left == len)
		return 0;
	strvec_add(converted, relative);
	return fs_write_atomic(path, text, left, st.st_mode & 07777, e);
}

static int fix_folder(const char *folder, const char *relative, unsigned depth,
	struct strvec *converted, struct err *e)
{
	_cleanup_free_ char *dir = *relative ? path_join(folder, relative) : xstrdup(folder);
	struct dirent *de;
	DIR *d;
	int r = 0;

	if (depth > DEPTH_MAX || !(d = opendir(dir)))
		return 0;
	while (r == 0 && (de = readdir(d))) {
		_cleanup_free_ char *path = path_join(dir, de->d_name);
		_cleanup_free_ char *next =
			*relative ? path_join(relative, de->d_name) : xstrdup(de->d_name);
		struct stat st;

		if (streq(de->d_name, ".") || streq(de->d_name, ".."))
			continue;
		if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
			r = fix_folder(folder, next, depth + 1, converted, e);
		else if (is_script(de->d_name))
			r = fix_file(path, next, converted, e);
	}
	closedir(d);
	return r;
}

int source_fix_line_ends(const char *folder, struct strvec *converted, struct err *e)
{
	int r = fix_folder(folder, "", 0, converted, e);

	strvec_sort(converted);
	return r;
}
