// SPDX-License-Identifier: GPL-3.0-or-later
/* What a recipe says of the kernels that its module is for. */
#include "pmkmod/build/job.h"
#include "pmkmod/module/kernel_range.h"

static char *wrong_arch(const struct job *j)
{
	const struct strvec *archs = &j->plan->module.archs;
	_cleanup_free_ char *all = strvec_join(archs, ", ");

	if (!archs->n || strvec_has(archs, j->plan->device.arch->alpine))
		return NULL;
	return xasprintf("it is for %s, the phone is %s", all, j->plan->device.arch->alpine);
}

static char *wrong_release(const struct job *j)
{
	const char *range = j->plan->module.kernel_range;

	if (!range || kernel_range_has(range, j->headers.release))
		return NULL;
	return xasprintf("it is for Linux %s, the phone's is %s", range, j->headers.release);
}

/* "CONFIG_X", "!CONFIG_X": on (y or m), or off. */
static char *wrong_config(const struct job *j)
{
	const struct strvec *wanted = &j->plan->module.config;

	for (size_t i = 0; i < wanted->n; i++) {
		bool off = wanted->v[i][0] == '!';
		const char *name = wanted->v[i] + off;
		bool on = kconfig_on(
			j->kconfig, starts_with(name, "CONFIG_") ? name + strlen("CONFIG_") : name);

		if (on == off)
			return xasprintf("it needs a kernel %s %s, and the phone's has it %s",
				off ? "without" : "with", name, on ? "on" : "off");
	}
	return NULL;
}

int job_recipe_limits(struct job *j, struct err *e)
{
	char *(*const questions[])(const struct job *) = {wrong_arch, wrong_release, wrong_config};

	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		_cleanup_free_ char *why = questions[i](j);
		int r = why ? steps_excluded(j, why, e) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}
