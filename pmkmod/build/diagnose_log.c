// SPDX-License-Identifier: GPL-3.0-or-later
/* A build's log as lines; which of them is the first real error, and what belongs to it. */
#include <ctype.h>

#include "pmkmod/build/diagnose_parts.h"

#define CHAIN_LINES                                                                                \
	64 /* how far from an error what belongs to it can be, with other jobs between */

/* ---- lines ---- */

/* Colours and links of terminals: ESC [ ... letter, ESC ] ... BEL. */
static size_t escape_length(const char *s, size_t len)
{
	size_t i = 2;

	if (len < 2 || (s[1] != '[' && s[1] != ']'))
		return 1;
	while (i < len && s[i] != '\n' && (s[1] == '[' ? !isalpha((unsigned char)s[i]) : s[i] != 7))
		i++;
	return i < len && s[i] != '\n' ? i + 1 : i;
}

/* One kind of quotes, no colours, no NULs; in place, never longer. */
static size_t clean(char *s, size_t len)
{
	size_t to = 0;

	for (size_t i = 0; i < len;) {
		if (s[i] == 27) {
			i += escape_length(s + i, len - i);
		} else if (len - i >= 3 && memcmp(s + i, "\xe2\x80", 2) == 0 &&
			   (s[i + 2] == '\x98' || s[i + 2] == '\x99')) {
			s[to++] = '\'';
			i += 3;
		} else {
			s[to++] = s[i] == '`' ? '\'' : s[i] ? s[i] : ' ';
			i++;
		}
	}
	s[to] = '\0';
	return to;
}

static const char command_mark[] = "# command: ";

/* Where the last step that counts begins, and what it runs. */
static char *last_step(char *text, char **command)
{
	char *found = starts_with(text, command_mark) ? text : NULL, *before = NULL, *s = text,
	     *end;

	while ((s = strstr(s, "\n# command: "))) {
		before = found;
		found = ++s;
	}
	if (before && strstr(found, "\n" LOG_NO_STEP))
		found = before;
	if (!found)
		return text;
	found += strlen(command_mark);
	end = found + strcspn(found, "\n");
	*command = xstrndup(found, (size_t)(end - found));
	return end;
}

void log_lines_read(struct log_lines *l, const char *text, size_t len, bool all)
{
	char *s, *next;
	size_t cap = 0;

	*l = (struct log_lines){0};
	l->text = xcalloc(len + 1, 1);
	memcpy(l->text, text, len);
	clean(l->text, len);
	for (s = all ? l->text : last_step(l->text, &l->command); s && *s; s = next) {
		size_t n = strcspn(s, "\n");

		next = s[n] ? s + n + 1 : NULL;
		s[n] = '\0';
		if (n && s[n - 1] == '\r')
			s[n - 1] = '\0';
		if (starts_with(s, "# failed") || (l->command && starts_with(s, command_mark)))
			break;
		if (l->n == cap) {
			cap = cap ? cap * 2 : 256;
			l->v = xrealloc(l->v, cap, sizeof(*l->v));
		}
		l->v[l->n++] = s;
	}
}

void log_lines_free(struct log_lines *l)
{
	free(l->text);
	free(l->v);
	free(l->command);
	*l = (struct log_lines){0};
}

/* ---- messages of compilers ---- */

static const struct {
	const char *word;
	enum severity severity;
} severities[] = {{": error: ", SEVERITY_ERROR}, {": fatal error: ", SEVERITY_ERROR},
	{": Error: ", SEVERITY_ERROR}, {": Fatal error: ", SEVERITY_ERROR},
	{": internal compiler error: ", SEVERITY_ERROR}, {": warning: ", SEVERITY_WARNING},
	{": Warning: ", SEVERITY_WARNING}, {": note: ", SEVERITY_NOTE}};

/* ":number" before `end`, or nothing. */
static const char *number_before(const char *begin, const char *end, unsigned *number)
{
	const char *s = end;
	unsigned long n;

	while (s > begin && isdigit((unsigned char)s[-1]))
		s--;
	if (s == end || s <= begin + 1 || s[-1] != ':')
		return NULL;
	n = strtoul(s, NULL, 10);
	*number = n > INT32_MAX ? 0 : (unsigned)n;
	return s - 1;
}

static void split_place(struct message *m, const char *begin, const char *end)
{
	unsigned first, second;
	const char *s = number_before(begin, end, &first), *t;

	m->file = begin;
	m->file_len = (size_t)(end - begin);
	if (!s)
		return;
	t = number_before(begin, s, &second);
	m->line = t ? second : first;
	m->column = t ? first : 0;
	m->file_len = (size_t)((t ? t : s) - begin);
}

