// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/all_devices.h"

static bool is_choice(const struct pmaports_device *d, const char *package)
{
	for (size_t i = 0; i < d->n_kernels; i++) {
		const struct pmaports_kernel *k = &d->kernels[i];

		if ((k->package && streq(k->package, package)) ||
			(k->made_by && streq(k->made_by, package)))
			return true;
	}
	return false;
}

int device_list_load(const struct device_list *l, struct device *d, const char *name, struct err *e)
{
	const struct pmaports_device *pm =
		l->aports.tree ? pmaports_find(l->aports.tree, name) : NULL;
	int r = device_load_with(d, l->x->config, name, &l->aports, e);

	if (r < 0 || !pm || is_choice(pm, d->kernel))
		return r;
	/* the kernel that its profile names is another device's: it is looked up for it alone */
	device_free(d);
	return device_load(d, l->x->config, name, e);
}

static void load_profile(struct device_list *l, struct device_row *r)
{
	struct err e = ERR_INIT;
	int code;

	r->profile = profile_path(l->x->config, "devices", r->name);
	code = device_list_load(l, &r->d, r->name, &e);
	/* several kernels, of which none is chosen, are no problem: as they stand in pmaports */
	if (code < 0 && code != -ENOTUNIQ)
		r->problem = xstrdup(e.text);
}

const struct index_kernel *device_list_package(
	struct device_list *l, const struct arch_info *arch, const char *package)
{
	struct arch_kernels *a = NULL;

	for (size_t i = 0; i < l->n_arches && !a; i++)
		if (l->arches[i].arch == arch)
			a = &l->arches[i];
	if (!arch || !package || !l->channel.name || (!a && l->n_arches == DEVICE_ARCHES_MAX))
		return NULL;
	if (!a) {
		a = &l->arches[l->n_arches++];
		a->arch = arch;
		index_kernels_read(&a->kernels, l->x, &l->channel, arch);
	}
	return index_kernel(&a->kernels, package);
}

static bool has_headers(struct device_list *l, const struct arch_info *arch, const char *package)
{
	const struct index_kernel *k = device_list_package(l, arch, package);

	return k && k->headers;
}

enum verdict device_list_verdict(
	struct device_list *l, const struct pmaports_device *d, const struct pmaports_kernel *k)
{
	if ((k->verdict == VERDICT_SOURCE || k->verdict == VERDICT_SYMVERS) &&
		(has_headers(l, d->arch, k->package) || has_headers(l, d->arch, k->made_by)))
		return VERDICT_READY;
	return k->verdict;
}

static void settle(struct device_list *l, struct device_row *r)
{
	for (size_t i = 0; r->pm && i < r->pm->n_kernels; i++) {
		enum verdict v = device_list_verdict(l, r->pm, &r->pm->kernels[i]);

		if (r->best && v >= r->verdict)
			continue;
		r->best = &r->pm->kernels[i];
		r->verdict = v;
	}
	r->pm_verdict = r->verdict;
	r->judged = r->pm != NULL;
	if (!r->d.name || !r->d.judged)
		return;
	r->judged = true;
	r->verdict = r->d.verdict;
	if ((r->d.verdict == VERDICT_SOURCE || r->d.verdict == VERDICT_SYMVERS) &&
		l->channel.name && streq(l->channel.name, r->d.channel.name) &&
		has_headers(l, r->d.arch, r->d.kernel))
		r->verdict = VERDICT_READY;
}

static int compare_rows(const void *a, const void *b)
{
	return strcmp(((const struct device_row *)a)->name, ((const struct device_row *)b)->name);
}

static void gather(struct device_list *l)
{
	const struct pmaports_device *pm = NULL;
	size_t n = 0;

	profile_names(l->x->config, "devices", &l->profiles);
	if (l->aports.tree)
		pm = pmaports_devices(l->aports.tree, &n);
	l->rows = xcalloc(n + l->profiles.n + 1, sizeof(*l->rows));
	for (size_t i = 0; i < n; i++) {
		struct device_row *r = &l->rows[l->n++];

		*r = (struct device_row){.name = pm[i].name, .pm = &pm[i]};
		if (strvec_has(&l->profiles, pm[i].name))
			load_profile(l, r);
	}
	for (size_t i = 0; i < l->profiles.n; i++) {
		if (l->aports.tree && pmaports_find(l->aports.tree, l->profiles.v[i]))
			continue;
		l->rows[l->n] = (struct device_row){.name = l->profiles.v[i]};
		load_profile(l, &l->rows[l->n++]);
	}
	for (size_t i = 0; i < l->n; i++)
		settle(l, &l->rows[i]);
	if (l->n)
		qsort(l->rows, l->n, sizeof(*l->rows), compare_rows);
}

int device_list_read(struct device_list *l, struct context *x)
{
	int r;

	*l = (struct device_list){.x = x};
	r = aports_tree_load(&l->aports, x->config, x->cache, NULL, NULL);
	/* a channel that is not whole only means that no index is looked at */
	if (l->aports.channel && channel_load(&l->channel, x->config, l->aports.channel, NULL) < 0)
		l->channel = (struct channel){0};
	gather(l);
	return r;
}

const struct device_row *device_list_find(const struct device_list *l, const char *name)
{
	struct device_row key = {.name = name};

	return l->n ? bsearch(&key, l->rows, l->n, sizeof(key), compare_rows) : NULL;
}

void device_list_free(struct device_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		device_free(&l->rows[i].d);
		free(l->rows[i].profile);
		free(l->rows[i].problem);
	}
	free(l->rows);
	for (size_t i = 0; i < l->n_arches; i++)
		index_kernels_free(&l->arches[i].kernels);
	channel_free(&l->channel);
	strvec_free(&l->profiles);
	aports_tree_free(&l->aports);
}
