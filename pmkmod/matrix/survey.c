// SPDX-License-Identifier: GPL-3.0-or-later
/* What there is to build: a plan for each device and module, and what is known of its cell. */
#include "pmkmod/build/all_devices.h"
#include "pmkmod/build/cell.h"
#include "pmkmod/build/plan_many.h"
#include "pmkmod/build/plan_memory.h"
#include "pmkmod/matrix/cells.h"
#include "pmkmod/matrix/matrix.h"
#include "pmkmod/util/exit_codes.h"

/* of modules that depend on each other; a circle is told when one of them is built */
#define DEPTH_MAX 16

struct survey {
	struct matrix *m;
	struct context *x;
	struct device_list all;
	struct plan_module *modules; /* in the order of m->modules */
	struct err *problems; /* why a module cannot be used; code 0: it can */
	bool *done; /* of the modules, for the device at hand */
	struct cell_index index;
	struct strvec kernels; /* each once; its place is its number */
};

/* ---- cells ---- */

static uint32_t kernel_number(struct survey *s, const struct device *d, const char *version)
{
	_cleanup_free_ char *text = xasprintf("%s %s %s %s", d->channel.name ? d->channel.name : "",
		d->arch ? d->arch->alpine : "", d->kernel, version ? version : "");

	for (size_t i = 0; i < s->kernels.n; i++)
		if (streq(s->kernels.v[i], text))
			return (uint32_t)i;
	strvec_add(&s->kernels, text);
	return (uint32_t)s->kernels.n - 1;
}

/* The cell that `key` stands for, new or known; the slot is its. */
static struct matrix_cell *put(
	struct survey *s, size_t device, size_t module, const char *key, bool *new)
{
	struct matrix *m = s->m;
	uint32_t at = cell_index_put(&s->index, key, (uint32_t)m->n_cells, new);

	m->slots[device * m->n_modules + module] = at;
	if (*new) {
		/* in steps: a matrix has tens of thousands */
		if ((m->n_cells & (m->n_cells - 1)) == 0)
			m->cells = xrealloc(
				m->cells, m->n_cells ? 2 * m->n_cells : 1, sizeof(*m->cells));
		m->cells[m->n_cells++] = (struct matrix_cell){
			.device = (uint32_t)device, .module = (uint32_t)module};
	}
	return &m->cells[at];
}

static void refuse(struct survey *s, size_t device, size_t module, uint32_t kernel, int code,
	const struct err *e)
{
	int exit_code = failure_exit_code(code, e);
	_cleanup_free_ char *key = xasprintf("refused %u %zu %s", kernel, module, e->text);
	bool new;
	struct matrix_cell *c = put(s, device, module, key, &new);

	if (!new)
		return;
	c->kernel = kernel;
	c->exit_code = exit_code;
	c->state = matrix_state_of_failure(exit_code);
	c->error = xstrdup(e->text);
	c->stage = xstrdup("resolve");
}

static void refuse_device(struct survey *s, size_t device, uint32_t kernel, int code,
	const struct err *e, const struct plan_module *like)
{
	for (size_t i = 0; i < s->m->n_modules; i++)
		if (!s->done[i] && (!like || like == &s->modules[i] ||
					   plan_same_roots(like, &s->modules[i]))) {
			refuse(s, device, i, kernel, code, e);
			s->done[i] = true;
		}
}

static void recall(struct survey *s, struct matrix_cell *c, const struct plan *p)
{
	struct cell_result r;
	int known = s->x->rebuild ? 0 : cell_recall(p, &r);

	if (known)
		matrix_cell_take(c, &r, true);
}

static bool are_current(
	struct survey *s, const struct device *d, const struct strvec *names, unsigned depth);

/* A recipe that is one of the matrix' modules is read already; NULL: it is none. */
static const struct plan_module *in_matrix(const struct survey *s, const char *name)
{
	for (size_t i = 0; i < s->m->n_modules; i++) {
		const struct module *m = &s->modules[i].module;

		if (!s->problems[i].code && m->recipe && streq(m->name, name))
			return &s->modules[i];
	}
	return NULL;
}

