// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Reading packages: what apk's verify matrix says of crafted files, contents, limits. Every row of
 * the tables is a package that differs from a good one in one thing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "chroot/base/fs.h"
#include "tests/unit/apk_craft_keys.h"

#define INFO                                                                                       \
	"# made by hand\npkgname = sample\npkgver = 1.2-r3\npkgdesc = a = b\narch = aarch64\n"     \
	"size = 4096\ndepend = musl>=1.2\ndepend = !other\nprovides = cmd:x=1\n"                   \
	"replaces = old<2\nreplaces_priority = 5\ntriggers = /a/* /b\npackager = me\nfuture = 1\n"

/* ---- making ---- */

enum {
	SIG_NONE = 1,
	SIG_EOA,
	SIG_TWO_UNKNOWN_FIRST,
	SIG_TWO_MEMBERS,
	SIG_BAD_THEN_GOOD,
	SIG_PAX,
	SIG_STRANGER,
	SIG_SHA256,
	SIG_SHA512,
	SIG_HUGE_FIRST,
	SIG_SAME_NAME,
	SIG_DSA,
	SIG_SHARED,
	CONTROL_EOA,
	CONTROL_FILE,
	CONTROL_INSTALL,
	CONTROL_TWO_INFOS,
	CONTROL_NO_INFO,
	CONTROL_NO_DATAHASH,
	CONTROL_WRONG_DATAHASH,
	CONTROL_BIG,
	CONTROL_SCRIPTS,
	CONTROL_BIG_SCRIPT,
	CONTROL_BAD_NAME,
	CONTROL_BAD_DEP,
	CONTROL_NO_VERSION,
	CONTROL_BAD_NUMBER,
	CONTROL_BAD_HASH,
	CONTROL_TWICE,
	CONTROL_NO_END,
	CONTROL_NUL,
	CONTROL_ALTERED,
	CONTROL_SCRIPT_LINK,
	DATA_NO_EOA,
	DATA_TWO_MEMBERS,
	DATA_MISSING,
	DATA_CUT,
	DATA_ALTERED,
	DATA_ODD,
	END_GARBAGE,
	END_ZEROS,
	END_EMPTY_MEMBER,
	END_MORE_FILES,
	CUT_IN_CONTROL,
	V3_PLAIN,
	V3_DEFLATE,
	V3_ZSTD,
	NOT_GZIP,
	EMPTY_FILE,
	ONLY_GZIP_MAGIC
};

static void good_data(struct strbuf *tar)
{
	craft_header(tar, '5', "usr/", NULL, 0);
	craft_file(tar, "usr/file", "hello\n");
	craft_symlink(tar, "usr/link", "../../anywhere at all");
	craft_header(tar, '1', "usr/hard", "usr/file", 0);
	craft_entry(tar, '0', ".dummy", NULL, "", 0);
}

static void make_data(struct strbuf *gz, int how, void (*fill)(struct strbuf *tar))
{
	_cleanup_strbuf_ struct strbuf tar = {0}, more = {0};

	fill(&tar);
	if (how != DATA_NO_EOA)
		craft_zero_blocks(&tar, 2);
	if (how == DATA_ODD)
		strbuf_add(&tar, "\0\0\0", 3);
	craft_gzip(gz, tar.s, how == DATA_TWO_MEMBERS ? 1024 : tar.len, 6);
	if (how == DATA_TWO_MEMBERS)
		craft_gzip(gz, tar.s + 1024, tar.len - 1024, 6);
}

static void add_scripts(struct strbuf *tar, int how)
{
	_cleanup_strbuf_ struct strbuf big = {0};

	if (how == CONTROL_SCRIPTS) {
		craft_entry(tar, '0', ".pre-install", NULL, "#!/bin/sh\n\0x", 12);
		craft_entry(tar, '0', ".trigger", NULL, "t", 1);
		craft_entry(tar, '0', ".something-else", NULL, "t", 1);
	}
	if (how == CONTROL_SCRIPT_LINK)
		craft_header(tar, '2', ".trigger", "/etc/passwd", 0);
	if (how != CONTROL_BIG_SCRIPT && how != CONTROL_BIG)
		return;
	while (big.len < (how == CONTROL_BIG ? 17U << 20 : 300000))
		strbuf_adds(&big, "the same again and again, as it packs so well\n");
	craft_entry(
		tar, '0', how == CONTROL_BIG ? ".other" : ".post-install", NULL, big.s, big.len);
}

