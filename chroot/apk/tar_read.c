// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/apk/tar_read.h"

#include "chroot/apk/tar_limit.h"
#include "chroot/apk/tar_pax.h"

#define BLOCK 512
/* Names apk takes: its temporary names must still fit. */
#define NAME_LIMIT (PATH_MAX - 10)
/* More than any real set of extended attributes; what is held in memory of one entry. */
#define EXTENSION_MAX (1U << 20)

/* The header, POSIX.1-1988; everything is char, so there is no padding. */
struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
	char link[100], magic[8], uname[32], gname[32], major[8], minor[8], prefix[155], unused[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK, "ustar header");

#define SHOWN_NAME 200

/* What a stranger packed goes to a terminal: no control characters. */
static const char *printable(char out[SHOWN_NAME + 1], const char *name, size_t max)
{
	size_t n = strnlen(name, max < SHOWN_NAME ? max : SHOWN_NAME);

	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)name[i] < 0x20 || name[i] == 0x7f ? '?' : name[i];
	out[n] = '\0';
	return out;
}

static int refuse(const struct tar_reader *t, const char *name, const char *why, struct err *e)
{
	char text[SHOWN_NAME + 1];

	return err_set(e, -EBADMSG, "%s: the entry '%s' %s", t->shown,
		printable(text, name, SHOWN_NAME), why);
}

const char *apk_path_problem(const char *name)
{
	const char *s = name;

	if (starts_with(name, "./") || streq(name, "."))
		return "starts with './', which apk silently leaves out; pack the names without it";
	if (strlen(name) >= NAME_LIMIT)
		return "has a name that is too long";
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return "has a control character in its name";
	if (*s == '/')
		return "has an absolute name";
	for (;;) {
		size_t n = strcspn(s, "/");

		if (!n)
			return "has an empty component in its name";
		if (n <= 2 && memcmp(s, "..", n) == 0)
			return n == 1 ? "has a component '.' in its name"
				      : "has a component '..' in its name";
		s += n;
		if (!*s++)
			return NULL;
	}
}

/* ---- bytes ---- */

int tar_take_memory(void *ctx, size_t want, const uint8_t **p, size_t *got, struct err *e)
{
	struct tar_memory *m = ctx;

	(void)e;
	*p = m->p;
	*got = want < m->left ? want : m->left;
	m->p += *got;
	m->left -= *got;
	return 0;
}

static int cut_off(const struct tar_reader *t, struct err *e)
{
	return err_set(e, -EBADMSG, "%s: its tar archive ends in the middle of an entry", t->shown);
}

/* A whole block into t->header: 1, or 0 at the end. */
static int take_block(struct tar_reader *t, struct err *e)
{
	size_t have = 0, got;
	const uint8_t *p;

	while (have < BLOCK) {
		int r = t->take(t->ctx, BLOCK - have, &p, &got, e);

		if (r < 0)
			return r;
		if (!got)
			return have ? cut_off(t, e) : 0;
		memcpy(t->header + have, p, got);
		have += got;
	}
	return 1;
}

static int skip(struct tar_reader *t, uint64_t *left, struct err *e)
{
	const uint8_t *p;
	size_t got;

	while (*left) {
		int r = t->take(t->ctx, *left < SIZE_MAX ? (size_t)*left : SIZE_MAX, &p, &got, e);

		if (r < 0)
			return r;
		if (!got)
			return cut_off(t, e);
		*left -= got;
	}
	return 0;
}

int tar_data(struct tar_reader *t, const uint8_t **p, size_t *n, struct err *e)
{
	int r;

	*n = 0;
	if (!t->content)
		return 0;
	r = t->take(t->ctx, t->content < SIZE_MAX ? (size_t)t->content : SIZE_MAX, p, n, e);
	if (r < 0)
		return r;
	if (!*n)
		return cut_off(t, e);
	t->content -= *n;
	return 0;
}

int tar_content(struct tar_reader *t, struct strbuf *out, size_t max, struct err *e)
{
	const uint8_t *p;
	size_t n;
	int r;

	if (t->content > max)
		return err_set(e, -EFBIG,
			"%s: the entry '%.200s' has %llu bytes, more than the %zu allowed",
			t->shown, t->en.name ? t->en.name : "", (unsigned long long)t->content,
			max);
	while ((r = tar_data(t, &p, &n, e)) == 0 && n)
		strbuf_add(out, p, n);
	return r;
}

