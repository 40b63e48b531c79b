// SPDX-License-Identifier: GPL-3.0-or-later
/* Reading a package: signatures, control, data, each verified before the next is believed. */
#include "chroot/apk/apk_read.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/apk/control.h"
#include "chroot/apk/inflater.h"
#include "chroot/apk/tar_read.h"

/* See apk_limits_set(). */
static struct apk_limits allowed = {
	.max_unpacked = 8ULL << 30, .max_files = 1000000, .max_ratio = 200, .max_name = 1024};

struct apk_reader {
	struct member m;
	const char *shown;
	const struct apk_reader_ops *ops;
	void *ctx;
	struct apk_control control;
	struct tar_reader tar;
	struct inflater *inflater; /* NULL: it was not started */
};

static void reader_free(struct apk_reader *rd)
{
	inflater_stop(rd->inflater);
	member_close(&rd->m);
	apk_control_free(&rd->control);
	tar_reader_free(&rd->tar);
}

/* ---- control ---- */

static int check_identity(
	const struct hash *want, const struct hash *sums, const char *shown, struct err *e)
{
	_cleanup_free_ char *wanted = apk_identity_text(want), *found = NULL;

	for (size_t i = 0; i < APK_SIG_ALGS; i++) {
		if (sums[i].alg != want->alg || !*wanted)
			continue;
		if (hash_eq(&sums[i], want))
			return 0;
		found = apk_identity_text(&sums[i]);
		return err_set(e, -EBADMSG,
			"%s is not the package that the index names: its identity is %s, expected is "
			"%s. The file is damaged, or older or newer than the index; fetch both again",
			shown, found, wanted);
	}
	return err_set(e, -EINVAL, "%s: the identity expected of it is of no known kind", shown);
}

/* Signatures and control part; afterwards rd->m stands before the data part. */
static int read_head(struct apk_reader *rd, const struct hash *identity,
	const struct apk_keys *keys, struct err *e)
{
	_cleanup_(apk_sigs_free) struct apk_sigs sigs = {.keys = identity ? NULL : keys};
	_cleanup_strbuf_ struct strbuf text = {0};
	int r = apk_read_signatures(&rd->m, &sigs, APK_HEAD_MAX, "control part", &text, e);

	if (r == 0 && identity)
		r = check_identity(identity, rd->m.sum, rd->shown, e);
	else if (r == 0 && keys)
		r = apk_sigs_verify(&sigs, rd->m.sum, APK_SIG_ALGS, rd->shown, "control part", e);
	if (r == 0)
		r = apk_control_parse(&rd->control, &text, rd->shown, e);
	if (r < 0)
		return r;
	rd->control.pkg.identity = rd->m.sum[0];
	rd->control.signed_by = xstrdup(sigs.key_name);
	strvec_add_all(&rd->control.signers, &sigs.names);
	return 0;
}

static void set_size(struct apk_reader *rd, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		rd->control.pkg.size = (uint64_t)st.st_size;
}

/* ---- data ---- */

static int wrong_content(const struct apk_reader *rd, const struct hash *found, struct err *e)
{
	char want[HASH_HEX_MAX], have[HASH_HEX_MAX];

	hash_hex(&rd->tar.en.checksum, want);
	hash_hex(found, have);
	return err_set(e, -EBADMSG,
		"%s: the content of '%s' does not match its checksum: expected SHA-1 %s, found %s",
		rd->shown, rd->tar.en.name, want, have);
}

static int file_content(struct apk_reader *rd, struct err *e)
{
	struct hash_ctx sum;
	struct hash found;
	const uint8_t *p;
	size_t n;
	int r;

	hash_start(&sum, HASH_SHA1);
	while ((r = tar_data(&rd->tar, &p, &n, e)) == 0 && n) {
		hash_update(&sum, p, n);
		if (rd->ops->data && (r = rd->ops->data(rd->ctx, p, n, e)) < 0)
			break;
	}
	if (r < 0) {
		hash_abort(&sum);
		return r;
	}
	hash_end(&sum, &found);
	if (!hash_eq(&found, &rd->tar.en.checksum))
		return wrong_content(rd, &found, e);
	return rd->ops->end ? rd->ops->end(rd->ctx, e) : 0;
}

