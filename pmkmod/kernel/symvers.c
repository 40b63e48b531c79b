// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Module.symvers as scripts/mod/modpost.c writes it (write_dump()) and reads it (read_dump()),
 * columns separated by one tab: before 2.6.18   crc name module until 5.3       crc name module
 * export 5.4 to 5.6      crc name namespace module export since 5.7       crc name module export
 * namespace read_dump() of the middle ages allowed something behind the export column.
 */
#include "pmkmod/kernel/kernel.h"

#include "chroot/base/fs.h"
#include "pmkmod/kernel/name_index.h"

#define SYMVERS_MAX (64u << 20)
#define COLUMNS 5
#define NONE UINT32_MAX
#define LINE_MIN 8 /* "0x1\ta\tb\n" */

struct symvers {
	struct symvers_entry *entries;
	uint32_t *next; /* entry of the same name, NONE at the end */
	size_t n;
	bool any_crc;
	struct name_index index;
	struct strvec texts; /* what the strings above point into */
};

int symvers_new(struct symvers **out)
{
	*out = xcalloc(1, sizeof(**out));
	return 0;
}

void symvers_free(struct symvers *s)
{
	if (!s)
		return;
	name_index_free(&s->index);
	strvec_free(&s->texts);
	free(s->entries);
	free(s->next);
	free(s);
}

static void add(struct symvers *s, const struct symvers_entry *en)
{
	uint32_t first = *name_index_add(&s->index, en->name, (uint32_t)s->n);

	s->entries[s->n] = *en;
	s->next[s->n] = NONE;
	s->any_crc |= en->crc != 0;
	if (first != s->n) {
		s->next[s->n] = s->next[first];
		s->next[first] = (uint32_t)s->n;
	}
	s->n++;
}

/* What modpost's export_str() ever wrote. */
static bool is_export(const char *s)
{
	return starts_with(s, "EXPORT_") || streq(s, "(unknown)");
}

static bool parse_crc(const char *s, uint32_t *crc)
{
	unsigned long v;
	char *end;

	if (s[0] != '0' || (s[1] != 'x' && s[1] != 'X'))
		return false;
	errno = 0;
	v = strtoul(s + 2, &end, 16);
	if (errno || end == s + 2 || *end || s[2] == '-' || s[2] == '+' || v > UINT32_MAX)
		return false;
	*crc = (uint32_t)v;
	return true;
}

/* One line, cut in place; false if it is none of the layouts above. */
static bool parse_line(char *line, struct symvers_entry *en)
{
	char *col[COLUMNS] = {NULL};
	size_t n = 0;

	for (char *p = line; p && n < COLUMNS; n++) {
		col[n] = p;
		p = strchr(p, '\t');
		if (p)
			*p++ = '\0';
	}
	if (n < 3 || !parse_crc(col[0], &en->crc) || !*col[1])
		return false;
	*en = (struct symvers_entry){col[1], en->crc, col[2], "", ""};
	if (n == COLUMNS && !is_export(col[3]) && is_export(col[4])) {
		en->ns = col[2];
		en->owner = col[3];
		en->export = col[4];
	} else {
		if (n > 3)
			en->export = col[3];
		if (n > 4)
			en->ns = col[4];
	}
	return *en->owner != '\0';
}

/* Room for a line each. */
static void reserve(struct symvers *s, const char *text, size_t len)
{
	const char *p = text, *end = text + len;
	size_t lines = 1;

	for (; (p = memchr(p, '\n', (size_t)(end - p))); p++)
		lines++;
	if (lines > len / LINE_MIN + 1)
		lines = len / LINE_MIN + 1;
	s->entries = xrealloc(s->entries, s->n + lines, sizeof(*s->entries));
	s->next = xrealloc(s->next, s->n + lines, sizeof(*s->next));
	name_index_reserve(&s->index, lines);
}

int symvers_take(struct symvers *s, const char *shown, char *text, size_t len, struct err *e)
{
	char *line, *next;
	size_t number = 0;

	reserve(s, text, len);
	strvec_take(&s->texts, text);
	for (line = text; line; line = next) {
		struct symvers_entry en = {0};
		size_t n = (size_t)(strchrnul(line, '\n') - line);

		number++;
		next = line[n] ? line + n + 1 : NULL;
		line[n] = '\0';
		if (n && line[n - 1] == '\r')
			line[--n] = '\0';
		if (!n)
			continue;
		if (!parse_line(line, &en))
			return err_set(e, -EINVAL,
				"%s, line %zu: not a line of a Module.symvers (CRC, name, module, "
				"separated by tabs)",
				shown, number);
		add(s, &en);
	}
	return 0;
}

int symvers_parse(struct symvers *s, const char *shown, const char *text, size_t len, struct err *e)
{
	char *copy = xcalloc(len + 1, 1);

	memcpy(copy, text, len);
	return symvers_take(s, shown, copy, len, e);
}

int symvers_read(struct symvers *s, const char *path, struct err *e)
{
	size_t len = 0;
	char *text;
	int r = fs_read_regular(path, SYMVERS_MAX, &text, &len, e);

	if (r < 0)
		return err_prefix(e, "exports of the kernel");
	return symvers_take(s, path, text, len, e);
}

const struct symvers_entry *symvers_find(const struct symvers *s, const char *name)
{
	const uint32_t *at = name_index_get(&s->index, name);

	return at ? &s->entries[*at] : NULL;
}

const struct symvers_entry *symvers_next(const struct symvers *s, const struct symvers_entry *entry)
{
	uint32_t next = s->next[entry - s->entries];

	return next == NONE ? NULL : &s->entries[next];
}

size_t symvers_count(const struct symvers *s)
{
	return s->n;
}

const struct symvers_entry *symvers_at(const struct symvers *s, size_t i)
{
	return &s->entries[i];
}

bool symvers_all_zero(const struct symvers *s)
{
	return !s->any_crc;
}
