// SPDX-License-Identifier: GPL-3.0-or-later
/* `sed s/regular expression/text/[g]`, which recipes make versions with. */
#include <regex.h>

#include "pmkmod/aport/shell.h"

/* What glibc's regular expressions take hostile time or memory for is not let near them. */
#define SCRIPT_MAX 200
#define INPUT_MAX 4096

struct substitution {
	char *pattern, *with;
	bool global;
};

/* Text up to an unescaped `d`; *s is moved behind it. NULL: none. */
static char *part(const char **s, char d)
{
	struct strbuf b = {0};

	for (; **s && **s != d; (*s)++) {
		if (**s == '\\' && (*s)[1] == d)
			(*s)++; /* the delimiter itself */
		else if (**s == '\\' && (*s)[1])
			strbuf_addc(&b, *(*s)++);
		strbuf_addc(&b, **s);
	}
	if (**s == d) {
		(*s)++;
		return strbuf_steal(&b);
	}
	strbuf_free(&b);
	return NULL;
}

/* Repetition counts and references within the pattern are what makes matching explode. */
static bool harmless(const char *pattern)
{
	if (strlen(pattern) > SCRIPT_MAX || strchr(pattern, '{'))
		return false;
	for (const char *s = pattern; (s = strchr(s, '\\')); s += 2) {
		if (!s[1] || (s[1] >= '0' && s[1] <= '9'))
			return false;
	}
	return true;
}

static bool read_script(const char *s, struct substitution *u)
{
	char d = s[0] == 's' ? s[1] : '\0';

	if (!d || d == '\\' || d == '\n')
		return false;
	s += 2;
	u->pattern = part(&s, d);
	u->with = u->pattern ? part(&s, d) : NULL;
	u->global = u->with && *s == 'g';
	return u->with && !s[u->global] && *u->pattern && harmless(u->pattern);
}

/* The replacement with & and \1...; false: an escape that is not understood. */
static bool put(const char *with, const char *line, const regmatch_t *m, struct strbuf *out)
{
	for (const char *s = with; *s; s++) {
		int n = *s == '&' ? 0 : -1;

		if (*s == '\\') {
			s++;
			if (*s >= '0' && *s <= '9')
				n = *s - '0';
			else if (!*s || (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z'))
				return false;
		}
		if (n < 0)
			strbuf_addc(out, *s);
		else if (m[n].rm_so >= 0)
			strbuf_add(out, line + m[n].rm_so, (size_t)(m[n].rm_eo - m[n].rm_so));
	}
	return true;
}

static bool one_line(
	const regex_t *re, const struct substitution *u, const char *line, struct strbuf *out)
{
	regmatch_t m[10];
	int flags = 0;

	while (regexec(re, line, ARRAY_SIZE(m), m, flags) == 0) {
		bool empty = m[0].rm_eo == m[0].rm_so;

		strbuf_add(out, line, (size_t)m[0].rm_so);
		if (!put(u->with, line, m, out))
			return false;
		line += m[0].rm_eo;
		if (empty && *line)
			strbuf_addc(out, *line++);
		if (!u->global || !*line)
			break;
		flags = REG_NOTBOL;
	}
	strbuf_adds(out, line);
	return out->len < SHELL_VALUE_MAX;
}

static bool substitute(const struct substitution *u, bool extended, char *in, struct strbuf *out)
{
	regex_t re;
	bool good = true;

	if (regcomp(&re, u->pattern, extended ? REG_EXTENDED : 0) != 0)
		return false;
	for (char *s = in; good && s && *s;) {
		size_t len = strcspn(s, "\n");
		bool more = s[len] == '\n';

		s[len] = '\0';
		good = one_line(&re, u, s, out);
		strbuf_addc(out, '\n');
		s += len + more;
	}
	regfree(&re);
	return good;
}

int shell_sed(struct shell *sh, const struct strvec *argv, struct strbuf *out)
{
	struct strbuf now = {0};
	bool extended = false, script = true, good = sh->in && argv->n > 1;

	strbuf_adds(&now, sh->in ? sh->in : "");
	good = good && now.s && now.len <= INPUT_MAX && shell_work(sh, 64 * now.len);
	for (size_t i = 1; good && i < argv->n; i++) {
		struct substitution u = {0};
		struct strbuf next = {0};

		if (streq(argv->v[i], "-E") || streq(argv->v[i], "-r")) {
			extended = true;
			continue;
		}
		if (streq(argv->v[i], "-e")) {
			script = true;
			continue;
		}
		/* a second argument without -e would be a file */
		good = script && read_script(argv->v[i], &u) &&
		       substitute(&u, extended, now.s, &next);
		script = false;
		free(u.pattern);
		free(u.with);
		strbuf_free(&now);
		now = next;
	}
	strbuf_add(out, now.s ? now.s : "", now.len);
	strbuf_free(&now);
	return good ? 0 : STATUS_UNKNOWN;
}
