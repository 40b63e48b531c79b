// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/git_tree.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"

#define ENTRIES_MAX 500000
#define HEADER_MAX 200
#define TARGET_MAX 4095

/* ---- git ls-tree ---- */

static bool path_ok(const char *path)
{
	if (!*path || strlen(path) >= PATH_MAX)
		return false;
	for (const char *s = path; s;) {
		size_t n = strcspn(s, "/");

		if (n == 0 || n > NAME_MAX || (n == 1 && *s == '.') ||
			(n == 2 && s[0] == '.' && s[1] == '.') ||
			(n == 4 && strncasecmp(s, ".git", 4) == 0))
			return false;
		s = s[n] ? s + n + 1 : NULL;
	}
	return true;
}

static bool object_ok(const char *s, size_t n)
{
	return (n == 40 || n == 64) && strspn(s, "0123456789abcdef") == n;
}

static bool kind_of(const char *mode, size_t n, enum git_entry_kind *kind)
{
	static const struct {
		const char *mode;
		enum git_entry_kind kind;
	} modes[] = {{"100644", GIT_FILE}, {"100664", GIT_FILE}, {"100755", GIT_PROGRAM},
		{"120000", GIT_LINK}, {"160000", GIT_SUBMODULE}};

	for (size_t i = 0; n == 6 && i < ARRAY_SIZE(modes); i++)
		if (strncmp(mode, modes[i].mode, 6) == 0) {
			*kind = modes[i].kind;
			return true;
		}
	return false;
}

/* "100644 blob <object>\t<path>" */
static bool parse_entry(struct git_entry *en, const char *line)
{
	const char *type = strchr(line, ' '), *object = type ? strchr(type + 1, ' ') : NULL;
	const char *path = object ? strchr(object, '\t') : NULL;

	*en = (struct git_entry){0};
	if (!path || !kind_of(line, (size_t)(type - line), &en->kind))
		return false;
	object++;
	en->object = xstrndup(object, (size_t)(path - object));
	en->path = xstrdup(path + 1);
	return object_ok(en->object, strlen(en->object)) && path_ok(en->path);
}

static void links_last(struct git_tree *t)
{
	struct git_entry *sorted = xcalloc(t->n + 1, sizeof(*sorted));
	size_t n = 0;

	for (int links = 0; links < 2; links++)
		for (size_t i = 0; i < t->n; i++)
			if ((t->v[i].kind == GIT_LINK) == links)
				sorted[n++] = t->v[i];
	free(t->v);
	t->v = sorted;
}

int git_tree_parse(struct git_tree *t, const char *data, size_t len, struct err *e)
{
	const char *end = data + len;
	size_t room = 0;

	*t = (struct git_tree){0};
	while (data < end) {
		const char *nul = memchr(data, '\0', (size_t)(end - data));
		struct git_entry en = {0};

		if (t->n == room) {
			room = room ? 2 * room : 64;
			t->v = xrealloc(t->v, room, sizeof(*t->v));
		}
		if (nul && t->n < ENTRIES_MAX && parse_entry(&en, data)) {
			t->v[t->n++] = en;
			data = nul + 1;
			continue;
		}
		free(en.object);
		free(en.path);
		if (t->n == ENTRIES_MAX)
			err_set(e, -EFBIG, "the commit has more than %d files", ENTRIES_MAX);
		else
			err_set(e, -EINVAL, "the commit has an entry that cannot be taken: '%.*s'",
				(int)(nul && nul - data < 200 ? nul - data : 0), data);
		git_tree_free(t);
		return e ? e->code : -EINVAL;
	}
	links_last(t);
	return 0;
}

void git_tree_free(struct git_tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].object);
		free(t->v[i].path);
	}
	free(t->v);
	*t = (struct git_tree){0};
}

char *git_tree_wanted(const struct git_tree *t)
{
	struct strbuf b = {0};

	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].kind != GIT_SUBMODULE)
			strbuf_addf(&b, "%s\n", t->v[i].object);
	return strbuf_steal(&b);
}

/* ---- git cat-file --batch ---- */

static const struct git_entry *current(struct git_writer *w)
{
	while (w->at < w->tree->n && w->tree->v[w->at].kind == GIT_SUBMODULE)
		w->at++;
	return w->at < w->tree->n ? &w->tree->v[w->at] : NULL;
}

/*
 * Nothing below w->dir but what is made here, links last: no component of a path is a link that
 * leads out of it.
 */
