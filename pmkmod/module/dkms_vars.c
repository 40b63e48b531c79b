// SPDX-License-Identifier: GPL-3.0-or-later
/* The variables of a dkms.conf: a list of NAME[index] = value, and which names there are. */
#include "pmkmod/module/dkms_parts.h"

/* dkms_conf_variables of DKMS 3.0 to 3.2; signing and its internal names are left out. */
const char *const dkms_names[] = {
	"PACKAGE_NAME",
	"PACKAGE_VERSION",
	"BUILT_MODULE_NAME",
	"BUILT_MODULE_LOCATION",
	"DEST_MODULE_NAME",
	"DEST_MODULE_LOCATION",
	"STRIP",
	"MAKE",
	"MAKE_MATCH",
	"PATCH",
	"PATCH_MATCH",
	"BUILD_DEPENDS",
	"BUILD_DEPENDS_REBUILD",
	"BUILD_EXCLUSIVE_KERNEL",
	"BUILD_EXCLUSIVE_KERNEL_MIN",
	"BUILD_EXCLUSIVE_KERNEL_MAX",
	"BUILD_EXCLUSIVE_ARCH",
	"BUILD_EXCLUSIVE_CONFIG",
	"OBSOLETE_BY",
	"AUTOINSTALL",
	"NO_WEAK_MODULES",
	"PRE_BUILD",
	"POST_BUILD",
	"PRE_INSTALL",
	"POST_INSTALL",
	"POST_ADD",
	"POST_REMOVE",
	"CLEAN",
	"REMAKE_INITRD",
	"MODULES_CONF",
	"MODULES_CONF_OBSOLETES",
	"MODULES_CONF_ALIAS_TYPE",
	"MODULES_CONF_OBSOLETE_ONLY",
	NULL,
};

const char *const dkms_kernel_names[] = {"kernelver", "arch", "kernel_source_dir", "kernel_config",
	"dkms_tree", "source_tree", "install_tree", NULL};

bool dkms_is_name(const char *name)
{
	for (size_t i = 0; dkms_names[i]; i++)
		if (streq(dkms_names[i], name))
			return true;
	return false;
}

void dkms_vars_take(struct dkms_vars *vars, const char *name, unsigned index, char *value)
{
	/* grows whenever the count is a power of two */
	if ((vars->n & (vars->n - 1)) == 0)
		vars->v = xrealloc(vars->v, vars->n ? 2 * vars->n : 1, sizeof(*vars->v));
	vars->v[vars->n++] = (struct dkms_var){xstrdup(name), value, index};
}

void dkms_vars_free(struct dkms_vars *vars)
{
	for (size_t i = 0; i < vars->n; i++) {
		free(vars->v[i].name);
		free(vars->v[i].value);
	}
	free(vars->v);
	*vars = (struct dkms_vars){0};
}

const char *dkms_get(const struct dkms_vars *vars, const char *name, unsigned index)
{
	for (size_t i = vars->n; i-- > 0;)
		if (vars->v[i].index == index && streq(vars->v[i].name, name))
			return vars->v[i].value;
	return NULL;
}

unsigned dkms_end(const struct dkms_vars *vars, const char *name)
{
	unsigned end = 0;

	for (size_t i = 0; i < vars->n; i++)
		if (vars->v[i].index >= end && streq(vars->v[i].name, name))
			end = vars->v[i].index + 1;
	return end;
}

char *dkms_kernel_variable(const struct dkms_kernel *k, const char *name)
{
	const struct {
		const char *name, *value;
	} known[] = {
		{"kernelver", k->kernelver},
		{"arch", k->arch},
		{"kernel_source_dir", k->source_dir},
		{"dkms_tree", k->dkms_tree},
		{"source_tree", k->source_tree},
		{"install_tree", k->install_tree},
	};

	if (streq(name, "kernel_config"))
		return xasprintf("%s/.config", k->source_dir ? k->source_dir : "");
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(known[i].name, name))
			return xstrdup(known[i].value ? known[i].value : "");
	return NULL;
}