static int check_link(const struct apk_reader *rd, struct err *e)
{
	const struct apk_entry *en = &rd->tar.en;
	struct hash found;

	hash_buf(HASH_SHA1, en->link, strlen(en->link), &found);
	return hash_eq(&found, &en->checksum) ? 0 : wrong_content(rd, &found, e);
}

static int data_entry(struct apk_reader *rd, struct err *e)
{
	const struct apk_entry *en = &rd->tar.en;
	int r = 0;

	if (en->name[0] == '.') /* apk installs no hidden top-level names: .dummy, .keep ... */
		return 0;
	if ((en->type == APK_FILE || en->type == APK_SYMLINK) && en->checksum.alg == HASH_NONE)
		return err_set(e, -EBADMSG,
			"%s: '%s' has no APK-TOOLS.checksum.SHA1; apk 3 calls that obsolete and does "
			"not install it. Rebuild the package with abuild or pmkmod",
			rd->shown, en->name);
	if (en->type == APK_SYMLINK)
		r = check_link(rd, e);
	if (r == 0 && rd->ops->entry)
		r = rd->ops->entry(rd->ctx, en, e);
	return r == 0 && en->type == APK_FILE ? file_content(rd, e) : r;
}

static int data_entries(struct apk_reader *rd, struct err *e)
{
	int r;

	rd->tar.take = inflater_take;
	rd->tar.ctx = rd->inflater;
	while ((r = tar_next(&rd->tar, e)) == 1)
		if ((r = data_entry(rd, e)) < 0)
			break;
	inflater_stop(rd->inflater);
	rd->inflater = NULL;
	return r;
}

static int check_datahash(const struct apk_reader *rd, struct err *e)
{
	const struct hash *expected = &rd->control.pkg.datahash, *found = &rd->m.sum[0];
	char want[HASH_HEX_MAX], have[HASH_HEX_MAX];

	if (hash_eq(expected, found))
		return 0;
	hash_hex(expected, want);
	hash_hex(found, have);
	return err_set(e, -EBADMSG,
		"%s: its data part is damaged or altered: datahash in .PKGINFO is %s, found is %s; "
		"fetch it again",
		rd->shown, want, have);
}

static void take_limits(struct apk_limits *to, const struct apk_limits *from)
{
	if (from->max_unpacked)
		to->max_unpacked = from->max_unpacked;
	if (from->max_files)
		to->max_files = from->max_files;
	if (from->max_ratio)
		to->max_ratio = from->max_ratio;
	if (from->max_name)
		to->max_name = from->max_name;
}

void apk_limits_set(const struct apk_limits *l)
{
	take_limits(&allowed, l);
}

int apk_reader_start(struct apk_reader *rd, struct err *e)
{
	static const enum hash_alg sha256[] = {HASH_SHA256};
	int r = rd->inflater ? 1 : member_start(&rd->m, sha256, 1, e);

	if (r < 0 || rd->inflater)
		return r < 0 ? r : 0;
	if (r == 0)
		return err_set(e, -EBADMSG, "%s ends after its control part: its data is missing",
			rd->shown);
	return inflater_start(&rd->inflater, &rd->m, e);
}

static int read_data(struct apk_reader *rd, const struct apk_limits *limits, struct err *e)
{
	int r = apk_reader_start(rd, e);

	if (r < 0)
		return r;
	rd->tar.shown = rd->shown;
	rd->tar.end_marker_ok = true;
	rd->tar.limits = allowed;
	rd->tar.size = rd->control.pkg.size;
	if (limits)
		take_limits(&rd->tar.limits, limits);
	r = data_entries(rd, e);
	if (r < 0 || (r = check_datahash(rd, e)) < 0)
		return r;
	r = member_start(&rd->m, NULL, 0, e);
	return r <= 0 ? r
		      : err_set(e, -EBADMSG,
				"%s: another gzip member follows its data part, which no hash covers",
				rd->shown);
}

/* ---- the interface ---- */

static int open_reader(struct apk_reader *rd, int fd, const char *shown,
	const struct hash *identity, const struct apk_keys *keys, struct err *e)
{
	int r;

	*rd = (struct apk_reader){.shown = shown};
	r = member_open_fd(&rd->m, fd, shown, "an apk package", e);
	if (r == 0)
		r = read_head(rd, identity, keys, e);
	if (r == 0)
		set_size(rd, fd);
	return r;
}

