/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packages made by hand for the installer's tests: unlike chroot/apk/write.c this makes anything,
 * also what no honest tool would. Included by one .c file each.
 */
#ifndef PMKMOD_TEST_APK_FIXTURE_H
#define PMKMOD_TEST_APK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>

#include "chroot/apk/apk_install.h"
#include "chroot/base/fs.h"

#define MAX_CHANGES 16
#define MTIME 1700000000

/* type: tar's letter ('0' file, '1' hard link, '2' symbolic link, '3' device, '5' folder), or 's'
 * for a script in the control member; `text` is content or target. */
struct item {
	char type;
	const char *name, *text;
	mode_t mode;
	const char *uname, *xattr;
};

#define DIR(name)                                                                                  \
	{                                                                                          \
		'5', name, NULL, 0755, NULL, NULL                                                  \
	}
#define FILE_(name, text)                                                                          \
	{                                                                                          \
		'0', name, text, 0644, NULL, NULL                                                  \
	}
#define LINK(name, to)                                                                             \
	{                                                                                          \
		'2', name, to, 0777, NULL, NULL                                                    \
	}
#define SCRIPT(name)                                                                               \
	{                                                                                          \
		's', name, "#!/bin/sh\n", 0755, NULL, NULL                                         \
	}
#define ITEMS(...) ((const struct item[]){__VA_ARGS__, {0}})

struct fixture {
	char dir[64];
	char *root;
	struct apk_pkg *pkgs[MAX_CHANGES];
	size_t n_pkgs;
	struct apk_change changes[MAX_CHANGES];
	size_t n_changes;
	struct strvec warnings;
	struct strbuf log; /* one line a script: its arguments */
	struct strbuf env; /* of the last one */
	const struct strvec *may_fail;
	struct err e;
	const char *failing; /* scripts whose argv[0] ends so give `status` */
	int status;
	void (*hook)(struct fixture *fx, const char *script); /* during a script */
};

static inline void tar_block(struct strbuf *out, const struct item *it, char type, size_t size)
{
	char h[512] = "";
	unsigned sum = 8 * ' ';

	snprintf(h, 100, "%s", it->name);
	snprintf(h + 100, 8, "%07o", (it->mode ? it->mode : type == '5' ? 0755 : 0644) & 07777);
	snprintf(h + 108, 8, "%07o", 0);
	snprintf(h + 116, 8, "%07o", 0);
	snprintf(h + 124, 12, "%011zo", size);
	snprintf(h + 136, 12, "%011o", MTIME);
	h[156] = type;
	if (type == '1' || type == '2')
		snprintf(h + 157, 100, "%s", it->text);
	memcpy(h + 257, "ustar\00000", 8);
	snprintf(h + 265, 32, "%s", it->uname ? it->uname : "root");
	snprintf(h + 297, 32, "root");
	snprintf(h + 329, 8, "%07o", type == '3' ? 1 : 0);
	snprintf(h + 337, 8, "%07o", type == '3' ? 3 : 0);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	h[155] = ' ';
	strbuf_add(out, h, sizeof(h));
}

static inline void tar_bytes(struct strbuf *out, const char *data, size_t len)
{
	static const char zero[512];

	strbuf_add(out, data, len);
	strbuf_add(out, zero, (512 - len % 512) % 512);
}

static inline void pax_record(struct strbuf *out, const char *key, const char *value)
{
	size_t n = strlen(key) + strlen(value) + 3, total = n;

	for (int i = 0; i < 3; i++)
		total = n + (size_t)snprintf(NULL, 0, "%zu", total);
	strbuf_addf(out, "%zu %s=%s\n", total, key, value);
}

static inline void tar_item(struct strbuf *out, const struct item *it)
{
	const char *text = it->text ? it->text : "";
	_cleanup_strbuf_ struct strbuf pax = {0};
	size_t size = it->type == '0' ? strlen(text) : 0;

	if (it->type == '0' || it->type == '2') {
		char hex[HASH_HEX_MAX];
		struct hash h;

		hash_buf(HASH_SHA1, text, strlen(text), &h);
		hash_hex(&h, hex);
		pax_record(&pax, "APK-TOOLS.checksum.SHA1", hex);
	}
	if (it->xattr) {
		_cleanup_free_ char *key = xasprintf("SCHILY.xattr.%s", it->xattr);

		pax_record(&pax, key, "value");
	}
	if (pax.len) {
		struct item px = {.name = "pax"};

		tar_block(out, &px, 'x', pax.len);
		tar_bytes(out, pax.s, pax.len);
	}
	tar_block(out, it, it->type, size);
	tar_bytes(out, text, size);
}