/* ---- headers ---- */

static bool all_zero(const uint8_t *p, size_t n)
{
	return !p[0] && memcmp(p, p + 1, n - 1) == 0;
}

/* After the first zero block there may be nothing else: apk and tar disagree about what follows. */
static int read_end(struct tar_reader *t, struct err *e)
{
	int r;

	if (!t->end_marker_ok)
		return err_set(e, -EBADMSG,
			"%s: its signature or control part ends with tar's end marker, which must "
			"be cut off there (abuild-tar --cut)",
			t->shown);
	while ((r = take_block(t, e)) == 1) {
		if (!all_zero(t->header, BLOCK))
			return err_set(e, -EBADMSG,
				"%s: its tar archive goes on after the end marker", t->shown);
		r = tar_charge(t, BLOCK, e);
		if (r < 0)
			return r;
	}
	return r;
}

/* Octal digits, then only zero bytes or blanks: no base-256, no leading blanks, as in apk. */
static bool octal(const char *s, size_t n, uint64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < n && s[i] >= '0' && s[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(s[i] - '0');
	for (; i < n; i++)
		if (s[i] && s[i] != ' ')
			return false;
	*out = v;
	return true;
}

static bool checksum_ok(const struct ustar *h)
{
	const uint8_t *p = (const uint8_t *)h;
	uint64_t want, sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += p[i];
	for (size_t i = 0; i < sizeof(h->checksum); i++)
		sum += (uint64_t)' ' - (uint8_t)h->checksum[i];
	return octal(h->checksum, sizeof(h->checksum), &want) && want == sum;
}

struct numbers {
	uint64_t mode, uid, gid, size, mtime, major, minor;
};

static int read_numbers(
	const struct tar_reader *t, const struct ustar *h, struct numbers *n, struct err *e)
{
	const struct {
		const char *what, *s;
		size_t len;
		uint64_t *out;
	} fields[] = {
		{"mode", h->mode, sizeof(h->mode), &n->mode},
		{"uid", h->uid, sizeof(h->uid), &n->uid},
		{"gid", h->gid, sizeof(h->gid), &n->gid},
		{"size", h->size, sizeof(h->size), &n->size},
		{"mtime", h->mtime, sizeof(h->mtime), &n->mtime},
		{"major", h->major, sizeof(h->major), &n->major},
		{"minor", h->minor, sizeof(h->minor), &n->minor},
	};

	char text[SHOWN_NAME + 1];

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!octal(fields[i].s, fields[i].len, fields[i].out))
			return err_set(e, -EBADMSG,
				"%s: the entry '%s' has a %s that is not plain octal, which apk "
				"does not read",
				t->shown, printable(text, h->name, sizeof(h->name)),
				fields[i].what);
	return 0;
}

static const char *header_name(char out[101], const struct ustar *h)
{
	snprintf(out, sizeof(h->name) + 1, "%.*s", (int)sizeof(h->name), h->name);
	return out;
}

static int check_header(
	const struct tar_reader *t, const struct ustar *h, struct numbers *n, struct err *e)
{
	char name[sizeof(h->name) + 1];

	if (memcmp(h->magic, "ustar", 5) != 0)
		return err_set(e, -EBADMSG,
			"%s: a tar header is damaged or of the old form without \"ustar\"",
			t->shown);
	if (!checksum_ok(h))
		return refuse(t, header_name(name, h), "has a tar header with a wrong checksum", e);
	if (!h->name[0])
		return err_set(e, -EBADMSG, "%s: an entry has no name in its tar header", t->shown);
	return read_numbers(t, h, n, e);
}

/* ---- extension headers ---- */