int apk_reader_open(struct apk_reader **out, int fd, const char *shown, const struct hash *identity,
	const struct apk_keys *keys, struct err *e)
{
	struct apk_reader *rd = xcalloc(1, sizeof(*rd));
	int r = open_reader(rd, fd, shown, identity, keys, e);

	*out = r < 0 ? NULL : rd;
	if (r < 0)
		apk_reader_free(rd);
	return r;
}

const struct apk_control *apk_reader_control(const struct apk_reader *rd)
{
	return &rd->control;
}

int apk_reader_read(struct apk_reader *rd, const struct apk_limits *limits,
	const struct apk_reader_ops *ops, void *ctx, struct err *e)
{
	static const struct apk_reader_ops nothing;
	int r = 0;

	rd->ops = ops ? ops : &nothing;
	rd->ctx = ctx;
	if (rd->ops->control)
		r = rd->ops->control(ctx, &rd->control, e);
	return r < 0 ? r : read_data(rd, limits, e);
}

void apk_reader_free(struct apk_reader *rd)
{
	if (rd)
		reader_free(rd);
	free(rd);
}

int apk_read(int fd, const char *shown, const struct hash *identity, const struct apk_keys *keys,
	const struct apk_limits *limits, const struct apk_reader_ops *ops, void *ctx, struct err *e)
{
	_cleanup_(reader_free) struct apk_reader rd;
	int r = open_reader(&rd, fd, shown, identity, keys, e);

	return r < 0 ? r : apk_reader_read(&rd, limits, ops, ctx, e);
}

static int open_package(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? err_errno(e, -errno, "cannot open the package '%s'", path) : fd;
}

int apk_read_control(
	const char *path, const struct apk_keys *keys, struct apk_control *out, struct err *e)
{
	_cleanup_close_ int fd = open_package(path, e);
	_cleanup_(reader_free) struct apk_reader rd = {.shown = path};
	int r;

	*out = (struct apk_control){0};
	if (fd < 0)
		return fd;
	r = open_reader(&rd, fd, path, NULL, keys, e);
	if (r < 0)
		return r;
	*out = rd.control;
	rd.control = (struct apk_control){0};
	return 0;
}

/* One file wanted out of a package. */
struct pick {
	const char *path, *name;
	size_t max;
	struct strbuf content;
	bool wanted, found;
};

static int pick_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	struct pick *p = ctx;

	p->wanted = streq(en->name, p->name);
	if (!p->wanted)
		return 0;
	if (en->type != APK_FILE)
		return err_set(e, -EINVAL, "%s: '%s' is no regular file%s%s", p->path, p->name,
			en->link ? " but a link to " : "", en->link ? en->link : "");
	if (en->size > p->max)
		return err_set(e, -EFBIG, "%s: '%s' has %llu bytes, more than the %zu expected",
			p->path, p->name, (unsigned long long)en->size, p->max);
	return 0;
}

static int pick_data(void *ctx, const void *data, size_t n, struct err *e)
{
	struct pick *p = ctx;

	(void)e;
	if (p->wanted)
		strbuf_add(&p->content, data, n);
	return 0;
}

/* Its checksum matched; the rest of a package of hundreds of megabytes is not needed. */
static int pick_end(void *ctx, struct err *e)
{
	struct pick *p = ctx;

	(void)e;
	p->found = p->wanted;
	return p->found ? -ECANCELED : 0;
}

int apk_read_file(
	const char *path, const char *name, size_t max, char **out, size_t *len, struct err *e)
{
	static const struct apk_reader_ops ops = {
		.entry = pick_entry, .data = pick_data, .end = pick_end};
	_cleanup_close_ int fd = open_package(path, e);
	struct pick p = {.path = path, .name = name, .max = max};
	int r;

	if (fd < 0)
		return fd;
	r = apk_read(fd, path, NULL, NULL, NULL, &ops, &p, e);
	if (p.found) {
		*len = p.content.len;
		*out = strbuf_steal(&p.content);
		return 0;
	}
	strbuf_free(&p.content);
	return r < 0 ? r : err_set(e, -ENOENT, "%s has no file '%s'", path, name);
}