/* Is what a module is built upon built, of its inputs as they are now? Then builds mean that. */
static bool is_current(struct survey *s, const struct device *d, const char *name, unsigned depth)
{
	struct plan_module own = {0};
	const struct plan_module *m = in_matrix(s, name);
	struct plan p = {0};
	struct cell_result r = {0};
	bool current = false;

	if (!m && plan_module_open(&own, s->x, name, NULL) == 0)
		m = &own;
	if (m) {
		current = are_current(s, d, &m->module.depends, depth + 1) &&
			  plan_loan(&p, s->x, d, m, NULL) == 0 && cell_recall(&p, &r) > 0;
		if (current)
			cell_set_latest_of(s->x, d->name, m->module.name, p.cell, NULL);
		cell_result_free(&r);
		plan_loan_end(&p);
	}
	plan_module_close(&own);
	return current;
}

static bool are_current(
	struct survey *s, const struct device *d, const struct strvec *names, unsigned depth)
{
	bool current = depth < DEPTH_MAX && !(names->n && s->x->rebuild);

	for (size_t i = 0; current && i < names->n; i++)
		current = is_current(s, d, names->v[i], depth);
	return current;
}

/* Are these, and what they depend on, modules of the matrix? Nothing in a circle is. */
static bool builds_all(const struct survey *s, const struct strvec *names, unsigned depth)
{
	bool all = depth < DEPTH_MAX || !names->n;

	for (size_t i = 0; all && i < names->n; i++) {
		const struct plan_module *m = in_matrix(s, names->v[i]);

		all = m && builds_all(s, &m->module.depends, depth + 1);
	}
	return all;
}

static bool uses_origin(const struct plan *p)
{
	return p->headers_todo || (p->made.dev.name && !made_headers_are_repaired(&p->made));
}

/* Other machines have copies of profiles elsewhere, and nothing of this one's state. */
static bool is_of_here(const struct survey *s, const struct kernel_origin *o)
{
	_cleanup_strvec_ struct strvec folders = {0};
	bool here = headers_origin_below(o, s->x->state);

	config_list(s->x->config, "paths", "profiles", &folders);
	for (size_t i = 0; !here && i < folders.n; i++)
		here = headers_origin_below(o, folders.v[i]);
	return here;
}

static void place(struct survey *s, struct plan *p, size_t device, size_t module, uint32_t kernel)
{
	const struct plan_module *pm = &s->modules[module];
	/* which builds of those it depends on are meant is known only now */
	bool current = are_current(s, &p->device, &pm->module.depends, 0), new;
	bool planned = !pm->module.depends.n || (current && plan_loan_module(p, pm, NULL) == 0);
	bool unknown = !current || !planned || !p->cell[0];
	_cleanup_free_ char *key =
		unknown ? xasprintf("unknown %u %zu", kernel, module) : xstrdup(p->cell);
	struct matrix_cell *c = put(s, device, module, key, &new);

	if (!new)
		return;
	c->kernel = kernel;
	c->headers_first = p->headers_todo != NULL;
	c->here = p->sign_key || !builds_all(s, &p->module.depends, 0) ||
		  (uses_origin(p) && is_of_here(s, &p->device.origin));
	if (unknown)
		return;
	c->hash = xstrdup(p->cell);
	if (s->m->keep_plans)
		c->plan = xstrdup(p->text);
	recall(s, c, p);
}

/* ---- one device ---- */

static void describe_device(struct matrix_device *out, const struct device *d)
{
	out->title = xstrdup(d->title);
	out->arch = xstrdup(d->arch->alpine);
	out->channel = xstrdup(d->channel.name);
	out->kernel = xstrdup(d->kernel);
	if (d->judged)
		out->verdict = verdict_names[d->verdict];
}

