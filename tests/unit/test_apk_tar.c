// SPDX-License-Identifier: GPL-3.0-or-later
/* The tar dialect: what is refused although other readers, or apk itself, take it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "chroot/apk/tar_read.h"
#include "tests/unit/apk_craft.h"

/* As the inflating thread may give it: in pieces that respect no border. */
static int take_crumbs(void *ctx, size_t want, const uint8_t **p, size_t *got, struct err *e)
{
	return tar_take_memory(ctx, want < 7 ? want : 7, p, got, e);
}

static int read_all(const struct strbuf *tar, tar_take take, struct strbuf *log, struct err *e)
{
	struct tar_memory mem = {(const uint8_t *)tar->s, tar->len};
	_cleanup_(tar_reader_free) struct tar_reader t = {.take = take,
		.ctx = &mem,
		.shown = "sample.apk",
		.end_marker_ok = true,
		.limits = {.max_unpacked = 1 << 24, .max_files = 100}};
	int r;

	err_clear(e);
	while ((r = tar_next(&t, e)) == 1) {
		strbuf_addf(log, "%s:", t.en.name);
		if (t.en.type == APK_DIR) /* contents are read or skipped */
			continue;
		r = tar_content(&t, log, 1 << 20, e);
		if (r < 0)
			break;
	}
	return r;
}

static void try_data(size_t row, void (*fill)(struct strbuf *tar), int want, const char *says)
{
	_cleanup_strbuf_ struct strbuf tar = {0}, log = {0}, log2 = {0};
	struct err e = ERR_INIT;
	int r;

	fill(&tar);
	craft_zero_blocks(&tar, 2);
	r = read_all(&tar, take_crumbs, &log2, &e);
	if (r != read_all(&tar, tar_take_memory, &log, &e) || log.len != log2.len ||
		(log.len && memcmp(log.s, log2.s, log.len) != 0))
		fail_msg("row %zu: in pieces it reads as another archive", row);
	if (r != want)
		fail_msg("row %zu: %d instead of %d: %s", row, r, want, e.text);
	if (r < 0 && (!strstr(e.text, "sample.apk") || (says && !strstr(e.text, says))))
		fail_msg("row %zu: no \"%s\" in: %s", row, says ? says : "sample.apk", e.text);
	for (const char *c = e.text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			fail_msg("row %zu: a control character goes to the terminal", row);
}

static const char *patch_field;
static size_t patch_at, patch_len;

static void patched(struct strbuf *tar)
{
	craft_header(tar, '5', "usr", NULL, 0);
	memcpy(craft_last(tar) + patch_at, patch_field, patch_len);
	craft_fix_sum(craft_last(tar));
}

static void wrong_sum(struct strbuf *tar)
{
	craft_header(tar, '5', "usr", NULL, 0);
	craft_last(tar)[AT_SUM + 1] ^= 1;
}

static void middle_zero(struct strbuf *tar)
{
	craft_header(tar, '5', "usr", NULL, 0);
	craft_zero_blocks(tar, 1);
	craft_header(tar, '5', "etc", NULL, 0);
}

static void hardlink_content(struct strbuf *tar)
{
	craft_file(tar, "a", "x");
	craft_entry(tar, '1', "b", "a", "evil", 4);
}

static void empty_link(struct strbuf *tar)
{
	craft_symlink(tar, "usr", "");
}

static void dot_slash(struct strbuf *tar)
{
	craft_header(tar, '5', "./", NULL, 0);
	craft_file(tar, "./file", "x");
}

static void pax_dot_dot(struct strbuf *tar)
{
	craft_checksum(tar, "x", 1, "path", "usr/../../etc/passwd");
	craft_entry(tar, '0', "harmless", NULL, "x", 1);
}

static void pax_twice(struct strbuf *tar)
{
	craft_checksum(tar, "x", 1, NULL, NULL);
	craft_checksum(tar, "x", 1, NULL, NULL);
	craft_entry(tar, '0', "a", NULL, "x", 1);
}

static void pax_two_paths(struct strbuf *tar)
{
	_cleanup_strbuf_ struct strbuf pax = {0};

	craft_record(&pax, "path", "a", 1);
	craft_record(&pax, "path", "b", 1);
	craft_pax(tar, pax.s, pax.len);
	craft_header(tar, '5', "c", NULL, 0);
}

static void pax_sparse(struct strbuf *tar)
{
	craft_checksum(tar, "x", 1, "GNU.sparse.major", "1");
	craft_entry(tar, '0', "a", NULL, "x", 1);
}

static void pax_short_sum(struct strbuf *tar)
{
	_cleanup_strbuf_ struct strbuf pax = {0};

	craft_record(&pax, "APK-TOOLS.checksum.SHA1", "00ff", 4);
	craft_pax(tar, pax.s, pax.len);
	craft_entry(tar, '0', "a", NULL, "x", 1);
}

static void pax_at_end(struct strbuf *tar)
{
	craft_checksum(tar, "x", 1, NULL, NULL);
}

static void pax_huge(struct strbuf *tar)
{
	craft_header(tar, 'x', "x", NULL, 2 << 20);
}

static void pax_zero_in_path(struct strbuf *tar)
{
	_cleanup_strbuf_ struct strbuf pax = {0};

	craft_record(&pax, "path", "a\0b", 3);
	craft_pax(tar, pax.s, pax.len);
	craft_header(tar, '5', "c", NULL, 0);
}

static const char *pax_text;

static void pax_raw(struct strbuf *tar)
{
	craft_pax(tar, pax_text, strlen(pax_text));
	craft_header(tar, '5', "c", NULL, 0);
}

static void long_twice(struct strbuf *tar)
{
	craft_entry(tar, 'L', "././@LongLink", NULL, "name", 5);
	craft_entry(tar, 'L', "././@LongLink", NULL, "name", 5);
	craft_header(tar, '5', "c", NULL, 0);
}

static void long_and_prefix(struct strbuf *tar)
{
	craft_entry(tar, 'L', "././@LongLink", NULL, "name", 5);
	craft_header(tar, '5', "c", NULL, 0);
	memcpy(craft_last(tar) + AT_PREFIX, "other", 5);
	craft_fix_sum(craft_last(tar));
}

static void long_with_zero(struct strbuf *tar)
{
	craft_entry(tar, 'L', "././@LongLink", NULL, "na\0me", 6);
	craft_header(tar, '5', "c", NULL, 0);
}

static void too_long(struct strbuf *tar)
{
	_cleanup_strbuf_ struct strbuf name = {0};

	while (name.len < 4090)
		strbuf_adds(&name, "abcdefg/");
	strbuf_addc(&name, 'x');
	craft_checksum(tar, "x", 1, "path", name.s);
	craft_entry(tar, '0', "a", NULL, "x", 1);
}

static void hard_dot_dot(struct strbuf *tar)
{
	craft_header(tar, '1', "b", "../a", 0);
}

static const struct {
	void (*fill)(struct strbuf *tar);
	int want;
	const char *says;
} dialect[] = {
	{wrong_sum, -EBADMSG, "wrong checksum"},
	{middle_zero, -EBADMSG, "goes on after the end marker"},
	{hardlink_content, -EBADMSG, "although it is no regular file"},
	{empty_link, -EBADMSG, "link without a target"},
	{dot_slash, -EBADMSG, "starts with './'"},
	{pax_dot_dot, -EBADMSG, "component '..'"},
	{pax_twice, -EBADMSG, "two PAX headers"},
	{pax_two_paths, -EBADMSG, "twice the key path"},
	{pax_sparse, -EBADMSG, "sparse"},
	{pax_short_sum, -EBADMSG, "40 hex digits"},
	{pax_at_end, -EBADMSG, "ends before the entry"},
	{pax_huge, -EFBIG, "extension header"},
	{pax_zero_in_path, -EBADMSG, "zero byte in path"},
	{long_twice, -EBADMSG, "two long names"},
	{long_and_prefix, -EBADMSG, "two different names"},
	{long_with_zero, -EBADMSG, "zero byte"},
	{too_long, -EBADMSG, "too long"},
	{hard_dot_dot, -EBADMSG, "which has a component '..'"},
};

static void test_dialect(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(dialect); i++)
		try_data(i, dialect[i].fill, dialect[i].want, dialect[i].says);
}