static int make_parents(int dir, const char *path)
{
	_cleanup_free_ char *copy = xstrdup(path);

	for (char *s = strchr(copy, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		if (mkdirat(dir, copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*s = '/';
	}
	return 0;
}

static int cannot_write(struct git_writer *w, int r, const struct git_entry *en)
{
	return err_errno(w->e, r, "cannot write the repository's '%s'", en->path);
}

static int open_file(struct git_writer *w, const struct git_entry *en)
{
	int r = make_parents(w->dir, en->path);

	if (r == 0 && en->kind != GIT_LINK) {
		w->fd = openat(w->dir, en->path,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			en->kind == GIT_PROGRAM ? 0755 : 0644);
		r = w->fd < 0 ? -errno : 0;
	}
	return r < 0 ? cannot_write(w, r, en) : 0;
}

/* "<object> blob <size>" */
static int begin_object(struct git_writer *w)
{
	const struct git_entry *en = current(w);
	const char *s = w->text.s ? w->text.s : "";
	size_t n = en ? strlen(en->object) : 0;
	char *end = NULL;

	if (!en || strncmp(s, en->object, n) != 0 || !starts_with(s + n, " blob "))
		return err_set(w->e, -EBADMSG, "git said '%.100s' where it should give %s", s,
			en ? en->path : "nothing more");
	s += n + strlen(" blob ");
	w->left = strtoull(s, &end, 10);
	if (!*s || *end || *s == '-')
		return err_set(w->e, -EBADMSG, "git gave no size of %s", en->path);
	if (w->left > w->max - w->total || (en->kind == GIT_LINK && w->left > TARGET_MAX))
		return err_set(w->e, -EFBIG, "the repository's files have more than %llu bytes",
			(unsigned long long)w->max);
	w->total += w->left;
	strbuf_reset(&w->text);
	w->state = GIT_BODY;
	return open_file(w, en);
}

static int end_object(struct git_writer *w)
{
	const struct git_entry *en = current(w);
	const struct timespec times[2] = {{.tv_sec = w->mtime}, {.tv_sec = w->mtime}};
	int r = 0;

	if (en->kind == GIT_LINK) {
		if (!w->text.len || strlen(w->text.s) != w->text.len ||
			symlinkat(w->text.s, w->dir, en->path) < 0)
			r = w->text.len ? -errno : -EINVAL;
		strbuf_reset(&w->text);
	} else {
		futimens(w->fd, times);
		r = close(steal_fd(&w->fd)) < 0 ? -errno : 0;
	}
	w->at++;
	w->state = GIT_END;
	return r < 0 ? cannot_write(w, r, en) : 0;
}

/* As many of the bytes as belong to what is under way; negative errno. */
static ssize_t take_some(struct git_writer *w, const char *data, size_t len)
{
	size_t n = len < w->left ? len : (size_t)w->left;
	const char *eol;
	int r = 0;

	switch (w->state) {
	case GIT_HEADER:
		eol = memchr(data, '\n', len);
		n = eol ? (size_t)(eol - data) : len;
		if (w->text.len + n > HEADER_MAX)
			return err_set(w->e, -EBADMSG, "git said something else than files");
		strbuf_add(&w->text, data, n);
		r = eol ? begin_object(w) : 0;
		n += eol != NULL;
		break;
	case GIT_BODY:
		if (current(w)->kind == GIT_LINK)
			strbuf_add(&w->text, data, n);
		else
			r = fs_write_all(w->fd, data, n);
		if (r < 0)
			cannot_write(w, r, current(w));
		w->left -= n;
		break;
	case GIT_END:
		w->state = GIT_HEADER;
		return *data == '\n'
			       ? 1
			       : err_set(w->e, -EBADMSG, "git gave more than it said it would");
	}
	if (r == 0 && w->state == GIT_BODY && w->left == 0)
		r = end_object(w);
	return r < 0 ? r : (ssize_t)n;
}

void git_writer_take(void *writer, const char *data, size_t len)
{
	struct git_writer *w = writer;

	while (len > 0 && w->error == 0) {
		ssize_t n = take_some(w, data, len);

		if (n < 0) {
			w->error = (int)n;
			return;
		}
		data += n;
		len -= (size_t)n;
	}
}

int git_writer_end(struct git_writer *w)
{
	const struct git_entry *en = current(w);
	int r = w->error;

	if (r == 0 && en)
		r = err_set(w->e, -EBADMSG, "git gave the repository's files only up to '%s'",
			en->path);
	if (w->state == GIT_BODY && en && en->kind != GIT_LINK && w->fd > 0)
		close(w->fd);
	strbuf_free(&w->text);
	return r;
}
