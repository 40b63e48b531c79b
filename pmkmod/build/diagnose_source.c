// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The files that errors are in. The source was in the hands of its own Makefile, and the log says
 * any path it likes: all are resolved inside of the source or the headers' layers alone.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/diagnose_parts.h"
#include "pmkmod/build/job.h"
#include "pmkmod/kernel/root_path.h"

#define FILE_MAX (8u << 20)
#define DEPTH_MAX 12
#define ENTRIES_MAX 20000

static char *in_layers(const struct strvec *layers, const char *path)
{
	struct root_path p = {0};
	char *host = NULL;

	if (layers && root_path_resolve(&p, layers, path) == 0 && S_ISREG(p.st.st_mode))
		host = xstrdup(p.host);
	root_path_free(&p);
	return host;
}

static char *in_source(const struct diagnose_input *in, const char *path)
{
	_cleanup_strvec_ struct strvec layer = {0};

	if (!in->source_dir)
		return NULL;
	strvec_add(&layer, in->source_dir);
	return in_layers(&layer, path);
}

/* Where make runs, relative to the source. */
static const char *kbuild_below_source(const struct diagnose_input *in)
{
	const char *s;

	if (!in->source_dir || !in->kbuild_dir || !starts_with(in->kbuild_dir, in->source_dir))
		return "";
	s = in->kbuild_dir + strlen(in->source_dir);
	return s + strspn(s, "/");
}

/* What of an absolute path inside is below the source; NULL: nothing. Caller frees. */
static char *below_source(const struct diagnose_input *in, const char *path)
{
	static const char source[] = JOB_SOURCE "/";
	const char *kbuild = kbuild_below_source(in);

	if (starts_with(path, source))
		return xstrdup(path + strlen(source));
	for (size_t i = 0; in->kbuild_aliases && i < in->kbuild_aliases->n; i++) {
		const char *alias = in->kbuild_aliases->v[i];
		size_t n = strlen(alias);

		if (starts_with(path, alias) && path[n] == '/')
			return *kbuild ? path_join(kbuild, path + n + 1) : xstrdup(path + n + 1);
	}
	return NULL;
}

/* A path relative to one of the folders it can be relative to. */
static bool try_own(struct source_place *p, const struct diagnose_input *in, const char *folder,
	const char *file)
{
	_cleanup_free_ char *path = folder && *folder ? path_join(folder, file) : xstrdup(file);

	p->host = in_source(in, path);
	if (!p->host)
		return false;
	p->own = true;
	p->shown = steal_ptr(path);
	return true;
}

static void find_relative(struct source_place *p, const struct diagnose_input *in, const char *file,
	const char *folder)
{
	_cleanup_free_ char *entered = folder ? below_source(in, folder) : NULL;
	const char *kbuild = kbuild_below_source(in);

	while (starts_with(file, "./"))
		file += 2;
	if (try_own(p, in, entered, file) || try_own(p, in, kbuild, file) ||
		try_own(p, in, NULL, file))
		return;
	p->shown = xstrdup(file);
	if (in->build_dir) {
		_cleanup_free_ char *path = path_join(in->build_dir, file);

		p->host = in_layers(in->layers, path);
	}
}

void source_place_find(struct source_place *p, const struct diagnose_input *in, const char *file,
	const char *folder)
{
	char *own = below_source(in, file);

	*p = (struct source_place){0};
	if (own) {
		p->own = true;
		p->shown = own;
		p->host = in_source(in, own);
	} else if (file[0] == '/') {
		p->shown = xstrdup(file);
		p->host = in_layers(in->layers, file);
	} else {
		find_relative(p, in, file, folder);
	}
}

void source_place_free(struct source_place *p)
{
	free(p->shown);
	free(p->host);
	*p = (struct source_place){0};
}

char *source_line(const char *path, unsigned line)
{
	_cleanup_free_ char *text = NULL, *copy = NULL;
	size_t len;
	char *s;

	if (!line || fs_read_regular(path, FILE_MAX, &text, &len, NULL) < 0)
		return NULL;
	for (s = text; --line && s; s = s ? s + 1 : NULL)
		s = memchr(s, '\n', len - (size_t)(s - text));
	if (!s || s >= text + len)
		return NULL;
	copy = xstrndup(s, strcspn(s, "\n"));
	return xstrdup(str_strip(copy));
}

char *source_interpreter(const char *path)
{
	_cleanup_free_ char *text = NULL;

	if (fs_read_regular(path, FILE_MAX, &text, NULL, NULL) < 0 || !starts_with(text, "#!"))
		return NULL;
	return xstrndup(text, strcspn(text, "\n"));
}

bool source_is_elf(const char *path)
{
	_cleanup_free_ char *text = NULL;

	return fs_read_regular(path, FILE_MAX, &text, NULL, NULL) == 0 &&
	       starts_with(text, "\177ELF");
}

/* "static const struct NAME variable[] = {", wherever in the line. */
static char *initialized_in(const char *line, size_t len)
{
	_cleanup_free_ char *copy = xstrndup(line, len);
	const char *s = strstr(copy, "struct "), *brace = strrchr(copy, '{');
	size_t n;

	if (!s || !brace || s > brace || !memchr(s, '=', (size_t)(brace - s)))
		return NULL;
	s += strlen("struct ");
	n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
	return n ? xstrndup(s, n) : NULL;
}