static int read_extension(struct tar_reader *t, struct strbuf *to, uint64_t size, struct err *e)
{
	uint64_t padding = -size & (BLOCK - 1);
	int r;

	if (size > EXTENSION_MAX)
		return err_set(e, -EFBIG, "%s: an extension header has %llu bytes, allowed are %u",
			t->shown, (unsigned long long)size, EXTENSION_MAX);
	strbuf_reset(to);
	strbuf_add(to, "", 0); /* terminated even if it stays empty */
	t->content = size;
	r = tar_content(t, to, EXTENSION_MAX, e);
	return r < 0 ? r : skip(t, &padding, e);
}

static int read_pax(struct tar_reader *t, uint64_t size, struct err *e)
{
	int r;

	if (t->pax_seen)
		return err_set(e, -EBADMSG, "%s: two PAX headers for one entry", t->shown);
	t->pax_seen = true;
	r = read_extension(t, &t->pax, size, e);
	return r < 0 ? r : tar_pax_parse(t, e);
}

static int read_long_name(struct tar_reader *t, uint64_t size, struct err *e)
{
	int r;

	if (t->long_seen)
		return err_set(e, -EBADMSG, "%s: two long names for one entry", t->shown);
	t->long_seen = true;
	r = read_extension(t, &t->long_name, size, e);
	/* GNU tar counts the final zero byte in, others do not */
	if (r == 0 && strlen(t->long_name.s) + 1 < t->long_name.len)
		return err_set(e, -EBADMSG, "%s: a long name has a zero byte in it", t->shown);
	return r;
}

/* A global header: apk ignores it, whatever it says. */
static int skip_global(struct tar_reader *t, uint64_t size, struct err *e)
{
	uint64_t all = (size + BLOCK - 1) & ~(uint64_t)(BLOCK - 1);

	return skip(t, &all, e);
}

static const struct extension {
	char type;
	int (*read)(struct tar_reader *t, uint64_t size, struct err *e);
} extensions[] = {
	{'x', read_pax},
	{'L', read_long_name},
	{'g', skip_global},
};

static const struct extension *find_extension(char type)
{
	for (size_t i = 0; i < ARRAY_SIZE(extensions); i++)
		if (extensions[i].type == type)
			return &extensions[i];
	return NULL;
}

/* ---- entries ---- */

static const struct entry_kind {
	char type;
	enum apk_entry_type is;
} kinds[] = {
	{'0', APK_FILE},
	{'7', APK_FILE},
	{'1', APK_HARDLINK},
	{'2', APK_SYMLINK},
	{'3', APK_CHAR},
	{'4', APK_BLOCK},
	{'5', APK_DIR},
	{'6', APK_FIFO},
};

static int set_type(struct tar_reader *t, const struct ustar *h, struct err *e)
{
	char text[SHOWN_NAME + 1];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].type == h->type) {
			t->en.type = kinds[i].is;
			return 0;
		}
	}
	return err_set(e, -EBADMSG,
		"%s: the entry '%s' has the type 0x%02x, which apk does not install; known are 0 "
		"to 7 and the headers x, g and L",
		t->shown, printable(text, h->name, sizeof(h->name)), (unsigned char)h->type);
}

/* Of several names the PAX one counts, then GNU's long one, then the header's, as in apk. */
static int set_name(struct tar_reader *t, const struct ustar *h, struct err *e)
{
	const char *given = t->pax_path ? t->pax_path : t->long_seen ? t->long_name.s : NULL;
	const char *problem;
	size_t n;

	if (t->long_seen && h->prefix[0] && !t->pax_path)
		return refuse(t, t->long_name.s, "has two different names", e);
	if (given && strlen(given) >= NAME_LIMIT)
		return refuse(t, given, "has a name that is too long", e);
	if (given)
		strcpy(t->name, given);
	else
		snprintf(t->name, sizeof(t->name), "%.*s%s%.*s", (int)sizeof(h->prefix), h->prefix,
			h->prefix[0] ? "/" : "", (int)sizeof(h->name), h->name);
	n = strlen(t->name);
	if (t->en.type == APK_DIR && n > 1 && t->name[n - 1] == '/' && !streq(t->name, "./"))
		t->name[n - 1] = '\0';
	t->en.name = t->name;
	problem = apk_path_problem(t->name);
	return problem ? refuse(t, t->name, problem, e) : tar_check_length(t, t->name, e);
}

