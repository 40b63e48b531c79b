// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Input: a tar archive, whose header checksums are put right first. The same as fuzz_apk_read's 'D'
 * but without gzip, hashes and the thread, and so a hundred times faster.
 */
#include "chroot/apk/tar_read.h"
#include "tests/fuzz/apk_wrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In pieces of odd lengths, as they may come out of the inflating thread's ring. */
static int take_crumbs(void *ctx, size_t want, const uint8_t **p, size_t *got, struct err *e)
{
	return tar_take_memory(ctx, want < 333 ? want : 333, p, got, e);
}

static void check_entry(const struct apk_entry *en)
{
	if (apk_path_problem(en->name) || en->name[0] == '/' || strstr(en->name, "/../") ||
		ends_with(en->name, "/..") || ends_with(en->name, "/"))
		abort();
	if (strlen(en->uname) > 32 || strlen(en->gname) > 32 || en->mode > 07777)
		abort();
	if ((en->type == APK_SYMLINK || en->type == APK_HARDLINK) != (en->link != NULL))
		abort();
	if (en->link && (!en->link[0] || strlen(en->link) >= PATH_MAX))
		abort();
	for (size_t i = 0; i < en->n_xattrs; i++)
		if (!en->xattrs[i].name[0])
			abort();
}

static int read_all(const struct strbuf *tar, tar_take take, struct strbuf *log, struct err *e)
{
	struct tar_memory mem = {(const uint8_t *)tar->s, tar->len};
	_cleanup_(tar_reader_free) struct tar_reader t = {.take = take,
		.ctx = &mem,
		.shown = "fuzz",
		.end_marker_ok = true,
		.limits = {.max_unpacked = 1 << 20, .max_files = 1000}};
	int r;

	while ((r = tar_next(&t, e)) == 1) {
		check_entry(&t.en);
		strbuf_addf(
			log, "%d %s %s ", (int)t.en.type, t.en.name, t.en.link ? t.en.link : "");
		for (size_t i = 0; i < t.en.n_xattrs; i++) {
			strbuf_adds(log, t.en.xattrs[i].name);
			strbuf_add(log, t.en.xattrs[i].value, t.en.xattrs[i].len);
		}
		if (t.en.mode & 1) /* some contents are read, others skipped */
			r = tar_content(&t, log, 1 << 20, e);
		if (r < 0)
			break;
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_strbuf_ struct strbuf tar = {0}, a = {0}, b = {0};
	struct err e = ERR_INIT, e2 = ERR_INIT;
	int r;

	wrap_tar(&tar, data, size);
	r = read_all(&tar, tar_take_memory, &a, &e);
	if (r != read_all(&tar, take_crumbs, &b, &e2) || !streq(e.text, e2.text) ||
		(r < 0 && !e.text[0]))
		abort();
	if (r == 0 && (a.len != b.len || (a.len && memcmp(a.s, b.s, a.len) != 0)))
		abort();
	return 0;
}
