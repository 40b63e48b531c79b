// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/headers/remedies.h"

#include <fcntl.h>
#include <glob.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/headers/remedy.h"

/*
 * Links inside the source are followed, as make does (scripts/dtc/include-prefixes), but none that
 * leads out of it: what is read here ends up in a package.
 */
static int open_in(int dirfd, const char *rel)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_openat2, dirfd, rel, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

static int open_shadowed(struct remedy_run *run, const char *rel)
{
	_cleanup_close_ int shadow = open(run->in->shadow, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = shadow < 0 ? -errno : open_in(shadow, rel);

	return fd == -ENOENT || fd == -ENOTDIR ? open_in(run->source_fd, rel) : fd;
}

bool remedy_exists(struct remedy_run *run, const char *rel)
{
	_cleanup_close_ int fd = open_shadowed(run, rel);

	return fd >= 0;
}

int remedy_read(struct remedy_run *run, const char *rel, char **text, unsigned *mode)
{
	_cleanup_close_ int fd = open_shadowed(run, rel);
	_cleanup_strbuf_ struct strbuf b = {0};
	struct stat st;
	char buf[16384];
	ssize_t n;

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(
			run->e, fd < 0 ? fd : -errno, "cannot read '%s/%s'", run->in->source, rel);
	if (!S_ISREG(st.st_mode))
		return -ENOENT;
	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(
				run->e, -errno, "cannot read '%s/%s'", run->in->source, rel);
		if (b.len + (size_t)n > REMEDY_FILE_MAX)
			return err_set(run->e, -EFBIG,
				"'%s/%s' is larger than any such file of a kernel", run->in->source,
				rel);
		strbuf_add(&b, buf, (size_t)n);
	}
	*text = strbuf_steal(&b);
	if (mode)
		*mode = st.st_mode & 0777;
	return 0;
}

int remedy_write(struct remedy_run *run, const char *rel, const char *text, unsigned mode)
{
	_cleanup_free_ char *path = path_join(run->in->shadow, rel);
	_cleanup_free_ char *parent = xstrndup(path, (size_t)(path_base(path) - path));
	_cleanup_close_ int fd = -1;
	int r;

	if ((r = fs_mkdirs(parent, 0755, run->e)) < 0)
		return r;
	unlink(path); /* it may be a link, or be linked elsewhere too */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode | 0600);
	r = fd < 0 ? -errno : fs_write_all(fd, text, strlen(text));
	if (r < 0)
		return err_errno(run->e, r, "cannot write the changed copy '%s'", path);
	if (!strvec_has(&run->out->files, rel))
		strvec_add(&run->out->files, rel);
	return 0;
}

/* The source's path may hold characters that mean something to glob(3). */
static char *glob_pattern(const struct remedy_run *run, const char *pattern)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	for (const char *s = run->in->source; *s; s++) {
		if (strchr("*?[\\", *s))
			strbuf_addc(&b, '\\');
		strbuf_addc(&b, *s);
	}
	strbuf_addc(&b, '/');
	for (const char *s = pattern; *s; s++)
		if (starts_with(s, "%A"))
			strbuf_adds(&b, run->in->arch->linux_arch), s++;
		else
			strbuf_addc(&b, *s);
	return strbuf_steal(&b);
}

static int cure_file(
	struct remedy_run *run, const struct file_remedy *f, const char *rel, struct strvec *cured)
{
	_cleanup_free_ char *text = NULL, *better = NULL;
	unsigned mode;
	int r = remedy_read(run, rel, &text, &mode);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	better = f->cure(text);
	if (!better || streq(better, text))
		return 0;
	strvec_add(cured, rel);
	return remedy_write(run, rel, better, mode);
}

