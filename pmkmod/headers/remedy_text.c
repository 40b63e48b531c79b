// SPDX-License-Identifier: GPL-3.0-or-later
/* Changes of text, as the remedies need them: whole words replaced, lines rewritten. */
#include "pmkmod/headers/remedy.h"

char *text_replace(const char *text, const char *from, const char *to)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	const char *hit = strstr(text, from);

	if (!hit)
		return NULL;
	for (; hit; hit = strstr(text, from)) {
		strbuf_add(&b, text, (size_t)(hit - text));
		strbuf_adds(&b, to);
		text = hit + strlen(from);
	}
	strbuf_adds(&b, text);
	return strbuf_steal(&b);
}

/* Length of a line with its continuations, without the newline that ends it. */
static size_t logical_line(const char *s)
{
	size_t len = 0;

	for (;;) {
		len += strcspn(s + len, "\n");
		if (!s[len] || !len || s[len - 1] != '\\')
			return len;
		len++;
	}
}

char *text_each_line(const char *text, char *(*line)(const char *s))
{
	_cleanup_strbuf_ struct strbuf b = {0};
	bool changed = false;

	while (*text) {
		size_t len = logical_line(text);
		_cleanup_free_ char *old = xstrndup(text, len);
		_cleanup_free_ char *new = line(old);

		changed |= new != NULL;
		strbuf_adds(&b, new ? new : old);
		text += len;
		if (*text)
			strbuf_addc(&b, *text++);
	}
	return changed ? strbuf_steal(&b) : NULL;
}

bool text_has_line(const char *text, const char *start, const char *part)
{
	while (*text) {
		size_t len = strcspn(text, "\n"), blank = strspn(text, " \t");
		_cleanup_free_ char *line = xstrndup(text, len);

		if (blank < len && starts_with(line + blank, start) &&
			strstr(line + blank + strlen(start), part))
			return true;
		text += len;
		text += *text == '\n';
	}
	return false;
}

bool makefile_has_flag(const char *makefile, const char *flag, bool host)
{
	while (*makefile) {
		size_t len = logical_line(makefile), blank = strspn(makefile, " \t");
		_cleanup_free_ char *line = xstrndup(makefile, len);
		const char *s = line + (blank < len ? blank : len);

		/* "override HOSTCFLAGS", "export HOSTCFLAGS" do not occur with a value */
		if (*s != '#' &&
			(starts_with(s, "HOST") || starts_with(s, "KBUILD_HOST")) == host &&
			strcasestr(s, flag))
			return true;
		makefile += len;
		makefile += *makefile == '\n';
	}
	return false;
}
