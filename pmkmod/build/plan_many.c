// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/plan_many.h"

#include "pmkmod/build/source.h"

int plan_module_open(struct plan_module *m, struct context *x, const char *asked, struct err *e)
{
	struct plan p = {.x = x};
	int r;

	*m = (struct plan_module){0};
	r = module_load(&p.module, x->config, asked, e);
	if (r == 0 && p.module.kind != SOURCE_PACKAGE)
		r = source_describe(&p, e);
	if (r == 0) {
		/* a commit or a checksum that was found belongs to the module */
		m->module = p.module;
		m->source = steal_ptr(p.source);
		m->version = steal_ptr(p.version);
		m->patches = p.patches;
		p.module = (struct module){0};
		p.patches = (struct strvec){0};
	}
	plan_free(&p);
	return r;
}

void plan_module_close(struct plan_module *m)
{
	module_free(&m->module);
	strvec_free(&m->patches);
	free(m->source);
	free(m->version);
	*m = (struct plan_module){0};
}

static bool same_words(const struct strvec *a, const struct strvec *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = streq(a->v[i], b->v[i]);
	return same;
}

bool plan_same_roots(const struct plan_module *a, const struct plan_module *b)
{
	return a->module.kind != SOURCE_PACKAGE && b->module.kind != SOURCE_PACKAGE &&
	       same_words(&a->module.packages, &b->module.packages) &&
	       !a->module.overlays.n == !b->module.overlays.n;
}

/* What is borrowed must not be freed with the plan. */
static void give_back_module(struct plan *p)
{
	p->module = (struct module){0};
	free(p->source);
	p->source = NULL;
	strvec_reset(&p->patches);
	free(p->version);
	p->version = NULL;
	companions_free(&p->companions);
	free(p->text);
	p->text = NULL;
	free(p->key);
	p->key = NULL;
	p->cell[0] = '\0';
	p->source_date = 0;
}

static void borrow_module(struct plan *p, const struct plan_module *m)
{
	p->module = m->module;
	p->module.autoload = m->module.autoload || p->device.autoload;
}

int plan_loan_module(struct plan *p, const struct plan_module *m, struct err *e)
{
	size_t built = 0;
	int r = 0;

	give_back_module(p);
	borrow_module(p, m);
	for (size_t i = 0; i < m->module.depends.n; i++)
		built += companion_find(
			&p->companions, p->x, p->device.name, m->module.depends.v[i]);
	if (p->headers_todo || built < m->module.depends.n)
		return -ENODATA;
	if (m->source) {
		p->source = xstrdup(m->source);
		p->version = xstrdup(m->version);
		strvec_add_all(&p->patches, &m->patches);
	} else {
		r = source_describe(p, e);
	}
	if (r == 0)
		plan_finish(p);
	return r;
}

int plan_loan(struct plan *p, struct context *x, const struct device *d,
	const struct plan_module *m, struct err *e)
{
	int r;

	*p = (struct plan){.x = x, .device = *d};
	borrow_module(p, m);
	r = plan_root(p, e);
	return r < 0 ? r : plan_loan_module(p, m, e);
}

void plan_loan_end(struct plan *p)
{
	give_back_module(p);
	p->device = (struct device){0};
	plan_free(p);
}