static const struct {
	int how;
	const char *lines;
} infos[] = {
	{CONTROL_BAD_NAME, "pkgname = ../sample\npkgver = 1\n"},
	{CONTROL_BAD_DEP, INFO "depend = a=!\n"},
	{CONTROL_NO_VERSION, "pkgname = sample\n"},
	{CONTROL_BAD_NUMBER, "pkgname = sample\npkgver = 1\n\nsize = 12x\n"},
	{CONTROL_BAD_HASH, INFO "datahash = 00\n"},
	{CONTROL_TWICE, "pkgname = ../x\npkgver = 2\nsize = 1\n" INFO},
	/* a last line without an end counts, as for apk 2.14 and 3 */
	{CONTROL_NO_END,
		"pkgname = sample\npkgver = 1\n"
		"datahash = 00000000000000000000000000000000000000000000000000000000000000ff"},
	{CONTROL_WRONG_DATAHASH, INFO
		"datahash = 00000000000000000000000000000000000000000000000000000000000000ff\n"},
};

static void make_control(struct strbuf *gz, int how, const struct strbuf *data)
{
	_cleanup_strbuf_ struct strbuf tar = {0};
	bool hash = how != CONTROL_NO_DATAHASH && how != CONTROL_WRONG_DATAHASH &&
		    how != CONTROL_NO_END;
	const char *lines = INFO;

	for (size_t i = 0; i < ARRAY_SIZE(infos); i++)
		if (infos[i].how == how)
			lines = infos[i].lines;
	if (how == SIG_SHARED)
		craft_entry(&tar, '0', ".SIGN.RSA.x.pub", NULL, "x", 1);
	if (how == CONTROL_INSTALL)
		craft_entry(&tar, '0', ".INSTALL", NULL, "x", 1);
	if (how != CONTROL_NO_INFO)
		craft_pkginfo(&tar, lines, hash ? data->s : NULL, data->len);
	else
		craft_entry(&tar, '0', ".trigger", NULL, "x", 1);
	if (how == CONTROL_TWO_INFOS)
		craft_pkginfo(&tar, lines, data->s, data->len);
	if (how == CONTROL_FILE)
		craft_entry(&tar, '0', "usr", NULL, "x", 1);
	if (how == CONTROL_NUL)
		tar.s[CRAFT_BLOCK + 3] = '\0';
	add_scripts(&tar, how);
	if (how == CONTROL_EOA)
		craft_zero_blocks(&tar, 2);
	craft_gzip(gz, tar.s, tar.len, 9);
}

static void make_signature(struct strbuf *gz, int how, const struct strbuf *control)
{
	_cleanup_strbuf_ struct strbuf tar = {0}, huge = {0}, pax = {0};
	const char *c = control->s;
	size_t n = control->len;

	switch (how) {
	case SIG_NONE:
	case SIG_SHARED:
		return;
	case SIG_STRANGER:
		craft_sign(&tar, ".SIGN.RSA.stranger.pub", stranger, HASH_SHA1, c, n);
		break;
	case SIG_SAME_NAME: /* another key that claims to be a trusted one */
		craft_sign(&tar, ".SIGN.RSA.a.pub", stranger, HASH_SHA1, c, n);
		break;
	case SIG_SHA256:
		craft_sign(&tar, ".SIGN.RSA256.a.pub", key_a, HASH_SHA256, c, n);
		break;
	case SIG_SHA512:
		craft_sign(&tar, ".SIGN.RSA512.b.pub", key_b, HASH_SHA512, c, n);
		break;
	case SIG_DSA:
		craft_sign(&tar, ".SIGN.DSA.a.pub", key_a, HASH_SHA1, c, n);
		break;
	case SIG_BAD_THEN_GOOD:
		craft_sign(&tar, ".SIGN.RSA.a.pub", key_a, HASH_SHA1, "something else", 14);
		craft_sign(&tar, ".SIGN.RSA.b.pub", key_b, HASH_SHA1, c, n);
		break;
	case SIG_TWO_UNKNOWN_FIRST:
	case SIG_TWO_MEMBERS:
		craft_sign(&tar, ".SIGN.RSA.stranger.pub", stranger, HASH_SHA1, c, n);
		if (how == SIG_TWO_MEMBERS) {
			craft_gzip(gz, tar.s, tar.len, 9);
			strbuf_reset(&tar);
		}
		craft_sign(&tar, ".SIGN.RSA.b.pub", key_b, HASH_SHA1, c, n);
		break;
	case SIG_HUGE_FIRST: /* apk 3 passes over it although its key is known */
		while (huge.len <= 65536)
			strbuf_addc(&huge, 'x');
		craft_entry(&tar, '0', ".SIGN.RSA.a.pub", NULL, huge.s, huge.len);
		craft_sign(&tar, ".SIGN.RSA.b.pub", key_b, HASH_SHA1, c, n);
		break;
	case SIG_PAX:
		craft_record(&pax, "mtime", "17.5", 4);
		craft_pax(&tar, pax.s, pax.len);
		/* fallthrough */
	default:
		craft_sign(&tar, ".SIGN.RSA.a.pub", key_a, HASH_SHA1, c, n);
	}
	if (how == SIG_EOA)
		craft_zero_blocks(&tar, 2);
	craft_gzip(gz, tar.s, tar.len, 9);
}