static void test_fields(void **state)
{
	static const struct {
		size_t at, len;
		const char *bytes;
		int want;
		const char *says;
	} rows[] = {
		{AT_MAGIC, 5, "\0\0\0\0\0", -EBADMSG, "ustar"},
		{AT_MAGIC, 8, "ustar  ", 0, NULL},
		{AT_TYPE, 1, "\0", -EBADMSG, "type 0x00"},
		{AT_TYPE, 1, "S", -EBADMSG, "type 0x53"},
		{AT_TYPE, 1, "K", -EBADMSG, "type 0x4b"},
		{AT_TYPE, 1, "6", 0, NULL},
		{AT_TYPE, 1, "3", 0, NULL},
		{AT_SIZE, 12, "\x80\0\0\0\0\0\0\0\0\0\0\x01", -EBADMSG,
			"size that is not plain octal"},
		{AT_UID, 8, "\x80\0\0\0\0\0\0\x01", -EBADMSG, "uid that is not plain octal"},
		{AT_MTIME, 12, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", -EBADMSG,
			"mtime"},
		{AT_MODE, 8, "   0755", -EBADMSG, "mode that is not plain octal"},
		{AT_MODE, 8, "0755   ", 0, NULL},
		{AT_MODE, 8, "0100755", 0, NULL},
		{AT_GID, 8, "00000008", -EBADMSG, "gid"},
		{AT_SIZE, 12, "00000000001", -EBADMSG, "although it is no regular file"},
		{0, 1, "\0", -EBADMSG, "no name"},
		{0, 8, "/usr/bin", -EBADMSG, "absolute"},
		{0, 8, "usr//bin", -EBADMSG, "empty component"},
		{0, 8, "usr/./bi", -EBADMSG, "component '.'"},
		{0, 9, "usr/../bi", -EBADMSG, "component '..'"},
		{0, 6, "usr/..", -EBADMSG, "component '..'"},
		{0, 5, "usr/.", -EBADMSG, "component '.'"},
		{0, 3, "..\0", -EBADMSG, "component '..'"},
		{0, 6, "usr/\n", -EBADMSG, "control character"},
		{0, 5, "us\x7fr", -EBADMSG, "control character"},
		{0, 6, "..usr.", 0, NULL},
		{AT_UNAME, 32, "abcdefghijklmnopqrstuvwxyz012345", 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		patch_at = rows[i].at;
		patch_len = rows[i].len;
		patch_field = rows[i].bytes;
		try_data(i, patched, rows[i].want, rows[i].says);
	}
}

static void test_pax_records(void **state)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{"6 a=b\n", 0},
		{"6 a=b\n9 size=7\n", 0}, /* the header's size counts, as in apk */
		{"5 a=b\n", -EBADMSG},
		{"7 a=b\n", -EBADMSG},
		{"6 a=b", -EBADMSG},
		{"6 a:b\n", -EBADMSG},
		{"5 =b\n", -EBADMSG},
		{"06 a=b\n", -EBADMSG},
		{" 6 a=b\n", -EBADMSG},
		{"x", -EBADMSG},
		{"6", -EBADMSG},
		{"18446744073709551622 a=b\n", -EBADMSG},
		{"17 SCHILY.xattr.=\n", -EBADMSG},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		pax_text = rows[i].text;
		try_data(i, pax_raw, rows[i].want, NULL);
	}
}