static int set_link(struct tar_reader *t, const struct ustar *h, struct err *e)
{
	char name[SHOWN_NAME + 1], link[SHOWN_NAME + 1];
	const char *problem;

	/* Old packages keep a checksum in this field of regular files: only links have a link. */
	if (t->en.type != APK_SYMLINK && t->en.type != APK_HARDLINK)
		return 0;
	if (t->pax_link && strlen(t->pax_link) >= NAME_LIMIT)
		return refuse(t, t->name, "links to a name that is too long", e);
	snprintf(t->link, sizeof(t->link), "%.*s",
		t->pax_link ? (int)sizeof(t->link) : (int)sizeof(h->link),
		t->pax_link ? t->pax_link : h->link);
	t->en.link = t->link;
	if (!t->link[0])
		return refuse(t, t->name, "is a link without a target", e);
	problem = t->en.type == APK_HARDLINK ? apk_path_problem(t->link) : NULL;
	if (!problem)
		return tar_check_length(t, t->link, e);
	return err_set(e, -EBADMSG, "%s: the hard link '%s' has the target '%s', which %s",
		t->shown, printable(name, t->name, SHOWN_NAME),
		printable(link, t->link, SHOWN_NAME), problem);
}

static int set_entry(
	struct tar_reader *t, const struct ustar *h, const struct numbers *n, struct err *e)
{
	struct apk_entry *en = &t->en;
	int r = set_type(t, h, e);

	if (r < 0 || (r = set_name(t, h, e)) < 0 || (r = set_link(t, h, e)) < 0)
		return r;
	if (n->size && en->type != APK_FILE)
		return refuse(t, t->name, "has content although it is no regular file", e);
	snprintf(t->uname, sizeof(t->uname), "%.32s", h->uname);
	snprintf(t->gname, sizeof(t->gname), "%.32s", h->gname);
	en->uname = t->uname;
	en->gname = t->gname;
	en->uid = (uint32_t)n->uid; /* seven or eight octal digits: always fits */
	en->gid = (uint32_t)n->gid;
	en->major = (uint32_t)n->major;
	en->minor = (uint32_t)n->minor;
	en->mode = (mode_t)(n->mode & 07777);
	en->mtime = (int64_t)n->mtime;
	en->size = n->size;
	t->content = n->size;
	t->padding = -n->size & (BLOCK - 1);
	return 1;
}

static void begin_entry(struct tar_reader *t)
{
	t->en = (struct apk_entry){.xattrs = t->en.xattrs};
	t->pax_seen = t->long_seen = false;
	t->pax_path = t->pax_link = NULL;
}

/* One header block: 1 an entry, 2 an extension header (there is more to read), 0 the end. */
static int read_header(struct tar_reader *t, struct err *e)
{
	const struct ustar *h = (const struct ustar *)t->header;
	const struct extension *x;
	struct numbers n = {0};
	int r = take_block(t, e);

	if (r < 0)
		return r;
	if (r == 0 || all_zero(t->header, BLOCK)) {
		if (t->pax_seen || t->long_seen)
			return err_set(e, -EBADMSG,
				"%s: its tar archive ends before the entry that a "
				"PAX header describes",
				t->shown);
		return r == 0 ? 0 : read_end(t, e);
	}
	r = check_header(t, h, &n, e);
	if (r < 0 || (r = tar_charge(t, n.size, e)) < 0)
		return r;
	x = find_extension(h->type);
	/* at most one 'x' and one 'L' come with an entry; 'g' may come in any number */
	if (!x || h->type == 'g')
		r = tar_charge_entry(t, e);
	if (r < 0)
		return r;
	if (!x)
		return set_entry(t, h, &n, e);
	r = x->read(t, n.size, e);
	return r < 0 ? r : 2;
}

int tar_next(struct tar_reader *t, struct err *e)
{
	int r = skip(t, &t->content, e);

	if (r < 0 || (r = skip(t, &t->padding, e)) < 0)
		return r;
	begin_entry(t);
	do
		r = read_header(t, e);
	while (r == 2);
	return r;
}

void tar_reader_free(struct tar_reader *t)
{
	free(t->en.xattrs);
	strbuf_free(&t->pax);
	strbuf_free(&t->long_name);
	t->en = (struct apk_entry){0};
}