static int depth_after(int depth, const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		depth += line[i] == '{' ? 1 : line[i] == '}' ? -1 : 0;
	return depth;
}

char *source_initializer(const char *path, unsigned line)
{
	_cleanup_free_ char *text = NULL;
	const char *s, *end;
	char *found = NULL;
	int depth = 0, outside = 0;
	size_t len;

	if (!line || fs_read_regular(path, FILE_MAX, &text, &len, NULL) < 0)
		return NULL;
	for (s = text; line && s; line--, s = end ? end + 1 : NULL) {
		char *name;
		size_t n;

		end = memchr(s, '\n', len - (size_t)(s - text));
		n = end ? (size_t)(end - s) : len - (size_t)(s - text);
		name = initialized_in(s, n);
		if (name) {
			free(found);
			found = name;
			outside = depth;
		}
		depth = depth_after(depth, s, n);
		/* on the line itself its end does not matter any more */
		if (found && depth <= outside && line > 1) {
			cleanup_free(&found);
			found = NULL;
		}
	}
	return found;
}

bool source_makefile_has(const struct diagnose_input *in, const char *word)
{
	static const char *const names[] = {"Kbuild", "Makefile", "makefile", "GNUmakefile"};
	const char *kbuild;

	if (!in->source_dir || !in->kbuild_dir || !starts_with(in->kbuild_dir, in->source_dir))
		return false;
	kbuild = in->kbuild_dir + strlen(in->source_dir);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = path_join(kbuild, names[i]), *host = NULL, *text = NULL;

		host = in_source(in, path);
		if (host && fs_read_regular(host, FILE_MAX, &text, NULL, NULL) == 0 &&
			strstr(text, word))
			return true;
	}
	return false;
}

/* ---- searching ---- */

struct search {
	const char *base;
	size_t entries;
};

static char *search_folder(struct search *s, int fd, const char *below, unsigned depth)
{
	DIR *d = fdopendir(fd);
	struct dirent *de;
	char *found = NULL;

	if (!d) {
		close(fd);
		return NULL;
	}
	while (!found && (de = readdir(d)) && s->entries++ < ENTRIES_MAX) {
		_cleanup_free_ char *path =
			*below ? path_join(below, de->d_name) : xstrdup(de->d_name);
		int sub;

		if (de->d_name[0] == '.')
			continue;
		if (de->d_type == DT_REG && streq(de->d_name, s->base))
			found = steal_ptr(path);
		if (de->d_type != DT_DIR || depth == DEPTH_MAX)
			continue;
		sub = openat(dirfd(d), de->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			found = search_folder(s, sub, path, depth + 1);
	}
	closedir(d);
	return found;
}

char *source_find_name(const char *dir, const char *base)
{
	struct search s = {.base = base};
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? NULL : search_folder(&s, fd, "", 0);
}

/* ---- declarations in the kernel's headers ---- */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* "name(" that is not in the middle of an expression: behind a type, a '*', or "#define ". */
static bool declares(const char *text, const char *name, size_t n)
{
	for (const char *s = text; (s = strstr(s, name)); s += n) {
		const char *before = s;

		if (s[n] != '(' || s == text || (!isspace((unsigned char)s[-1]) && s[-1] != '*'))
			continue;
		while (before > text && (before[-1] == ' ' || before[-1] == '*'))
			before--;
		if (before > text && before[-1] == '\t' && before != s)
			continue;
		if (before > text && (is_word(before[-1]) || before[-1] == '\n') &&
			!(before - text >= 6 && strncmp(before - 6, "return", 6) == 0))
			return true;
	}
	return false;
}

static char *search_headers(
	const struct strvec *layers, const char *dir, const char *below, const char *name)
{
	_cleanup_free_ char *folder = path_join(dir, below);
	_cleanup_strvec_ struct strvec names = {0};

	if (root_path_list(&names, layers, folder) < 0)
		return NULL;
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *inside = path_join(folder, names.v[i]), *host = NULL,
				    *text = NULL;

		if (!ends_with(names.v[i], ".h"))
			continue;
		host = in_layers(layers, inside);
		if (host && fs_read_regular(host, FILE_MAX, &text, NULL, NULL) == 0 &&
			declares(text, name, strlen(name)))
			return path_join(below + strlen("include/"), names.v[i]);
	}
	return NULL;
}

char *source_find_declaration(const struct diagnose_input *in, const char *name)
{
	static const char *const below[] = {
		"include/linux", "include/net", "include/media", "include/drm", "include/sound"};
	_cleanup_free_ char *source = NULL;
	char *found = NULL;

	if (!in->layers || !in->build_dir || !in->release || strlen(name) < 3)
		return NULL;
	/* where headers come in two packages, build/ has only what was generated */
	source = xasprintf("/lib/modules/%s/source", in->release);
	for (size_t i = 0; !found && i < ARRAY_SIZE(below); i++) {
		found = search_headers(in->layers, in->build_dir, below[i], name);
		if (!found)
			found = search_headers(in->layers, source, below[i], name);
	}
	return found;
}
