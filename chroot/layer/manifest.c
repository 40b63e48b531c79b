// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The text: a first line, then one a thing:
 *
 *     <type> <mode, octal> <size> <sha256 or -> <sha256 of attributes or -> <name>
 *
 * The name of a folder is its path; all others are names in the folder named last. Bytes that would
 * break a line, and '\', are \xHH. Sealed.
 */
#include "chroot/layer/manifest.h"

#include <inttypes.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/base/sealed.h"

#define FIRST_LINE "pmkmod manifest 1\n"

void manifest_free(struct manifest *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i].path);
	free(m->v);
	*m = (struct manifest){0};
}

/* ---- writing ---- */

static void put_sum(struct strbuf *b, const struct hash *h)
{
	char hex[HASH_HEX_MAX];

	if (h->alg == HASH_NONE) {
		strbuf_adds(b, "- ");
		return;
	}
	hash_hex(h, hex);
	strbuf_adds(b, hex);
	strbuf_addc(b, ' ');
}

static void put_name(struct strbuf *b, const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f || *s == '\\')
			strbuf_addf(b, "\\x%02x", (unsigned char)*s);
		else
			strbuf_addc(b, *s);
}

char *manifest_print(const struct manifest *m, size_t *len)
{
	struct strbuf b = {0};

	strbuf_reserve(&b, 128 * m->n + 256);
	strbuf_adds(&b, FIRST_LINE);
	for (size_t i = 0; i < m->n; i++) {
		const struct manifest_entry *f = &m->v[i];

		strbuf_addf(&b, "%c %o %" PRIu64 " ", f->type, f->mode, f->size);
		put_sum(&b, &f->sum);
		put_sum(&b, &f->xattrs);
		put_name(&b, f->type == MANIFEST_DIR ? f->path : path_base(f->path));
		strbuf_addc(&b, '\n');
	}
	sealed_end(&b);
	*len = b.len;
	return strbuf_steal(&b);
}

/* ---- reading ---- */

/* The word up to the next blank, which is behind *s then; NULL: there is none. */
static char *take_word(char **s)
{
	char *word = *s, *space = strchr(word, ' ');

	if (!space || space == word)
		return NULL;
	*space = '\0';
	*s = space + 1;
	return word;
}

static bool take_number(char **s, int base, uint64_t *out)
{
	char *word = take_word(s), *end = NULL;

	if (!word || *word < '0' || *word > '9')
		return false;
	errno = 0;
	*out = strtoull(word, &end, base);
	return errno == 0 && !*end;
}

static bool take_sum(char **s, struct hash *out)
{
	char *word = take_word(s);

	*out = (struct hash){0};
	return word &&
	       (streq(word, "-") || hash_from_hex(out, HASH_SHA256, word, strlen(word)) == 0);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place. */
static bool plain_name(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (*s != '\\') {
			*out++ = *s;
			continue;
		}
		if (s[1] != 'x' || hex_digit(s[2]) < 0 || hex_digit(s[3]) < 0)
			return false;
		*out = (char)(hex_digit(s[2]) << 4 | hex_digit(s[3]));
		if (!*out++)
			return false;
		s += 3;
	}
	*out = '\0';
	return true;
}

/* A path that stays below the tree, each part a name. */
static bool path_ok(const char *path, bool one_name)
{
	for (const char *s = path;; s++) {
		size_t n = strcspn(s, "/");

		if (n == 0 || n > 255 || (n == 1 && *s == '.') ||
			(n == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		s += n;
		if (!*s)
			return true;
		if (one_name)
			return false;
	}
}

static bool is_type(char c)
{
	return c == MANIFEST_DIR || c == MANIFEST_FILE || c == MANIFEST_LINK || c == MANIFEST_OTHER;
}

/* `dir`: path of the folder named last, NULL: none yet. */
static bool parse_line(struct manifest_entry *f, char *line, const char *dir)
{
	uint64_t mode;

	if (!is_type(line[0]) || line[1] != ' ')
		return false;
	f->type = (enum manifest_type)line[0];
	line += 2;
	if (!take_number(&line, 8, &mode) || mode > UINT32_MAX ||
		!take_number(&line, 10, &f->size) || !take_sum(&line, &f->sum) ||
		!take_sum(&line, &f->xattrs) || !plain_name(line))
		return false;
	f->mode = (unsigned)mode;
	if (f->type == MANIFEST_DIR && !dir && streq(line, ".")) {
		f->path = xstrdup(line);
		return true;
	}
	if (!dir || !path_ok(line, f->type != MANIFEST_DIR))
		return false;
	f->path = f->type == MANIFEST_DIR || streq(dir, ".") ? xstrdup(line) : path_join(dir, line);
	return true;
}

int manifest_parse(struct manifest *m, const char *text, size_t len)
{
	size_t body = sealed_body(text, len, FIRST_LINE), cap = 0;
	_cleanup_free_ char *copy = NULL;
	const char *dir = NULL;
	char *line, *next;

	*m = (struct manifest){0};
	if (!body || memchr(text, '\0', body))
		return -EBADMSG;
	copy = xstrndup(text, body);
	for (line = copy + strlen(FIRST_LINE); (next = strchr(line, '\n')); line = next + 1) {
		*next = '\0';
		if (m->n == cap) {
			cap = cap ? 2 * cap : 256;
			m->v = xrealloc(m->v, cap, sizeof(*m->v));
		}
		m->v[m->n] = (struct manifest_entry){0};
		if (!parse_line(&m->v[m->n], line, dir)) {
			manifest_free(m);
			return -EBADMSG;
		}
		if (m->v[m->n].type == MANIFEST_DIR)
			dir = m->v[m->n].path;
		m->n++;
	}
	if (*line || !m->n) {
		manifest_free(m);
		return -EBADMSG;
	}
	return 0;
}

/* ---- comparing ---- */

static int by_path(const void *a, const void *b)
{
	return strcmp(
		((const struct manifest_entry *)a)->path, ((const struct manifest_entry *)b)->path);
}

static const char *difference(const struct manifest_entry *want, const struct manifest_entry *have)
{
	if (want->type != have->type)
		return "is of another kind";
	if (want->size != have->size)
		return "has another length";
	if (want->sum.alg != have->sum.alg || !hash_eq(&want->sum, &have->sum))
		return want->type == MANIFEST_LINK ? "leads elsewhere" : "has other content";
	if (want->mode != have->mode)
		return "has another mode";
	return hash_eq(&want->xattrs, &have->xattrs) ? NULL : "has other attributes";
}

size_t manifest_compare(
	struct manifest *want, struct manifest *have, size_t max, struct strvec *differences)
{
	size_t i = 0, k = 0, n = 0;

	if (want->n)
		qsort(want->v, want->n, sizeof(*want->v), by_path);
	if (have->n)
		qsort(have->v, have->n, sizeof(*have->v), by_path);
	while (i < want->n || k < have->n) {
		int order = i == want->n   ? 1
			    : k == have->n ? -1
					   : by_path(&want->v[i], &have->v[k]);
		const char *path = order > 0 ? have->v[k].path : want->v[i].path;
		const char *what = order < 0   ? "is missing"
				   : order > 0 ? "is not of it"
					       : difference(&want->v[i], &have->v[k]);

		i += order <= 0;
		k += order >= 0;
		if (what && n++ < max)
			strvec_addf(differences, "%s %s", path, what);
	}
	return n;
}