static void add_end(struct strbuf *apk, int how)
{
	static const char zeros[1024];
	_cleanup_strbuf_ struct strbuf tar = {0};

	if (how == END_GARBAGE)
		strbuf_adds(apk, "garbage");
	if (how == END_ZEROS)
		strbuf_add(apk, zeros, sizeof(zeros));
	if (how == END_EMPTY_MEMBER)
		craft_gzip(apk, NULL, 0, 9);
	if (how == END_MORE_FILES) {
		good_data(&tar);
		craft_gzip(apk, tar.s, tar.len, 9);
	}
}

static const struct {
	int how;
	const char *start;
	size_t len;
} starts[] = {
	{V3_PLAIN, "ADB.pckg", 8},
	{V3_DEFLATE, "ADBd\x01", 5},
	{V3_ZSTD, "ADBc\x02\x01", 6},
	{NOT_GZIP, "BZh9 and more", 13},
	{EMPTY_FILE, "", 0},
	{ONLY_GZIP_MAGIC, "\x1f\x8b", 2},
};

/* The identity, if wanted, is that of the control part as it was before anything altered it. */
static void make(
	struct strbuf *apk, int how, void (*fill)(struct strbuf *tar), struct hash *identity)
{
	_cleanup_strbuf_ struct strbuf data = {0}, control = {0};
	struct hash sum;

	strbuf_add(apk, "", 0);
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (starts[i].how == how)
			strbuf_add(apk, starts[i].start, starts[i].len);
	if (how >= V3_PLAIN)
		return;
	make_data(&data, how, fill);
	make_control(&control, how, &data);
	hash_buf(HASH_SHA1, control.s, control.len, &sum);
	if (identity)
		*identity = sum;
	make_signature(apk, how, &control);
	if (how ==
		CONTROL_ALTERED) /* another operating system in the gzip header: unpacks as well */
		control.s[9] = 7;
	if (how == DATA_ALTERED)
		data.s[9] = 7;
	strbuf_add(apk, control.s, how == CUT_IN_CONTROL ? control.len - 20 : control.len);
	if (how != DATA_MISSING && how != CUT_IN_CONTROL)
		strbuf_add(apk, data.s, how == DATA_CUT ? data.len - 9 : data.len);
	add_end(apk, how);
}

/* ---- the verify matrix ---- */

struct expectation {
	int how;
	int by_key; /* result with trusted keys */
	int by_identity; /* result with the identity of the index: no signature is looked at */
	const char *says; /* part of the message */
};