bool message_parse(const char *line, struct message *m)
{
	const char *at = NULL, *begin;

	*m = (struct message){0};
	for (size_t i = 0; i < ARRAY_SIZE(severities); i++) {
		const char *hit = strstr(line, severities[i].word);

		if (hit && (!at || hit < at)) {
			at = hit;
			m->severity = severities[i].severity;
			m->words = hit + strlen(severities[i].word);
			/* what kind of error that is, is part of the message */
			if (starts_with(hit, ": internal"))
				m->words = hit + 2;
		}
	}
	if (!at || at == line)
		return false;
	for (begin = at; begin > line && begin[-1] != ' ' && begin[-1] != '\t'; begin--)
		;
	if (begin == at)
		return false;
	split_place(m, begin, at);
	return true;
}

/* ---- the first real error ---- */

static bool is_make_giving_up(const char *line)
{
	const char *stars = strstr(line, ": *** ");

	return stars && starts_with(line, "make") &&
	       (stars[6] == '[' || strstr(stars, "] Error ") || strstr(stars, "Waiting for"));
}

/* Rank of one line; fills the error with it. */
static enum rank judge(const char *line, bool warnings, struct log_error *e)
{
	if (warnings)
		return sign_of_warning(line, &e->hit) ? RANK_STRONG : RANK_NONE;
	if (starts_with(line, "# ") || is_make_giving_up(line))
		return RANK_NONE;
	if (message_parse(line, &e->message)) {
		if (e->message.severity != SEVERITY_ERROR)
			return RANK_NONE;
		e->is_message = true;
		if (!sign_of_message(e->message.words, &e->hit) && !sign_of_line(line, &e->hit))
			e->hit = (struct sign_hit){0};
		/* it only says that there was one before */
		return e->hit.cause == CAUSE_WERROR && !e->message.line ? RANK_WEAK : RANK_STRONG;
	}
	e->is_message = false;
	/* clang about its options */
	if (starts_with(line, "error: ") && sign_of_message(line + strlen("error: "), &e->hit))
		return RANK_STRONG;
	return sign_of_line(line, &e->hit) ? e->hit.rank : RANK_NONE;
}

/* What make says when nobody else said anything. */
static bool only_make(const struct log_lines *l, struct log_error *out)
{
	if (out->failed == l->n)
		return false;
	*out = (struct log_error){.at = out->failed, .failed = out->failed};
	if (strstr(l->v[out->at], "] Killed") || strstr(l->v[out->at], "Error 137"))
		out->hit.cause = CAUSE_MEMORY;
	else if (strstr(l->v[out->at], "] Segmentation fault") ||
		 strstr(l->v[out->at], "Error 139"))
		out->hit.cause = CAUSE_COMPILER_CRASH;
	return true;
}

/* Was a configure script the last that ran? The steps of a dkms.conf have names in capitals. */
static bool in_configure(const struct log_lines *l)
{
	for (size_t i = l->n; i-- > 0;) {
		const char *name = starts_with(l->v[i], "# ") ? l->v[i] + 2 : "";
		size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

		if (streq(name, "configure"))
			return true;
		if (n && name[n] == ':')
			return starts_with(name, "PRE_BUILD") && strstr(name, "configure");
	}
	return false;
}

/* It says in words of its own what it misses: the last that look like an error, or its last ones.
 */
static bool by_configure(const struct log_lines *l, struct log_error *out)
{
	size_t at = l->n;

	if (out->hit.cause != CAUSE_UNKNOWN || !in_configure(l))
		return false;
	while (!out->hit.rank && at > 0 && (!*l->v[at - 1] || starts_with(l->v[at - 1], "# ")))
		at--;
	if (at == 0)
		return false;
	if (!out->hit.rank)
		*out = (struct log_error){.at = at - 1, .failed = l->n};
	out->hit.cause = CAUSE_CONFIGURE;
	return true;
}

bool log_find_error(const struct log_lines *l, bool warnings, struct log_error *out)
{
	struct log_error e = {0}, strong = {0}, weak = {0};
	size_t n_strong = 0, n_weak = 0, failed = l->n;

	for (size_t i = 0; i < l->n; i++) {
		enum rank rank = judge(l->v[i], warnings, &e);

		e.at = i;
		if (rank == RANK_STRONG && !n_strong++)
			strong = e;
		/* the last before make gives up is what it gave up for */
		if (rank == RANK_WEAK && failed == l->n) {
			weak = e;
			n_weak++;
		}
		if (failed == l->n && is_make_giving_up(l->v[i]))
			failed = i;
	}
	*out = n_strong ? strong : weak;
	out->more = n_strong ? n_strong - 1 : 0;
	out->failed = failed;
	if (!n_strong && by_configure(l, out))
		return true;
	return n_strong || n_weak || only_make(l, out);
}

