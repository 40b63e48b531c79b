// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/mirrors.h"

#include "pmkmod/util/exit_codes.h"

struct mirrors {
	struct strvec *lists; /* of prefixes without a slash at the end */
	size_t n;
	struct strvec failed; /* prefixes, or URLs of no list */
	struct strvec told;
	struct strvec given_up; /* scheme://host:port */
};

static const char *const schemes[] = {"http://", "https://"};

static int read_list(struct strvec *list, struct config *c, const char *key, struct err *e)
{
	_cleanup_strvec_ struct strvec words = {0};

	config_list(c, "fetch", key, &words);
	for (size_t i = 0; i < words.n; i++) {
		char *w = words.v[i];
		size_t n = strlen(w);

		if (!behind_prefix(w, schemes, ARRAY_SIZE(schemes)))
			return err_exit(e, EXIT_USAGE, -EINVAL,
				"fetch.%s has '%s', but must be a list of http:// or https:// "
				"addresses below which there are the same files",
				key, w);
		while (w[n - 1] == '/')
			w[--n] = '\0';
		strvec_add(list, w);
	}
	return 0;
}

int mirrors_load(struct mirrors **out, struct config *c, struct err *e)
{
	struct mirrors *m = xcalloc(1, sizeof(*m));
	_cleanup_strvec_ struct strvec keys = {0};
	int r = 0;

	config_keys(c, "fetch", &keys);
	m->lists = xcalloc(keys.n + 1, sizeof(*m->lists));
	for (size_t i = 0; r == 0 && i < keys.n; i++)
		if (starts_with(keys.v[i], "mirrors"))
			r = read_list(&m->lists[m->n++], c, keys.v[i], e);
	if (r < 0) {
		mirrors_free(m);
		return r;
	}
	*out = m;
	return 0;
}

void mirrors_free(struct mirrors *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		strvec_free(&m->lists[i]);
	free(m->lists);
	strvec_free(&m->failed);
	strvec_free(&m->told);
	strvec_free(&m->given_up);
	free(m);
}

/* What of `url` is behind the prefix, with its slash; NULL: it is not below it. */
static const char *below(const char *url, const char *prefix)
{
	size_t n = strlen(prefix);

	return starts_with(url, prefix) && url[n] == '/' ? url + n : NULL;
}

/* The list that has a prefix of `url`, and that prefix; NULL if none has. */
static const struct strvec *list_of(const struct mirrors *m, const char *url, const char **prefix)
{
	for (size_t i = 0; m && i < m->n; i++)
		for (size_t k = 0; k < m->lists[i].n; k++)
			if (below(url, m->lists[i].v[k])) {
				*prefix = m->lists[i].v[k];
				return &m->lists[i];
			}
	return NULL;
}

void mirrors_places(const struct mirrors *m, const char *url, struct strvec *out)
{
	const char *own = NULL;
	const struct strvec *list = list_of(m, url, &own);

	if (!list) {
		strvec_add(out, url);
		return;
	}
	for (int failed = 0; failed < 2; failed++) {
		if (strvec_has(&m->failed, own) == (failed == 1))
			strvec_add(out, url);
		for (size_t i = 0; i < list->n; i++)
			if (!streq(list->v[i], own) &&
				strvec_has(&m->failed, list->v[i]) == (failed == 1))
				strvec_addf(out, "%s%s", list->v[i], below(url, own));
	}
}

void mirrors_failed(struct mirrors *m, const char *url)
{
	const char *prefix;

	if (list_of(m, url, &prefix) && !strvec_has(&m->failed, prefix))
		strvec_add(&m->failed, prefix);
}

bool mirrors_tell(struct mirrors *m, const char *url)
{
	const char *prefix;

	if (!list_of(m, url, &prefix) || strvec_has(&m->told, prefix))
		return false;
	strvec_add(&m->told, prefix);
	return true;
}

static char *server_of(const char *url)
{
	const char *rest = behind_prefix(url, schemes, ARRAY_SIZE(schemes));

	return rest ? xstrndup(url, (size_t)(rest - url) + strcspn(rest, "/")) : xstrdup(url);
}

void mirrors_give_up(struct mirrors *m, const char *url)
{
	if (m && !mirrors_given_up(m, url))
		strvec_take(&m->given_up, server_of(url));
}

bool mirrors_given_up(const struct mirrors *m, const char *url)
{
	_cleanup_free_ char *server = server_of(url);

	return m && strvec_has(&m->given_up, server);
}