static int cure_files(struct remedy_run *run, const struct file_remedy *f)
{
	_cleanup_strvec_ struct strvec cured = {0};
	size_t top = strlen(run->in->source) + 1;
	int r = 0;

	if (f->arch && !streq(f->arch, run->in->arch->linux_arch))
		return 0;
	if (f->before && run->in->version >= f->before)
		return 0;
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(f->files) && f->files[i]; i++) {
		_cleanup_free_ char *pattern = glob_pattern(run, f->files[i]);
		glob_t g;

		if (glob(pattern, 0, NULL, &g) == 0)
			for (size_t j = 0; r >= 0 && j < g.gl_pathc; j++)
				r = cure_file(run, f, g.gl_pathv[j] + top, &cured);
		globfree(&g);
	}
	if (r >= 0 && cured.n) {
		_cleanup_free_ char *names = strvec_join(&cured, ", ");

		strvec_addf(&run->out->names, "%s: %s (%s)", f->name, f->symptom, names);
	}
	return r;
}

/* A Makefile that is not there (a test's tree, another architecture's layout) has no flags. */
static int read_or_empty(struct remedy_run *run, const char *rel, char **text)
{
	int r = remedy_read(run, rel, text, NULL);

	if (r == -ENOENT) {
		*text = xstrdup("");
		r = 0;
	}
	return r;
}

static int find_all(struct remedy_run *run)
{
	_cleanup_free_ char *arch = xasprintf("arch/%s/Makefile", run->in->arch->linux_arch);
	int r;

	if ((r = read_or_empty(run, "Makefile", &run->makefile)) < 0 ||
		(r = read_or_empty(run, arch, &run->arch_makefile)) < 0 ||
		(r = remedy_compiler_header(run)) < 0)
		return r;
	for (size_t i = 0; i < n_file_remedies; i++)
		if ((r = cure_files(run, &file_remedies[i])) < 0)
			return r;
	return remedy_flags(run);
}

int remedies_find(struct remedies *out, const struct remedy_input *in, struct err *e)
{
	struct remedy_run run = {.in = in, .out = out, .e = e};
	int r;

	run.source_fd = open(in->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (run.source_fd < 0)
		return err_errno(e, -errno, "cannot open the kernel's source '%s'", in->source);
	r = find_all(&run);
	close(run.source_fd);
	free(run.makefile);
	free(run.arch_makefile);
	return r;
}

void remedies_free(struct remedies *r)
{
	strvec_free(&r->names);
	strvec_free(&r->files);
	strvec_free(&r->cc_flags);
	strvec_free(&r->hostcc_flags);
}

/* ---- a packaged tree's Makefile ---- */

/* "CC = ...", "CC := ...", "CC ?= ..." */
static bool sets_cc(const char *line)
{
	line += strspn(line, " ");
	if (!starts_with(line, "CC"))
		return false;
	line += 2;
	line += strspn(line, " \t");
	line += strspn(line, ":?");
	return *line == '=';
}

int remedies_pin_cc_flags(
	char **out, const char *makefile, const struct strvec *flags, struct err *e)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	_cleanup_free_ char *joined = strvec_join(flags, " ");
	bool found = false;

	for (const char *s = makefile; *s;) {
		size_t len = strcspn(s, "\n");
		_cleanup_free_ char *line = xstrndup(s, len);

		if (flags->n && sets_cc(line)) {
			/* a comment behind would swallow what is added to the line's end */
			size_t end = strcspn(line, "#");

			while (end && strchr(" \t\r\\", line[end - 1]))
				end--;
			strbuf_add(&b, line, end);
			strbuf_addf(&b, " %s", joined);
			strbuf_adds(&b, line + end);
			found = true;
		} else {
			strbuf_add(&b, line, len);
		}
		s += len;
		if (*s == '\n')
			strbuf_addc(&b, *s++);
	}
	if (flags->n && !found)
		return err_set(e, -ENOENT,
			"the kernel's Makefile sets no CC, so that '%s' cannot be made part of it",
			joined);
	*out = strbuf_steal(&b);
	return 0;
}