/* ---- what belongs to it ---- */

/* "In file included from FILE:LINE," or "                 from FILE:LINE:COLUMN:" */
static bool included_from(const char *line, struct message *m)
{
	static const char *const begins[] = {"In file included from ", "from "};
	const char *s = line, *rest;

	while (*s == ' ')
		s++;
	rest = behind_prefix(s, begins, ARRAY_SIZE(begins));
	if (!rest || (s == line && starts_with(s, "from ")))
		return false;
	*m = (struct message){0};
	split_place(m, rest, rest + strcspn(rest, ", "));
	if (m->file_len && m->file[m->file_len - 1] == ':')
		split_place(m, rest, rest + m->file_len - 1);
	return m->line != 0;
}

static bool same_file(const struct message *a, const struct message *b)
{
	return a->file_len == b->file_len && memcmp(a->file, b->file, a->file_len) == 0;
}

static bool take_place(const struct message *m, bool (*is_own)(void *, const char *), void *ctx,
	char **file, unsigned *line)
{
	_cleanup_free_ char *name = xstrndup(m->file, m->file_len);

	if (!is_own(ctx, name))
		return false;
	free(*file);
	*file = steal_ptr(name);
	*line = m->line;
	return true;
}

/* Notes below: "in expansion of macro", which is where the module uses it. */
static bool in_notes(const struct log_lines *l, const struct log_error *e,
	bool (*is_own)(void *, const char *), void *ctx, char **file, unsigned *line)
{
	for (size_t i = e->at + 1; i < l->n && i < e->at + CHAIN_LINES; i++) {
		struct message m;

		if (!message_parse(l->v[i], &m))
			continue;
		if (m.severity != SEVERITY_NOTE)
			return false;
		if (strstr(m.words, "expan") && take_place(&m, is_own, ctx, file, line))
			return true;
	}
	return false;
}

/* The chain above; the compiler leaves it out if its last message had the same. */
static bool in_chain(const struct log_lines *l, const struct log_error *e,
	bool (*is_own)(void *, const char *), void *ctx, char **file, unsigned *line)
{
	bool found = false, in_it = false;

	for (size_t i = e->at; i-- > 0 && i + CHAIN_LINES > e->at;) {
		struct message m;

		if (included_from(l->v[i], &m)) {
			in_it = true;
			/* the innermost of its own files */
			found = take_place(&m, is_own, ctx, file, line) || found;
			if (l->v[i][0] == 'I')
				return found;
		} else if (in_it || (message_parse(l->v[i], &m) && !same_file(&m, &e->message) &&
					    m.severity != SEVERITY_NOTE)) {
			return found;
		}
	}
	return found;
}

/* "make[2]: *** [scripts/Makefile.build:250: /build/src/a.o] Error 1" */
static void in_target(const struct log_lines *l, const struct log_error *e,
	bool (*is_own)(void *, const char *), void *ctx, char **file, unsigned *line)
{
	const char *s = e->failed < l->n ? strrchr(l->v[e->failed], ']') : NULL, *begin = s;

	if (!s || s - l->v[e->failed] < 3 || s[-1] != 'o' || s[-2] != '.')
		return;
	while (begin > l->v[e->failed] && begin[-1] != ' ' && begin[-1] != '[')
		begin--;
	for (const char *suffix = "cS"; *suffix; suffix++) {
		_cleanup_free_ char *name =
			xasprintf("%.*s%c", (int)(s - 1 - begin), begin, *suffix);

		if (is_own(ctx, name)) {
			*file = steal_ptr(name);
			*line = 0;
			return;
		}
	}
}

void log_own_place(const struct log_lines *l, const struct log_error *e,
	bool (*is_own)(void *ctx, const char *file), void *ctx, char **file, unsigned *line)
{
	if (!in_notes(l, e, is_own, ctx, file, line) && !in_chain(l, e, is_own, ctx, file, line))
		in_target(l, e, is_own, ctx, file, line);
}

const char *log_folder(const struct log_lines *l, size_t at, size_t *len)
{
	static const char mark[] = ": Entering directory '";

	for (size_t i = at; i-- > 0;) {
		const char *s = strstr(l->v[i], mark);

		if (s && starts_with(l->v[i], "make")) {
			s += strlen(mark);
			*len = strcspn(s, "'");
			return s;
		}
	}
	return NULL;
}

const char *log_code(const struct log_lines *l, size_t at)
{
	const char *s;

	if (at + 1 >= l->n)
		return NULL;
	s = l->v[at + 1];
	s += strspn(s, " ");
	if (!isdigit((unsigned char)*s))
		return NULL;
	s += strspn(s, "0123456789");
	return starts_with(s, " |") ? s + 2 : NULL;
}
