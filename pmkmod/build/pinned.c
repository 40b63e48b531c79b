// SPDX-License-Identifier: GPL-3.0-or-later
/* Pinned packages as text: in the cache of resolutions, in plans and in layer ids. */
#include <inttypes.h>

#include "pmkmod/build/pinned.h"

/* Bumped whenever the way a layer is assembled changes what ends up in it. */
#define LAYER_FORMAT 2

void pinned_from(struct pinned *out, const struct apk_pkg *p)
{
	*out = (struct pinned){.name = xstrdup(p->name),
		.version = xstrdup(p->version),
		.identity = p->identity,
		.build_time = p->build_time};
}

void pinned_set_add(struct pinned_set *set, const struct apk_pkg *p)
{
	set->v = xrealloc(set->v, set->n + 1, sizeof(*set->v));
	pinned_from(&set->v[set->n++], p);
}

void pinned_print(const struct pinned *p, struct strbuf *out)
{
	_cleanup_free_ char *q = apk_identity_text(&p->identity);

	strbuf_addf(out, "%s %s %s %" PRId64, p->name, p->version, q, p->build_time);
}

int pinned_parse(struct pinned *out, const char *line)
{
	_cleanup_strvec_ struct strvec f = {0};

	*out = (struct pinned){0};
	strvec_split(&f, line, " ");
	if (f.n != 4 || apk_identity_parse(&out->identity, f.v[2]) < 0)
		return -EINVAL;
	out->name = xstrdup(f.v[0]);
	out->version = xstrdup(f.v[1]);
	out->build_time = strtoll(f.v[3], NULL, 10);
	return 0;
}

void pinned_set_print(const struct pinned_set *set, struct strbuf *out)
{
	for (size_t i = 0; i < set->n; i++) {
		_cleanup_free_ char *q = apk_identity_text(&set->v[i].identity);

		strbuf_addf(out, "%s-%s %s\n", set->v[i].name, set->v[i].version, q);
	}
}

void pinned_set_id(const struct pinned_set *set, const struct arch_info *arch, bool usr_merge,
	const char *below, char id[HASH_HEX_MAX])
{
	_cleanup_strbuf_ struct strbuf b = {0};
	struct hash h;

	strbuf_addf(&b, "layer %d\narch %s\nusr_merge %d\nbelow %s\n", LAYER_FORMAT, arch->alpine,
		usr_merge, below ? below : "-");
	pinned_set_print(set, &b);
	hash_buf(HASH_SHA256, b.s, b.len, &h);
	hash_hex(&h, id);
}

void pinned_set_subtract(
	struct pinned_set *out, const struct pinned_set *whole, const struct pinned_set *base)
{
	for (size_t i = 0; i < whole->n; i++) {
		const struct pinned *p = &whole->v[i];
		bool there = false;

		for (size_t k = 0; !there && k < base->n; k++)
			there = hash_eq(&p->identity, &base->v[k].identity);
		if (there)
			continue;
		out->v = xrealloc(out->v, out->n + 1, sizeof(*out->v));
		out->v[out->n++] = (struct pinned){.name = xstrdup(p->name),
			.version = xstrdup(p->version),
			.identity = p->identity,
			.build_time = p->build_time};
	}
}

void pinned_free(struct pinned *p)
{
	free(p->name);
	free(p->version);
	*p = (struct pinned){0};
}

void pinned_set_free(struct pinned_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		pinned_free(&set->v[i]);
	free(set->v);
	strvec_free(&set->world);
	*set = (struct pinned_set){0};
}

void resolution_free(struct resolution *r)
{
	pinned_free(&r->kernel);
	pinned_free(&r->source);
	pinned_set_free(&r->toolchain);
	pinned_set_free(&r->headers);
}