static const struct expectation matrix[] = {
	{0, 0, 0, NULL},
	{SIG_SHA256, 0, 0, NULL},
	{SIG_SHA512, 0, 0, NULL},
	{SIG_TWO_UNKNOWN_FIRST, 0, 0, NULL},
	{SIG_TWO_MEMBERS, 0, 0, NULL},
	{SIG_PAX, 0, 0, NULL},
	{SIG_HUGE_FIRST, 0, 0, NULL},
	{SIG_BAD_THEN_GOOD, -EKEYREJECTED, 0, "but its control part has"},
	{SIG_SAME_NAME, -EKEYREJECTED, 0, "was not made by the trusted key 'a.pub'"},
	{SIG_STRANGER, -EKEYREJECTED, 0,
		"signed by stranger.pub, which is not among the trusted keys (a.pub, b.pub)"},
	{SIG_NONE, -EKEYREJECTED, 0, "is not signed"},
	{SIG_DSA, -EKEYREJECTED, 0, "no signature of a kind"},
	{SIG_EOA, -EBADMSG, -EBADMSG, "end marker"},
	{SIG_SHARED, -EBADMSG, -EBADMSG, "in one gzip member with a signature"},
	{CONTROL_EOA, -EBADMSG, -EBADMSG, "end marker"},
	{CONTROL_FILE, -EBADMSG, -EBADMSG, "the file 'usr' is in its control part"},
	{CONTROL_INSTALL, -EBADMSG, -EBADMSG, ".INSTALL"},
	{CONTROL_TWO_INFOS, -EBADMSG, -EBADMSG, ".PKGINFO"},
	{CONTROL_NO_INFO, -EBADMSG, -EBADMSG, "no .PKGINFO"},
	{CONTROL_NO_DATAHASH, -EBADMSG, -EBADMSG, "no datahash"},
	{CONTROL_WRONG_DATAHASH, -EBADMSG, -EBADMSG, "000000ff, found is "},
	{CONTROL_BIG, -EFBIG, -EFBIG, "control part unpacks to more than 16777216"},
	{CONTROL_BIG_SCRIPT, -EFBIG, -EFBIG, ".post-install"},
	{CONTROL_SCRIPTS, 0, 0, NULL},
	{CONTROL_SCRIPT_LINK, -EBADMSG, -EBADMSG, "no regular file"},
	{CONTROL_BAD_NAME, -EBADMSG, -EBADMSG, "'../sample'"},
	{CONTROL_BAD_DEP, -EBADMSG, -EBADMSG, "depend"},
	{CONTROL_NO_VERSION, -EBADMSG, -EBADMSG, "pkgver"},
	{CONTROL_BAD_NUMBER, -EBADMSG, -EBADMSG,
		".PKGINFO cannot be used: line 4: field size: '12x' is not a number"},
	{CONTROL_BAD_HASH, -EBADMSG, -EBADMSG, ": field datahash: '00' is not a hash"},
	{CONTROL_TWICE, 0, 0, NULL},
	{CONTROL_NO_END, -EBADMSG, -EBADMSG, "datahash in .PKGINFO is 0000"},
	{CONTROL_NUL, -EBADMSG, -EBADMSG, "zero byte"},
	{CONTROL_ALTERED, -EKEYREJECTED, -EBADMSG, NULL},
	{DATA_NO_EOA, 0, 0, NULL},
	{DATA_TWO_MEMBERS, -EBADMSG, -EBADMSG, NULL},
	{DATA_MISSING, -EBADMSG, -EBADMSG, "data is missing"},
	{DATA_CUT, -EBADMSG, -EBADMSG, "interrupted download"},
	{DATA_ALTERED, -EBADMSG, -EBADMSG, "datahash in .PKGINFO is"},
	{DATA_ODD, -EBADMSG, -EBADMSG, "in the middle of an entry"},
	{END_GARBAGE, -EBADMSG, -EBADMSG, "not gzip data"},
	{END_ZEROS, -EBADMSG, -EBADMSG, "not gzip data"},
	{END_EMPTY_MEMBER, -EBADMSG, -EBADMSG, "another gzip member"},
	{END_MORE_FILES, -EBADMSG, -EBADMSG, "another gzip member"},
	{CUT_IN_CONTROL, -EBADMSG, -EBADMSG, "ends too early"},
	{V3_PLAIN, -EPROTONOSUPPORT, -EPROTONOSUPPORT, "apk v3"},
	{V3_DEFLATE, -EPROTONOSUPPORT, -EPROTONOSUPPORT, "apk v3"},
	{V3_ZSTD, -EPROTONOSUPPORT, -EPROTONOSUPPORT, "apk v3"},
	{NOT_GZIP, -EBADMSG, -EBADMSG, "not an apk package"},
	{EMPTY_FILE, -EBADMSG, -EBADMSG, "is empty"},
	{ONLY_GZIP_MAGIC, -EBADMSG, -EBADMSG, "ends too early"},
};

static int read_bytes(const struct strbuf *apk, const struct hash *identity,
	const struct apk_keys *trusted, const struct apk_limits *limits,
	const struct apk_reader_ops *ops, void *ctx, struct err *e)
{
	_cleanup_close_ int fd = craft_fd(apk);

	err_clear(e);
	return apk_read(fd, "sample.apk", identity, trusted, limits, ops, ctx, e);
}