/* All modules that want the same roots as module `first`. */
static void survey_roots(struct survey *s, size_t device, const struct device *d, size_t first)
{
	struct matrix_device *out = &s->m->devices[device];
	const struct plan_module *like = &s->modules[first];
	struct err e = ERR_INIT;
	struct plan p;
	uint32_t kernel;
	int r = plan_loan(&p, s->x, d, like, &e);

	if (r == 0 || r == -ENODATA) {
		if (!out->kernel_version)
			out->kernel_version = xstrdup(p.target.kernel.version);
	}
	kernel = kernel_number(s, d, p.target.kernel.version);
	if (r < 0 && r != -ENODATA) {
		refuse_device(s, device, kernel, r, &e, like);
		plan_loan_end(&p);
		return;
	}
	for (size_t i = first; i < s->m->n_modules; i++) {
		if (s->done[i] || (i != first && !plan_same_roots(like, &s->modules[i])))
			continue;
		s->done[i] = true;
		err_clear(&e);
		if (i != first)
			r = plan_loan_module(&p, &s->modules[i], &e);
		if (r < 0 && r != -ENODATA)
			refuse(s, device, i, kernel, r, &e);
		else
			place(s, &p, device, i, kernel);
	}
	plan_loan_end(&p);
}

static void survey_device(struct survey *s, size_t device)
{
	struct matrix_device *out = &s->m->devices[device];
	struct device d = {0};
	struct err e = ERR_INIT;
	int r;

	matrix_choose_kernel(s->x, out);
	r = device_list_load(&s->all, &d, out->device, &e);
	memset(s->done, 0, s->m->n_modules * sizeof(*s->done));
	for (size_t i = 0; i < s->m->n_modules; i++)
		if (s->problems[i].code) {
			refuse(s, device, i, UINT32_MAX, s->problems[i].code, &s->problems[i]);
			s->done[i] = true;
		}
	if (r < 0)
		refuse_device(s, device, UINT32_MAX, r, &e, NULL);
	else
		describe_device(out, &d);
	for (size_t i = 0; r == 0 && i < s->m->n_modules && !interrupted(); i++)
		if (!s->done[i])
			survey_roots(s, device, &d, i);
	device_free(&d);
}

/* ---- the whole ---- */

void matrix_choose_kernel(const struct context *x, const struct matrix_device *d)
{
	if (d->choice)
		config_set(x->config, "kernel", "name", d->choice);
	else
		config_set(x->config, "kernel", "name", "");
}

static void add_device(struct matrix *m, const struct device_list *all, const char *name)
{
	struct matrix_device *d = &m->devices[m->n_devices++];
	const char *colon = strchr(name, ':');

	*d = (struct matrix_device){.name = xstrdup(name)};
	if (!colon || device_list_find(all, name)) {
		d->device = xstrdup(name);
		return;
	}
	d->device = xstrndup(name, (size_t)(colon - name));
	d->choice = xstrdup(colon + 1);
}

/* Packages are called after the module: two of the same name would take each other's place. */
static int check_names(const struct matrix *m, struct err *e)
{
	for (size_t i = 0; i < m->n_modules; i++)
		for (size_t k = 0; k < i; k++)
			if (streq(m->modules[i].name, m->modules[k].name))
				return err_exit(e, EXIT_USAGE, -EINVAL,
					"'%s' and '%s' are both called %s, so that the package of one "
					"would take the place of the other's; build them one after the "
					"other, or give one a recipe with another name",
					m->modules[k].asked, m->modules[i].asked,
					m->modules[i].name);
	return 0;
}

/* How it is named from anywhere: a folder by the path that it really has. */
static char *asked(const struct plan_module *pm, const char *word)
{
	const struct module *m = &pm->module;
	char *real = m->recipe || m->fetch_url ? NULL : realpath(m->location, NULL);

	if (real)
		return real;
	return xstrdup(m->recipe || !m->location ? word : m->location);
}

/* The same source by another word. */
static bool is_there(const struct matrix *m, const char *asked_for)
{
	for (size_t i = 0; i < m->n_modules; i++)
		if (streq(m->modules[i].asked, asked_for))
			return true;
	return false;
}