static inline void gzip(struct strbuf *out, const struct strbuf *in)
{
	uLong max = compressBound(in->len) + 64;
	_cleanup_free_ Bytef *buf = xcalloc(1, max);
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)in->s;
	z.avail_in = (uInt)in->len;
	z.next_out = buf;
	z.avail_out = (uInt)max;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	strbuf_add(out, buf, z.total_out);
	deflateEnd(&z);
}

static inline char *pkg_file(const struct fixture *fx, const struct apk_pkg *p)
{
	return xasprintf("%s/%s-%s.apk", fx->dir, p->name, p->version);
}

/* Make a package of the data archive `data`, whatever that is; of the items only the scripts count.
 * `info` is put into .PKGINFO as it is. The last item has type 0. */
static inline struct apk_pkg *pack_tar(struct fixture *fx, const char *name, const char *version,
	const char *info, const struct item *items, const struct strbuf *data)
{
	_cleanup_strbuf_ struct strbuf control = {0}, text = {0}, dgz = {0}, cgz = {0};
	struct apk_pkg *p = xcalloc(1, sizeof(*p));
	_cleanup_free_ char *path = NULL;
	struct item px = {'0', ".PKGINFO", NULL, 0644, NULL, NULL};
	char hex[HASH_HEX_MAX];
	struct hash h;

	gzip(&dgz, data);
	hash_buf(HASH_SHA256, dgz.s, dgz.len, &h);
	hash_hex(&h, hex);
	strbuf_addf(&text,
		"pkgname = %s\npkgver = %s\narch = noarch\nsize = 4096\n%s"
		"datahash = %s\n",
		name, version, info, hex);
	px.text = text.s;
	tar_block(&control, &px, '0', text.len);
	tar_bytes(&control, text.s, text.len);
	for (const struct item *it = items; it->type; it++) {
		if (it->type == 's') {
			tar_block(&control, it, '0', strlen(it->text));
			tar_bytes(&control, it->text, strlen(it->text));
		}
	}
	gzip(&cgz, &control);
	p->name = xstrdup(name);
	p->version = xstrdup(version);
	p->arch = xstrdup("noarch");
	p->installed_size = 4096;
	if (strstr(info, "origin = "))
		p->origin = xstrndup(strstr(info, "origin = ") + 9,
			strcspn(strstr(info, "origin = ") + 9, "\n"));
	hash_buf(HASH_SHA1, cgz.s, cgz.len, &p->identity);
	strbuf_add(&cgz, dgz.s, dgz.len);
	path = pkg_file(fx, p);
	assert_int_equal(fs_write_atomic(path, cgz.s, cgz.len, 0644, NULL), 0);
	assert_in_range(fx->n_pkgs, 0, MAX_CHANGES - 1);
	fx->pkgs[fx->n_pkgs++] = p;
	return p;
}

/* Make a package of these items. */
static inline struct apk_pkg *pack(struct fixture *fx, const char *name, const char *version,
	const char *info, const struct item *items)
{
	_cleanup_strbuf_ struct strbuf data = {0};
	static const char eof[1024];

	for (const struct item *it = items; it->type; it++) {
		if (it->type != 's')
			tar_item(&data, it);
	}
	strbuf_add(&data, eof, sizeof(eof));
	return pack_tar(fx, name, version, info, items, &data);
}

static inline void change(struct fixture *fx, const struct apk_pkg *old, const struct apk_pkg *new)
{
	fx->changes[fx->n_changes++] = (struct apk_change){old, new};
}

/* The usual: make it and have it installed. */
static inline struct apk_pkg *add(
	struct fixture *fx, const char *name, const char *info, const struct item *items)
{
	struct apk_pkg *p = pack(fx, name, "1-r0", info, items);

	change(fx, NULL, p);
	return p;
}

static inline char *fixture_file_of(void *ctx, const struct apk_pkg *p)
{
	char *path = pkg_file(ctx, p);

	if (fs_exists(path))
		return path;
	free(path);
	return NULL;
}