static void expect(
	const char *what, size_t row, int got, int want, const char *says, const struct err *e)
{
	if (got != want)
		fail_msg("%s %zu: %d instead of %d: %s", what, row, got, want, e->text);
	if (want == 0)
		return;
	if (!strstr(e->text, "sample.apk"))
		fail_msg("%s %zu: the file is not named: %s", what, row, e->text);
	if (says && !strstr(e->text, says))
		fail_msg("%s %zu: no \"%s\" in: %s", what, row, says, e->text);
}

static void test_matrix(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(matrix); i++) {
		_cleanup_strbuf_ struct strbuf apk = {0};
		const struct expectation *x = &matrix[i];
		struct hash identity = {.alg = HASH_SHA1, .len = 20};

		make(&apk, x->how, good_data, &identity);
		expect("key", i, read_bytes(&apk, NULL, keys, NULL, NULL, NULL, &e), x->by_key,
			x->says, &e);
		expect("identity", i, read_bytes(&apk, &identity, keys, NULL, NULL, NULL, &e),
			x->by_identity, x->by_key == x->by_identity ? x->says : NULL, &e);
	}
}

static void test_identity(void **state)
{
	_cleanup_strbuf_ struct strbuf apk = {0};
	struct err e = ERR_INIT;
	struct hash identity;
	char *text;

	(void)state;
	make(&apk, 0, good_data, &identity);
	identity.b[3] ^= 1;
	text = apk_identity_text(&identity);
	assert_int_equal(read_bytes(&apk, &identity, keys, NULL, NULL, NULL, &e), -EBADMSG);
	assert_non_null(strstr(e.text, text));
	free(text);
	identity.alg = HASH_SHA512;
	assert_int_equal(read_bytes(&apk, &identity, NULL, NULL, NULL, NULL, &e), -EINVAL);
}

/* ---- contents ---- */

static void no_checksum(struct strbuf *tar)
{
	craft_entry(tar, '0', "usr", NULL, "x", 1);
}

static void link_no_checksum(struct strbuf *tar)
{
	craft_header(tar, '2', "usr", "x", 0);
}

static void false_checksum(struct strbuf *tar)
{
	craft_checksum(tar, "good", 4, NULL, NULL);
	craft_entry(tar, '0', "usr", NULL, "evil", 4);
}

static void link_false_checksum(struct strbuf *tar)
{
	craft_checksum(tar, "good", 4, NULL, NULL);
	craft_header(tar, '2', "usr", "evil", 0);
}

static void dot_slash(struct strbuf *tar)
{
	craft_header(tar, '5', "./", NULL, 0);
	craft_file(tar, "./file", "x");
}

static void cut_entry(struct strbuf *tar)
{
	craft_file(tar, "a", "x");
	tar->len -= CRAFT_BLOCK;
}

static void test_contents(void **state)
{
	static const struct {
		void (*fill)(struct strbuf *tar);
		const char *says;
	} rows[] = {
		{no_checksum, "'usr' has no APK-TOOLS.checksum.SHA1"},
		{link_no_checksum, "'usr' has no APK-TOOLS.checksum.SHA1"},
		{false_checksum, "the content of 'usr' does not match"},
		{link_false_checksum, "the content of 'usr' does not match"},
		{dot_slash, "starts with './'"},
		{cut_entry, "sample.apk"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_strbuf_ struct strbuf apk = {0};
		struct err e = ERR_INIT;

		make(&apk, 0, rows[i].fill, NULL);
		expect("contents", i, read_bytes(&apk, NULL, keys, NULL, NULL, NULL, &e), -EBADMSG,
			rows[i].says, &e);
	}
}

/* ---- what the reader gives ---- */

struct seen {
	struct strbuf log;
	int fail_at; /* which call fails */
	int calls;
};

static int count(struct seen *s, struct err *e)
{
	return ++s->calls == s->fail_at ? err_set(e, -EDQUOT, "no room") : 0;
}

static int on_control(void *ctx, const struct apk_control *c, struct err *e)
{
	struct seen *s = ctx;

	strbuf_addf(&s->log, "%s %s by %s;", c->pkg.name, c->pkg.version,
		c->signed_by ? c->signed_by : "-");
	return count(s, e);
}

static int on_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	struct seen *s = ctx;

	strbuf_addf(&s->log, " %d %s", (int)en->type, en->name);
	if (en->link)
		strbuf_addf(&s->log, " -> %s", en->link);
	for (size_t i = 0; i < en->n_xattrs; i++)
		strbuf_addf(&s->log, " [%s=%.*s]", en->xattrs[i].name, (int)en->xattrs[i].len,
			(const char *)en->xattrs[i].value);
	return count(s, e);
}