/* ---- the whole ---- */

static void test_not_cut(void **state)
{
	_cleanup_strbuf_ struct strbuf tar = {0}, log = {0};
	struct err e = ERR_INIT;

	(void)state;
	craft_file(&tar, "a", "content");
	craft_header(&tar, '5', "dir/", NULL, 0);
	/* with no end marker, one zero block, many */
	for (size_t i = 0; i < 20; i++) {
		strbuf_reset(&log);
		assert_int_equal(read_all(&tar, tar_take_memory, &log, &e), 0);
		assert_string_equal(log.s, "a:contentdir:");
		craft_zero_blocks(&tar, 1);
	}
}

static void test_cut(void **state)
{
	_cleanup_strbuf_ struct strbuf tar = {0}, log = {0};
	struct err e = ERR_INIT;
	size_t len;

	(void)state;
	craft_file(&tar, "a", "content");
	len = tar.len;
	/* at its very start there is just nothing; everywhere else something is missing */
	for (tar.len = 1; tar.len < len; tar.len++)
		assert_int_equal(read_all(&tar, tar_take_memory, &log, &e), -EBADMSG);
}

static void test_numbers(void **state)
{
	_cleanup_strbuf_ struct strbuf tar = {0};
	struct tar_memory mem;
	_cleanup_(tar_reader_free) struct tar_reader t = {.take = tar_take_memory,
		.ctx = &mem,
		.shown = "sample.apk",
		.limits = {.max_unpacked = 1000, .max_files = 1}};
	struct err e = ERR_INIT;

	(void)state;
	craft_header(&tar, '3', "null", NULL, 0);
	memcpy(craft_last(&tar) + AT_MODE, "0106755", 7);
	memcpy(craft_last(&tar) + AT_UID, "77777777", 8);
	memcpy(craft_last(&tar) + AT_MTIME, "777777777777", 12);
	memcpy(craft_last(&tar) + AT_MAJOR, "0000001", 7);
	memcpy(craft_last(&tar) + AT_MINOR, "0000003", 7);
	memcpy(craft_last(&tar) + AT_UNAME, "abcdefghijklmnopqrstuvwxyz012345", 32);
	craft_fix_sum(craft_last(&tar));
	mem = (struct tar_memory){(const uint8_t *)tar.s, tar.len};
	assert_int_equal(tar_next(&t, &e), 1);
	assert_int_equal(t.en.type, APK_CHAR);
	assert_int_equal(t.en.mode, 06755);
	assert_int_equal(t.en.uid, 077777777);
	assert_int_equal(t.en.mtime, 0777777777777);
	assert_int_equal(t.en.major, 1);
	assert_int_equal(t.en.minor, 3);
	assert_string_equal(t.en.uname, "abcdefghijklmnopqrstuvwxyz012345");
	assert_string_equal(t.en.gname, "root");
	assert_int_equal(tar_next(&t, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialect),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_pax_records),
		cmocka_unit_test(test_not_cut),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
