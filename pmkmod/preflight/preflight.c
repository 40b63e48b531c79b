// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/preflight/points.h"

const char *const preflight_result_names[] = {"ok", "require", "note", "refuse"};

static const struct {
	const char *name;
	void (*look)(struct preflight_context *x);
} points[] = {
	{"architecture", preflight_architecture},
	{"byte-order", preflight_byte_order},
	{"modules", preflight_modules},
	{"modversions", preflight_modversions},
	{"exports", preflight_exports},
	{"signature", preflight_signature},
	{"firmware", preflight_firmware},
	{"ima", preflight_ima},
	{"loadpin", preflight_loadpin},
	{"cfi", preflight_cfi},
	{"branch-targets", preflight_branch_targets},
	{"shadow-call-stack", preflight_shadow_call_stack},
	{"lto", preflight_lto},
	{"btf", preflight_btf},
	{"randstruct", preflight_randstruct},
	{"plugins", preflight_plugins},
	{"stack-protector", preflight_stack_protector},
	{"compiler", preflight_compiler},
	{"thumb2", preflight_thumb2},
	{"page-size", preflight_page_size},
	{"compression", preflight_compression},
	{"rust", preflight_rust},
};

void preflight_add(struct preflight_context *x, enum preflight_result result, const char *fmt, ...)
{
	struct preflight *p = x->out;
	struct strbuf text = {0};
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&text, fmt, ap);
	va_end(ap);
	p->points[p->n_points++] = (struct preflight_point){x->name, result, strbuf_steal(&text)};
	p->n_refused += result == PREFLIGHT_REFUSE;
}

bool preflight_since(const struct preflight_context *x, uint32_t version)
{
	return !x->version || x->version >= version;
}

const char *preflight_first(const struct preflight_context *x, const char *const *symbols)
{
	for (; *symbols; symbols++)
		if (kconfig_yes(x->c, *symbols))
			return *symbols;
	return NULL;
}

static void find_compiler(struct preflight_context *x)
{
	struct compiler *c = &x->out->compiler;

	if (!compiler_from_config(c, x->c) && x->in->banner)
		compiler_from_text(c, x->in->banner);
	x->out->clang = c->family == COMPILER_CLANG;
}

void preflight_check(struct preflight *p, const struct preflight_input *in)
{
	struct preflight_context x = {.in = in,
		.c = in->config,
		.version = in->release ? kernel_version_code(in->release) : 0,
		.out = p};

	*p = (struct preflight){.points = xcalloc(ARRAY_SIZE(points), sizeof(*p->points))};
	find_compiler(&x);
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		x.name = points[i].name;
		points[i].look(&x);
	}
}

void preflight_free(struct preflight *p)
{
	for (size_t i = 0; i < p->n_points; i++)
		free(p->points[i].text);
	free(p->points);
	strvec_free(&p->make_args);
	*p = (struct preflight){0};
}

const struct preflight_point *preflight_find(const struct preflight *p, const char *name)
{
	for (size_t i = 0; i < p->n_points; i++)
		if (streq(p->points[i].name, name))
			return &p->points[i];
	return NULL;
}

char *preflight_text(const struct preflight *p)
{
	struct strbuf b = {0};

	for (size_t i = 0; i < p->n_points; i++)
		strbuf_addf(&b, "%s: %s: %s\n", p->points[i].name,
			preflight_result_names[p->points[i].result], p->points[i].text);
	return strbuf_steal(&b);
}