static int on_data(void *ctx, const void *p, size_t n, struct err *e)
{
	struct seen *s = ctx;

	strbuf_addf(&s->log, " \"%.*s\"", n > 100 ? 1 : (int)n, (const char *)p);
	return count(s, e);
}

static int on_end(void *ctx, struct err *e)
{
	struct seen *s = ctx;

	strbuf_adds(&s->log, " end");
	return count(s, e);
}

static const struct apk_reader_ops ops = {on_control, on_entry, on_data, on_end};

static void rich_data(struct strbuf *tar)
{
	_cleanup_strbuf_ struct strbuf name = {0}, pax = {0};

	good_data(tar);
	craft_entry(tar, 'g', "global", NULL, "12 path=evil\n", 13);
	/* a legacy package's checksum in the link field of a regular file */
	craft_checksum(tar, "x", 1, NULL, NULL);
	craft_header(tar, '0', "legacy", "APK2@", 1);
	strbuf_adds(tar, "x");
	craft_pad(tar);
	craft_entry(tar, 'L', "././@LongLink", NULL, "a/long/name", 12);
	craft_header(tar, '5', "a/sho", NULL, 0);
	craft_record(&pax, "SCHILY.xattr.user.one", "1", 1);
	craft_record(&pax, "LIBARCHIVE.xattr.user.no", "MQ==", 4);
	craft_record(&pax, "SCHILY.xattr.security.capability", "2=", 2);
	craft_record(&pax, "linkpath", "a longer target", 15);
	craft_record(
		&pax, "APK-TOOLS.checksum.SHA1", "B6589FC6AB0DC82CF12099D1C2D40AB994E8410C", 40);
	craft_pax(tar, pax.s, pax.len);
	craft_entry(tar, '7', "zero", NULL, "0", 1);
	craft_header(tar, '5', "name", NULL, 0);
	memcpy(craft_last(tar) + AT_PREFIX, "pre/fix", 7);
	craft_fix_sum(craft_last(tar));
	craft_header(tar, '5', ".hidden", NULL, 0);
	craft_header(tar, '4', "dev", NULL, 0);
}

static void test_entries(void **state)
{
	_cleanup_strbuf_ struct strbuf apk = {0};
	struct seen s = {0};
	struct err e = ERR_INIT;

	(void)state;
	make(&apk, SIG_SHA256, rich_data, NULL);
	assert_int_equal(read_bytes(&apk, NULL, keys, NULL, &ops, &s, &e), 0);
	assert_string_equal(s.log.s, "sample 1.2-r3 by a.pub; 1 usr 0 usr/file \"hello\n\" end"
				     " 2 usr/link -> ../../anywhere at all 3 usr/hard -> usr/file"
				     " 0 legacy \"x\" end 1 a/long/name"
				     " 0 zero [user.one=1] [security.capability=2=] \"0\" end"
				     " 1 pre/fix/name 5 dev");
	strbuf_free(&s.log);
}

static void big_data(struct strbuf *tar)
{
	_cleanup_strbuf_ struct strbuf content = {0};
	uint32_t random = 1;

	while (content.len < 5000000) {
		random = random * 1103515245 + 12345;
		strbuf_add(&content, &random, 3);
	}
	craft_checksum(tar, content.s, content.len, NULL, NULL);
	craft_entry(tar, '0', "big", NULL, content.s, content.len);
	craft_file(tar, "after", "x");
}

/* A consumer that gives up, at every place there is, while the thread is far ahead. */
static void test_abort(void **state)
{
	_cleanup_strbuf_ struct strbuf apk = {0};
	struct seen s = {0};
	struct err e = ERR_INIT;
	int calls;

	(void)state;
	make(&apk, 0, big_data, NULL);
	assert_int_equal(read_bytes(&apk, NULL, keys, NULL, &ops, &s, &e), 0);
	calls = s.calls;
	assert_true(calls > 30); /* several rounds of the ring */
	for (int i = 1; i <= calls; i++) {
		s.calls = 0;
		s.fail_at = i;
		assert_int_equal(read_bytes(&apk, NULL, keys, NULL, &ops, &s, &e), -EDQUOT);
		assert_string_equal(e.text, "no room");
	}
	strbuf_free(&s.log);
}

static void long_name_data(struct strbuf *tar)
{
	_cleanup_strbuf_ struct strbuf name = {0};

	while (name.len < 1024)
		strbuf_adds(&name, "a/234567");
	strbuf_addc(&name, 'x');
	craft_checksum(tar, "x", 1, "path", name.s);
	craft_entry(tar, '0', "short", NULL, "x", 1);
}

