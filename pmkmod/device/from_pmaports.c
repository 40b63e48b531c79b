// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/device/from_pmaports.h"

#include "pmkmod/pmbootstrap/pmbootstrap.h"

static int open_tree(struct aports_tree *t, const struct pmbootstrap *p, struct config *c,
	const char *cache, const char *only, const char *kernel, struct err *e)
{
	struct pmaports_query q = {
		.folders = &t->folders, .cache = cache, .only = only, .kernel = kernel};
	struct pmaports_channel ch;
	struct err why = ERR_INIT;
	int channel = pmaports_channel_load(&ch, p, &why), r;

	if (channel == 0) {
		t->channel = xstrdup(ch.name);
		q.systemd = pmbootstrap_systemd(p, &ch) > 0;
		channel = pmbootstrap_define_channel(c, p, &ch, &why);
		strvec_add_all(&t->notes, &ch.notes);
		pmaports_channel_free(&ch);
	}
	r = pmaports_load(&t->tree, &q, e);
	if (r < 0)
		return r; /* which says enough */
	if (channel < 0) {
		strvec_add(&t->notes, why.text);
		t->channel_problem = why;
	}
	strvec_add_all(&t->notes, pmaports_notes(t->tree));
	return 0;
}

int aports_tree_load(struct aports_tree *t, struct config *c, const char *cache, const char *only,
	const char *kernel)
{
	struct pmbootstrap p;
	int r;

	*t = (struct aports_tree){.channel_problem = ERR_INIT, .problem = ERR_INIT};
	r = pmbootstrap_load(&p, c, &t->problem);
	if (r < 0)
		return r;
	strvec_add_all(&t->folders, &p.aports);
	strvec_add_all(&t->notes, &p.notes);
	t->device = xstrdup(p.device);
	t->kernel = xstrdup(p.kernel);
	r = open_tree(t, &p, c, cache, only, kernel, &t->problem);
	pmbootstrap_free(&p);
	return r;
}

void aports_tree_free(struct aports_tree *t)
{
	pmaports_free(t->tree);
	strvec_free(&t->folders);
	strvec_free(&t->notes);
	free(t->channel);
	free(t->device);
	free(t->kernel);
	*t = (struct aports_tree){.problem = ERR_INIT};
}

void device_aport_find(struct device_aport *a, const struct aports_tree *t, const char *name)
{
	*a = (struct device_aport){0};
	if (t->tree)
		a->device = pmaports_find(t->tree, name);
	if (a->device)
		a->channel = t->channel;
}

static bool has_variant(const struct pmaports_device *d, const char *name)
{
	for (size_t i = 0; name && i < d->n_kernels; i++)
		if (d->kernels[i].variant && streq(d->kernels[i].variant, name))
			return true;
	return false;
}

/*
 * pmbootstrap's `kernel` is the choice for its own device. For another one it only counts as the
 * name of a variant that was set on purpose: "stable" is what stands there when nobody chose.
 */
static const char *configured(const struct device_aport *a, const struct aports_tree *t)
{
	bool own = t->device && streq(t->device, a->device->name);

	if (!has_variant(a->device, t->kernel) || (!own && streq(t->kernel, "stable")))
		return NULL;
	return t->kernel;
}

/* Was another kernel chosen for the device that pmbootstrap is set to than there is now? */
static bool is_gone(const struct device_aport *a, const struct aports_tree *t)
{
	return t->device && streq(t->device, a->device->name) && t->kernel && *t->kernel &&
	       !streq(t->kernel, "stable") && !has_variant(a->device, t->kernel);
}

int device_aport_choose(struct device_aport *a, const struct aports_tree *t, struct config *c,
	const char *wanted, struct err *e)
{
	const char *ours = config_get(c, "pmbootstrap", "kernel");
	int r;

	if (!wanted)
		wanted = ours ? ours : configured(a, t);
	if (!wanted && is_gone(a, t))
		a->gone = t->kernel;
	r = pmaports_choose_kernel(&a->kernel, a->device, wanted, e);
	if (r < 0 && a->gone)
		err_hint(
			e, "'%s', which pmbootstrap is configured for, is not among them", a->gone);
	return r;
}

static void fill(char **slot, const char *value)
{
	if (!*slot && value)
		*slot = xstrdup(value);
}

/* Of a kernel that only a profile names, Alpine's are known. */
static void profile_alone(struct device *d)
{
	if (!d->kernel || !pmaports_is_alpine(d->kernel))
		return;
	d->judged = true;
	d->verdict = VERDICT_READY;
	d->why = xasprintf("Alpine's own kernel: its headers are in the package %s-dev", d->kernel);
}

void device_aport_fill(const struct device_aport *a, struct device *d)
{
	const struct pmaports_kernel *k = a->kernel;
	struct kernel_origin *o = &d->origin;

	if (a->device)
		fill(&d->title, a->device->title);
	if (!k) {
		profile_alone(d);
		return;
	}
	if (a->gone)
		strvec_addf(&d->notes,
			"pmbootstrap is configured for the kernel '%s' of %s, which it does not have: it "
			"is built for %s",
			a->gone, d->name, k->package ? k->package : "none");
	fill(&d->kernel, k->made_by ? k->made_by : k->package);
	fill(&d->flavor, k->flavor);
	d->judged = true;
	d->verdict = k->verdict;
	d->firmware_decides = k->firmware_decides;
	fill(&d->why, k->why);
	fill(&d->remedy, k->remedy);
	fill(&d->decided_by, k->lines);
	/* without a version the aport could not be read */
	if (!k->aport || !k->version || o->kdir || o->source || o->aport)
		return;
	o->aport = xstrdup(k->aport);
	o->implied = true;
	if (!streq(k->compiler, "gcc"))
		fill(&o->cc, k->compiler);
}
