// SPDX-License-Identifier: GPL-3.0-or-later
/* Headers packages of a worker: is in them what pmkmod packs, and nothing that goes elsewhere? */
#include <fcntl.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/util/exit_codes.h"

static int no(struct err *e, const char *file, const char *what)
{
	return err_exit(e, EXIT_UNTRUSTED, -EBADMSG, "%s %s", file, what);
}

/* ---- the record ---- */

/* What becomes part of a path or the name of a package. */
static bool is_word(const char *s)
{
	return s && *s && *s != '.' && *s != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-@~") ==
		       strlen(s);
}

static bool is_line(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static bool is_of_kernel(const struct headers_check *c, const struct pinned *said, const char *name)
{
	return streq(said->name, name) && streq(said->version, c->kernel->version);
}

int farm_headers_check_record(const struct headers_check *c, const char *shown, struct err *e)
{
	const struct made_headers *t = c->theirs;
	const struct kernel_origin *o = &c->plan->device.origin;
	_cleanup_free_ char *ours = headers_origin_given(o) ? headers_origin_content(o) : NULL;
	_cleanup_free_ char *file = xasprintf(
		"the record of the headers of %s, made on %s,", c->plan->device.kernel, shown);

	if (!is_word(t->compiler) || !is_word(t->release) || !is_line(t->provider) ||
		(t->symvers && !is_line(t->symvers)))
		return no(e, file, "has words that pmkmod does not write");
	if (!is_of_kernel(c, &t->dev, c->plan->device.headers) ||
		!is_of_kernel(c, &t->scripts, c->plan->device.scripts))
		return no(e, file,
			"names packages that are not called as headers of this kernel are");
	if (!hash_eq(&t->kernel, &c->kernel->identity))
		return no(e, file, "is about another package of that kernel");
	/* headers are repaired where there are some, made where there are none */
	if (made_headers_are_repaired(t) ? c->plan->headers_todo != NULL
					 : !ours || !t->content || !streq(ours, t->content))
		return no(e, file, "says that they were made of something else than is seen here");
	return 0;
}

/* ---- a package ---- */

struct checking {
	const struct headers_check *c;
	const char *file;
	bool programs;
	char *folders[2]; /* all there may be is below these, without a slash at the end */
	size_t n_folders;
};

static int check_depends(const struct checking *k, const struct apk_pkg *p, struct err *e)
{
	const char *scripts = k->c->theirs->scripts.name;

	for (size_t i = 0; i < p->depends.n; i++) {
		const struct apk_dep *d = &p->depends.v[i];

		if (d->conflict ||
			(k->programs ? !starts_with(d->name, "so:") : !streq(d->name, scripts)))
			return no(e, k->file, "depends on what headers do not need");
	}
	return 0;
}

static int on_control(void *ctx, const struct apk_control *c, struct err *e)
{
	const struct checking *k = ctx;
	const struct apk_pkg *p = &c->pkg;
	const struct pinned *said = k->programs ? &k->c->theirs->scripts : &k->c->theirs->dev;

	/* whose names are those of the kernel's headers: farm_headers_check_record() */
	if (!streq(p->name, said->name) || !streq(p->version, said->version) ||
		!streq(p->arch, k->c->plan->device.arch->alpine) ||
		!hash_eq(&p->identity, &said->identity))
		return no(e, k->file, "is not the package that its record names");
	if (p->provides.n || p->install_if.n || p->replaces.n || p->triggers.n)
		return no(e, k->file, "says that it provides or replaces something");
	for (size_t i = 0; i < APK_SCRIPTS; i++)
		if (c->script[i])
			return no(e, k->file, "has a script");
	return check_depends(k, p, e);
}

static bool is_below(const char *name, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(name, folder, n) == 0 && (name[n] == '/' || !name[n]);
}

static bool leads_to(const char *name, const char *folder)
{
	size_t n = strlen(name);

	return strncmp(name, folder, n) == 0 && (folder[n] == '/' || !folder[n]);
}

static int on_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	const struct checking *k = ctx;
	bool plain = en->type == APK_FILE || en->type == APK_DIR || en->type == APK_SYMLINK ||
		     en->type == APK_HARDLINK;
	bool ok = false;

	for (size_t i = 0; i < k->n_folders; i++)
		ok = ok || is_below(en->name, k->folders[i]) ||
		     (en->type == APK_DIR && leads_to(en->name, k->folders[i]));
	if (ok && plain && !(en->mode & 07000) && !en->uid && !en->gid)
		return 0;
	return err_exit(e, EXIT_UNTRUSTED, -EBADMSG, "%s has '%s', which headers do not have",
		k->file, en->name);
}

int farm_headers_check_package(
	const struct headers_check *c, const char *path, bool programs, struct err *e)
{
	static const struct apk_reader_ops ops = {.control = on_control, .entry = on_entry};
	const char *release = c->theirs->release;
	struct checking k = {.c = c, .file = path_base(path), .programs = programs};
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int r;

	if (fd < 0)
		return no(e, k.file, "is not among the files of the result");
	if (programs) {
		k.folders[k.n_folders++] = xasprintf("usr/lib/kernel-scripts/%s", release);
	} else {
		k.folders[k.n_folders++] = xasprintf("usr/src/linux-headers-%s", release);
		k.folders[k.n_folders++] = xasprintf("%s/modules/%s/build",
			c->plan->device.channel.usr_merge ? "usr/lib" : "lib", release);
	}
	r = apk_read(fd, k.file, NULL, c->keys, NULL, &ops, &k, e);
	for (size_t i = 0; i < k.n_folders; i++)
		free(k.folders[i]);
	if (r == -EKEYREJECTED)
		r = -EBADMSG;
	if (r == -EBADMSG && e)
		e->exit_code = EXIT_UNTRUSTED;
	return r;
}