static void long_link_data(struct strbuf *tar)
{
	craft_file(tar, "a23456789", "x");
	craft_header(tar, '1', "b", "a23456789", 0);
}

static void sparse_data(struct strbuf *tar)
{
	_cleanup_free_ char *zero = xcalloc(1, APK_RATIO_FREE);

	craft_checksum(tar, zero, APK_RATIO_FREE, NULL, NULL);
	craft_entry(tar, '0', "zero", NULL, zero, APK_RATIO_FREE);
}

static void test_limits(void **state)
{
	static const struct {
		void (*fill)(struct strbuf *tar);
		struct apk_limits limits;
		int calls; /* what was given before it was refused */
		const char *says;
	} rows[] = {
		/* refused at its header, before any of its bytes */
		{big_data, {.max_unpacked = 4000000}, 1, "max_unpacked"},
		{big_data, {.max_files = 1}, 0, "more files and folders than the 1 that"},
		{big_data, {.max_files = 1}, 0, "packages.max_files in pmkmod.ini"},
		{big_data, {.max_unpacked = 6000000}, 0, NULL},
		{big_data, {.max_files = 2, .max_name = 5}, 0, NULL},
		{big_data, {.max_name = 4}, 0, "the name 'after'... has 5 bytes, more than the 4"},
		{big_data, {.max_name = 4}, 0, "packages.max_name=N, sets that limit, which is 4"},
		{big_data, {.max_ratio = 1}, 0, NULL}, /* too little for that */
		{long_name_data, {0}, 1, "has 1025 bytes, more than the 1024 that one may have"},
		{long_name_data, {.max_name = 1025}, 0, NULL},
		{long_link_data, {.max_name = 9}, 0, NULL},
		{long_link_data, {.max_name = 8}, 1, "the name 'a23456789'... has 9 bytes"},
		{sparse_data, {.max_ratio = 500}, 1, "times its own size of "},
		{sparse_data, {.max_ratio = 500}, 1, "packages.max_ratio"},
		{sparse_data, {.max_ratio = 1100}, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_strbuf_ struct strbuf apk = {0};
		struct seen s = {0};
		struct err e = ERR_INIT;

		make(&apk, 0, rows[i].fill, NULL);
		expect("limit", i, read_bytes(&apk, NULL, keys, &rows[i].limits, &ops, &s, &e),
			rows[i].says ? -EFBIG : 0, rows[i].says, &e);
		if (rows[i].calls && s.calls != rows[i].calls)
			fail_msg("row %zu: %d calls: %s", i, s.calls, s.log.s);
		strbuf_free(&s.log);
	}
}

static void test_limits_set(void **state)
{
	const struct apk_limits low = {.max_files = 1}, high = {.max_files = 1000000};
	const struct apk_limits own = {.max_files = 2};
	_cleanup_strbuf_ struct strbuf apk = {0};
	struct err e = ERR_INIT;

	(void)state;
	make(&apk, 0, big_data, NULL);
	apk_limits_set(&low);
	assert_int_equal(read_bytes(&apk, NULL, keys, NULL, NULL, NULL, &e), -EFBIG);
	assert_int_equal(read_bytes(&apk, NULL, keys, &own, NULL, NULL, &e), 0);
	apk_limits_set(&high);
	assert_int_equal(read_bytes(&apk, NULL, keys, NULL, NULL, NULL, &e), 0);
}

/*
 * Each byte changed, each length cut: a crash never, and accepted only where nothing is signed, in
 * the gzip data of the signature member itself (its time, or another way to pack the same).
 */
static void test_damage(void **state)
{
	_cleanup_strbuf_ struct strbuf apk = {0};
	struct err e = ERR_INIT;
	const char *control;
	size_t len;

	(void)state;
	make(&apk, 0, good_data, NULL);
	len = apk.len;
	control = memmem(apk.s + 1, len - 1, "\x1f\x8b\x08\0\0\0\0\0", 8);
	assert_non_null(control);
	for (size_t i = 0; i < len; i++) {
		apk.s[i] ^= 0x10;
		if (read_bytes(&apk, NULL, keys, NULL, NULL, NULL, &e) == 0)
			assert_true(apk.s + i < control);
		apk.s[i] ^= 0x10;
	}
	for (apk.len = 0; apk.len < len; apk.len++)
		assert_true(read_bytes(&apk, NULL, keys, NULL, NULL, NULL, &e) < 0);
}

/* ---- control and single files ---- */

static char *to_file(const struct strbuf *apk)
{
	char *path = path_join(keys_dir, "sample.apk");

	assert_int_equal(fs_write_atomic(path, apk->s, apk->len, 0644, NULL), 0);
	return path;
}

static void test_control(void **state)
{
	_cleanup_strbuf_ struct strbuf apk = {0};
	_cleanup_free_ char *path = NULL;
	struct apk_control c;
	struct hash identity;
	struct err e = ERR_INIT;

	(void)state;
	make(&apk, CONTROL_SCRIPTS, good_data, &identity);
	path = to_file(&apk);
	assert_int_equal(apk_read_control(path, keys, &c, &e), 0);
	assert_string_equal(c.pkg.name, "sample");
	assert_string_equal(c.pkg.desc, "a = b");
	assert_string_equal(c.pkg.packager, "me");
	assert_int_equal(c.pkg.installed_size, 4096);
	assert_int_equal(c.pkg.size, apk.len);
	assert_int_equal(c.pkg.replaces_priority, 5);
	assert_int_equal(c.pkg.depends.n, 2);
	assert_true(c.pkg.depends.v[1].conflict);
	assert_int_equal(c.pkg.triggers.n, 2);
	assert_string_equal(c.pkg.triggers.v[1], "/b");
	assert_true(hash_eq(&c.pkg.identity, &identity));
	assert_int_equal(c.pkg.datahash.alg, HASH_SHA256);
	assert_int_equal(c.script_len[APK_PRE_INSTALL], 12);
	assert_string_equal(c.script[APK_TRIGGER], "t");
	assert_null(c.script[APK_POST_INSTALL]);
	assert_string_equal(c.signed_by, "a.pub");
	apk_control_free(&c);
	assert_int_equal(apk_read_control("/nonexistent/x.apk", keys, &c, &e), -ENOENT);
	apk_control_free(&c);
}

static void test_file(void **state)
{
	_cleanup_strbuf_ struct strbuf apk = {0};
	_cleanup_free_ char *path = NULL;
	struct err e = ERR_INIT;
	char *out = NULL;
	size_t len = 0;

	(void)state;
	make(&apk, 0, rich_data, NULL);
	path = to_file(&apk);
	assert_int_equal(apk_read_file(path, "usr/file", 6, &out, &len, &e), 0);
	assert_int_equal(len, 6);
	assert_string_equal(out, "hello\n");
	free(out);
	assert_int_equal(apk_read_file(path, "usr/file", 5, &out, &len, &e), -EFBIG);
	assert_int_equal(apk_read_file(path, "usr/none", 5, &out, &len, &e), -ENOENT);
	assert_int_equal(apk_read_file(path, "usr/link", 5, &out, &len, &e), -EINVAL);
	assert_non_null(strstr(e.text, "anywhere at all"));
	assert_int_equal(apk_read_file("/nonexistent", "a", 5, &out, &len, &e), -ENOENT);
}

/* ---- keys ---- */

static void test_keys(void **state)
{
	char dir[] = "/tmp/test-apk-keys-XXXXXX";
	_cleanup_strvec_ struct strvec dirs = {0};
	_cleanup_free_ char *bad = NULL;
	struct apk_keys *k = NULL;
	struct err e = ERR_INIT;
	char *names = apk_keys_names(keys);

	(void)state;
	assert_string_equal(names, "a.pub, b.pub");
	free(names);
	assert_int_equal(apk_keys_count(keys), 2);
	assert_non_null(mkdtemp(dir));
	strvec_add(&dirs, dir);
	assert_int_equal(apk_keys_load(&k, &dirs, &e), 0);
	assert_int_equal(apk_keys_count(k), 0);
	apk_keys_free(k);
	bad = path_join(dir, "bad.pub");
	assert_int_equal(fs_write_atomic(bad, "nonsense", 8, 0644, NULL), 0);
	assert_int_equal(apk_keys_load(&k, &dirs, &e), -EINVAL);
	assert_non_null(strstr(e.text, bad));
	assert_null(k);
	strvec_add(&dirs, "/nonexistent");
	unlink(bad);
	assert_int_equal(apk_keys_load(&k, &dirs, &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent"));
	apk_keys_free(NULL);
	fs_remove_tree(dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matrix),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_limits_set),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, keys_set_up, keys_tear_down);
}