static inline int fixture_run(
	void *ctx, const char *root, const char *const *argv, const char *const *env, struct err *e)
{
	struct fixture *fx = ctx;
	_cleanup_free_ char *script = path_join(root, argv[0]);
	struct stat st;

	assert_int_equal(stat(script, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	for (size_t i = 0; argv[i]; i++)
		strbuf_addf(&fx->log, "%s%s", i ? " " : "", i ? argv[i] : path_base(argv[i]));
	strbuf_addc(&fx->log, '\n');
	strbuf_reset(&fx->env);
	for (size_t i = 0; env[i]; i++)
		strbuf_addf(&fx->env, "%s\n", env[i]);
	if (fx->hook)
		fx->hook(fx, path_base(argv[0]));
	if (!fx->failing || !ends_with(argv[0], fx->failing))
		return 0;
	return fx->status < 0 ? err_errno(e, fx->status, "no sandbox") : fx->status;
}

static inline int install(struct fixture *fx)
{
	const struct apk_install_opts o = {
		.run = fixture_run,
		.run_ctx = fx,
		.file_of = fixture_file_of,
		.file_ctx = fx,
		.arch = "aarch64",
		.may_fail = fx->may_fail,
	};
	const struct apk_solution s = {.changes = fx->changes, .n_changes = fx->n_changes};
	const struct apk_universe u = {0};
	struct apk_deps world = {0};
	int r;

	strvec_reset(&fx->warnings);
	strbuf_reset(&fx->log);
	err_clear(&fx->e);
	assert_int_equal(apk_deps_parse(&world, "some", NULL), 0);
	r = apk_install(fx->root, &u, &s, &world, &o, &fx->warnings, &fx->e);
	apk_deps_free(&world);
	fx->n_changes = 0;
	return r;
}

static inline void install_ok(struct fixture *fx)
{
	if (install(fx) < 0)
		fail_msg("%s", fx->e.text);
}

/* A path below the root (static buffer). */
static inline const char *at(const struct fixture *fx, const char *rel)
{
	static char path[8192];

	snprintf(path, sizeof(path), "%s/%s", fx->root, rel);
	return path;
}

static inline bool there(const struct fixture *fx, const char *rel)
{
	struct stat st;

	return lstat(at(fx, rel), &st) == 0;
}

static inline mode_t mode_of(const struct fixture *fx, const char *rel)
{
	struct stat st;

	assert_int_equal(lstat(at(fx, rel), &st), 0);
	return st.st_mode & 07777;
}

static inline void assert_content(const struct fixture *fx, const char *rel, const char *want)
{
	_cleanup_free_ char *text = NULL;
	struct err e = ERR_INIT;
	size_t len;

	if (fs_read(at(fx, rel), 1 << 20, &text, &len, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(text, want);
}

static inline void put(const struct fixture *fx, const char *rel, const char *text)
{
	_cleanup_free_ char *path = xstrdup(at(fx, rel));
	char *slash = strrchr(path, '/');

	*slash = '\0';
	assert_int_equal(fs_mkdirs(path, 0755, NULL), 0);
	*slash = '/';
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

/* Does the database's text hold `want`? */
static inline bool recorded(const struct fixture *fx, const char *want)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	assert_int_equal(fs_read(at(fx, "lib/apk/db/installed"), 1 << 20, &text, &len, NULL), 0);
	return strstr(text, want) != NULL;
}

/* Valgrind before 3.21 does not know the call, and without it the installer refuses to work. */
static inline bool have_openat2(void)
{
	struct open_how how = {.flags = O_PATH, .resolve = RESOLVE_IN_ROOT};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

	cleanup_close(&fd);
	return fd >= 0;
}

static inline int fixture_setup(void **state)
{
	struct fixture *fx = xcalloc(1, sizeof(*fx));

	strcpy(fx->dir, "/tmp/pmkmod-install.XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	fx->root = path_join(fx->dir, "root");
	*state = fx;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *fx = *state;

	for (size_t i = 0; i < fx->n_pkgs; i++) {
		apk_pkg_free(fx->pkgs[i]);
		free(fx->pkgs[i]);
	}
	strvec_free(&fx->warnings);
	strbuf_free(&fx->log);
	strbuf_free(&fx->env);
	fs_remove_tree(fx->dir, NULL);
	free(fx->root);
	free(fx);
	return 0;
}

#endif
