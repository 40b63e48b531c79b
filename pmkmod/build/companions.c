// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/companions.h"

#include <fcntl.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/cell.h"
#include "pmkmod/build/context.h"

const struct companion *companion_get(const struct companions *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (streq(c->v[i].name, name))
			return &c->v[i];
	return NULL;
}

bool companion_find(
	struct companions *out, const struct context *x, const char *device, const char *name)
{
	struct cell_result result = {0};
	struct companion *c;
	_cleanup_free_ char *symvers = NULL;

	if (companion_get(out, name))
		return true;
	if (!cell_latest_built(x, device, name, &result, &symvers))
		return false;
	out->v = xrealloc(out->v, out->n + 1, sizeof(*out->v));
	c = &out->v[out->n++];
	*c = (struct companion){.name = xstrdup(name), .release = steal_ptr(result.release)};
	if (hash_file(AT_FDCWD, symvers, HASH_SHA256, &c->sum, NULL) == 0)
		c->symvers = steal_ptr(symvers);
	else
		c->sum = (struct hash){0};
	cell_result_free(&result);
	return true;
}

#define LINE "exports-of "

void companions_print(const struct companions *c, struct strbuf *b)
{
	char hex[HASH_HEX_MAX];

	for (size_t i = 0; i < c->n; i++) {
		if (!c->v[i].symvers)
			continue;
		hash_hex(&c->v[i].sum, hex);
		strbuf_addf(b, LINE "%s sha256:%s\n", c->v[i].name, hex);
	}
}

char *companions_text(const struct companions *c)
{
	struct strbuf b = {0};

	companions_print(c, &b);
	return b.len ? strbuf_steal(&b) : NULL;
}

bool companions_unchanged(const char *text, const struct context *x, const char *device)
{
	_cleanup_strvec_ struct strvec lines = {0};
	_cleanup_free_ char *now = NULL;
	struct companions c = {0};
	bool same;

	if (!text)
		return true;
	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		_cleanup_free_ char *name = NULL;

		if (!starts_with(lines.v[i], LINE))
			continue;
		name = xstrdup(lines.v[i] + strlen(LINE));
		name[strcspn(name, " ")] = '\0';
		companion_find(&c, x, device, name);
	}
	now = companions_text(&c);
	same = streq(now ? now : "", text);
	companions_free(&c);
	return same;
}

void companions_free(struct companions *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].name);
		free(c->v[i].symvers);
		free(c->v[i].release);
	}
	free(c->v);
	*c = (struct companions){0};
}