/* A module that cannot be used is an error if it is the only one: then there is nothing to do. */
static int read_modules(struct survey *s, const struct strvec *names, struct err *e)
{
	struct matrix *m = s->m;
	size_t broken = 0;

	for (size_t i = 0; i < names->n; i++) {
		struct plan_module *pm = &s->modules[m->n_modules];
		struct matrix_module *out = &m->modules[m->n_modules];
		struct err *problem = &s->problems[m->n_modules];
		int r = plan_module_open(pm, s->x, names->v[i], problem);

		if (interrupted())
			return err_set(e, -EINTR, "interrupted");
		*out = (struct matrix_module){
			.asked = r < 0 ? xstrdup(names->v[i]) : asked(pm, names->v[i]),
			.name = xstrdup(r < 0 ? names->v[i] : pm->module.name),
			.title = xstrdup(r < 0 ? NULL : pm->module.title)};
		if (is_there(m, out->asked)) {
			free(out->asked);
			free(out->name);
			free(out->title);
			*out = (struct matrix_module){0};
			plan_module_close(pm);
			err_clear(problem);
			continue;
		}
		broken += r < 0;
		if (r == 0)
			strvec_add_all(&out->depends, &pm->module.depends);
		m->n_modules++;
	}
	if (broken < m->n_modules)
		return check_names(m, e);
	if (e)
		*e = s->problems[0];
	return s->problems[0].code;
}

static void make_space(struct survey *s, const struct strvec *devices, const struct strvec *modules)
{
	struct matrix *m = s->m;

	m->devices = xcalloc(devices->n, sizeof(*m->devices));
	m->modules = xcalloc(modules->n, sizeof(*m->modules));
	m->slots = xcalloc(devices->n * modules->n, sizeof(*m->slots));
	s->modules = xcalloc(modules->n, sizeof(*s->modules));
	s->problems = xcalloc(modules->n, sizeof(*s->problems));
	s->done = xcalloc(modules->n, sizeof(*s->done));
}

static int survey_all(struct survey *s, struct err *e)
{
	struct progress *p = &s->x->progress;
	bool quiet = p->quiet;

	for (size_t i = 0; i < s->m->n_devices; i++) {
		if (interrupted())
			return err_set(e, -EINTR, "interrupted");
		progress_detail(p, "%zu of %zu devices", i, s->m->n_devices);
		/* what is odd about each of them is told when one builds for it alone */
		p->quiet = true;
		survey_device(s, i);
		p->quiet = quiet;
	}
	return 0;
}

static int choose(struct survey *s, const char *devices, const char *modules, struct err *e)
{
	_cleanup_strvec_ struct strvec d = {0}, m = {0};
	int r;

	/* without pmaports there still are profiles */
	device_list_read(&s->all, s->x);
	r = matrix_select_devices(&d, &s->all, devices, e);
	if (r == 0)
		r = matrix_select_modules(&m, s->x, modules, e);
	if (r < 0)
		return r;
	make_space(s, &d, &m);
	r = read_modules(s, &m, e);
	for (size_t i = 0; r == 0 && i < d.n; i++)
		add_device(s->m, &s->all, d.v[i]);
	return r;
}

int matrix_survey(struct matrix *m, struct context *x, const char *devices, const char *modules,
	struct err *e)
{
	struct survey s = {.m = m, .x = x};
	bool makes = x->make_headers;
	_cleanup_free_ char *kernel = xstrdup(config_get(x->config, "kernel", "name"));
	int r;

	*m = (struct matrix){.keep_plans = m->keep_plans};
	if (kernel)
		return err_exit(e, EXIT_USAGE, -EINVAL,
			"--kernel chooses a kernel of one device; of many say <device>:%s", kernel);
	progress_stage(&x->progress, "resolve", "devices and modules");
	plan_memory_open(x);
	x->make_headers = false;
	r = choose(&s, devices, modules, e);
	if (r == 0)
		r = survey_all(&s, e);
	x->make_headers = makes;
	plan_memory_close(x);
	for (size_t i = 0; i < m->n_modules; i++)
		plan_module_close(&s.modules[i]);
	free(s.modules);
	free(s.problems);
	free(s.done);
	strvec_free(&s.kernels);
	cell_index_free(&s.index);
	device_list_free(&s.all);
	if (r < 0)
		progress_failed(&x->progress);
	else
		progress_done(&x->progress, "%zu device%s, %zu module%s, %zu cell%s", m->n_devices,
			m->n_devices == 1 ? "" : "s", m->n_modules, m->n_modules == 1 ? "" : "s",
			m->n_cells, m->n_cells == 1 ? "" : "s");
	return r;
}
