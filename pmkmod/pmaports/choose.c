// SPDX-License-Identifier: GPL-3.0-or-later
/* Which of its kernels a device has. */
#include "pmkmod/pmaports/pmaports.h"
#include "pmkmod/util/exit_codes.h"

static bool same_text(const char *a, const char *b)
{
	return a && b && streq(a, b);
}

/* "mainline (linux-x), downstream (linux-y)"; caller frees. */
static char *choices(const struct pmaports_device *d)
{
	struct strbuf b = {0};

	for (size_t i = 0; i < d->n_kernels; i++) {
		const struct pmaports_kernel *k = &d->kernels[i];

		strbuf_addf(&b, "%s%s (%s)", b.len ? ", " : "",
			k->variant   ? k->variant
			: k->package ? k->package
				     : "none",
			k->package ? k->package : "no package");
	}
	return strbuf_steal(&b);
}

static int no_choice(const struct pmaports_device *d, const char *wanted, struct err *e)
{
	_cleanup_free_ char *all = choices(d);

	if (e)
		e->exit_code = EXIT_USAGE;
	if (wanted)
		err_set(e, -EINVAL, "%s has no kernel '%s', only %s", d->name, wanted, all);
	else
		err_set(e, -ENOTUNIQ, "%s has several kernels: %s", d->name, all);
	err_hint(e, "choose one with --kernel NAME, or as `kernel` in pmbootstrap's "
		    "configuration");
	return wanted ? -EINVAL : -ENOTUNIQ;
}

/* The package with the kernel in it. */
static const char *kernel_package(const struct pmaports_kernel *k)
{
	return k->made_by ? k->made_by : k->package;
}

/* Variants that only differ in their device tree have the same package. */
static const struct pmaports_kernel *only_kernel(const struct pmaports_device *d)
{
	const struct pmaports_kernel *found = NULL;

	for (size_t i = 0; i < d->n_kernels; i++) {
		const struct pmaports_kernel *k = &d->kernels[i];

		if (!k->package)
			continue;
		if (found && !streq(kernel_package(found), kernel_package(k)))
			return NULL;
		if (!found)
			found = k;
	}
	return found ? found : &d->kernels[0];
}

int pmaports_choose_kernel(const struct pmaports_kernel **out, const struct pmaports_device *d,
	const char *wanted, struct err *e)
{
	*out = NULL;
	for (size_t i = 0; wanted && i < d->n_kernels && !*out; i++)
		if (same_text(d->kernels[i].variant, wanted))
			*out = &d->kernels[i];
	for (size_t i = 0; wanted && i < d->n_kernels && !*out; i++)
		if (same_text(d->kernels[i].package, wanted) ||
			same_text(d->kernels[i].made_by, wanted))
			*out = &d->kernels[i];
	if (!wanted)
		*out = only_kernel(d);
	return *out ? 0 : no_choice(d, wanted, e);
}
