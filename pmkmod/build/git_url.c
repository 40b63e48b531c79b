// SPDX-License-Identifier: GPL-3.0-or-later
/* What a repository's .gitmodules says, and which of it is taken. Format: gitmodules(5). */
#include "pmkmod/build/git.h"

/* "../x.git" beside the repository itself */
static char *join_relative(const char *parent, const char *url)
{
	_cleanup_free_ char *base = xstrdup(parent);
	char *root = strstr(base, "://"), *end = base + strlen(base);

	root = root ? strchr(root + 3, '/') : NULL;
	if (!root)
		return NULL;
	while (end > root + 1 && end[-1] == '/')
		*--end = '\0';
	for (;;) {
		if (starts_with(url, "./")) {
			url += 2;
		} else if (starts_with(url, "../")) {
			end = strrchr(base, '/');
			if (!end || end < root)
				return NULL;
			*end = '\0';
			url += 3;
		} else {
			break;
		}
	}
	return *url && *url != '/' && !strstr(url, "..") ? xasprintf("%s/%s", base, url) : NULL;
}

char *git_join_url(const char *parent, const char *url)
{
	static const char *const schemes[] = {"https://", "http://", "ssh://"};
	const char *colon = strchr(url, ':'), *slash = strchr(url, '/');
	const char *host = behind_prefix(url, schemes, ARRAY_SIZE(schemes));

	if (host)
		return *host && *host != '-' && *host != '/' ? xstrdup(url) : NULL;
	/* a server must not make us read what is on this machine */
	if (starts_with(url, "file:///"))
		return starts_with(parent, "file:///") ? xstrdup(url) : NULL;
	if (starts_with(url, "./") || starts_with(url, "../"))
		return join_relative(parent, url);
	/* git@host:path */
	if (colon && (!slash || colon < slash) && colon[1] && colon[1] != '/' && colon[1] != ':' &&
		*url != '-' && colon > url)
		return xasprintf("ssh://%.*s/%s", (int)(colon - url), url, colon + 1);
	return NULL;
}

/* The next "KEY\nVALUE" behind `s`, ended by NUL; NULL: none. */
static const char *next_setting(const char *s, const char *end)
{
	const char *nul = memchr(s, '\0', (size_t)(end - s));

	return nul && nul + 1 < end ? nul + 1 : NULL;
}

/* The length of a key without `suffix`; 0: it is another key. */
static size_t key_stem(const char *setting, const char *suffix)
{
	size_t n = strcspn(setting, "\n"), m = strlen(suffix);

	return setting[n] && n > m && strncmp(setting + n - m, suffix, m) == 0 ? n - m : 0;
}

const char *git_submodule_setting(const char *data, size_t len, const char *path)
{
	const char *end = data + len, *name = NULL;
	size_t n = 0;

	if (!len || data[len - 1])
		return NULL;
	for (const char *s = data; s && !name; s = next_setting(s, end)) {
		n = key_stem(s, ".path");
		if (n && streq(s + n + strlen(".path\n"), path))
			name = s;
	}
	for (const char *s = name ? data : NULL; s; s = next_setting(s, end))
		if (key_stem(s, ".url") == n && strncmp(s, name, n) == 0)
			return s + n + strlen(".url\n");
	return NULL;
}
