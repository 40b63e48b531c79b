// SPDX-License-Identifier: GPL-3.0-or-later
/* For which kernels a dkms.conf is: BUILD_EXCLUSIVE_* and OBSOLETE_BY, as DKMS 3.2 compares. */
#include <regex.h>

#include "pmkmod/module/dkms_parts.h"

int dkms_match(const char *text, const char *pattern, const char *what, struct strvec *warnings)
{
	regex_t re;
	int rc;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
		strvec_addf(warnings,
			"%s is '%s', which is no regular expression: it matches nothing", what,
			pattern);
		return -1;
	}
	rc = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return rc;
}

/*
 * A version in which every number has at least three digits, so that versions compare as text
 * (VER() of DKMS): 6.6.1-lts is 006.006.001-lts. Caller frees.
 */
static char *padded(const char *version)
{
	struct strbuf b = {0};

	while (*version) {
		size_t digits = strspn(version, "0123456789");

		if (digits == 0) {
			strbuf_addc(&b, *version++);
			continue;
		}
		for (size_t i = digits; i < 3; i++)
			strbuf_addc(&b, '0');
		strbuf_add(&b, version, digits);
		version += digits;
	}
	return strbuf_steal(&b);
}

static int compare_versions(const char *a, const char *b)
{
	_cleanup_free_ char *x = padded(a), *y = padded(b);

	return strcmp(x, y);
}

static char *by_version(const struct dkms_vars *vars, const char *release)
{
	const char *min = dkms_get(vars, "BUILD_EXCLUSIVE_KERNEL_MIN", 0);
	const char *max = dkms_get(vars, "BUILD_EXCLUSIVE_KERNEL_MAX", 0);
	const char *obsolete = dkms_get(vars, "OBSOLETE_BY", 0);

	if (min && *min && compare_versions(release, min) < 0)
		return xasprintf("the kernel is %s, and it is for %s and later "
				 "(BUILD_EXCLUSIVE_KERNEL_MIN)",
			release, min);
	if (max && *max) {
		if (compare_versions(release, max) <= 0)
			return NULL;
		return xasprintf("the kernel is %s, and it is for %s and before "
				 "(BUILD_EXCLUSIVE_KERNEL_MAX)",
			release, max);
	}
	if (obsolete && *obsolete && compare_versions(release, obsolete) > 0)
		return xasprintf("the kernel is %s, and kernels after %s have it of their own "
				 "(OBSOLETE_BY)",
			release, obsolete);
	return NULL;
}

/* A pattern that is none keeps every kernel out, as it does with DKMS. */
static char *by_pattern(const struct dkms_vars *vars, const char *name, const char *what,
	const char *text, struct strvec *warnings)
{
	const char *pattern = dkms_get(vars, name, 0);

	if (!pattern || !*pattern || dkms_match(text, pattern, name, warnings) == 1)
		return NULL;
	return xasprintf(
		"%s is %s, and it is for those that match '%s' (%s)", what, text, pattern, name);
}

/* DKMS looks for "NAME=y" and "NAME=m" in .config: a name without CONFIG_ is never there. */
static char *by_symbol(const char *word, const struct kconfig *config, struct strvec *warnings)
{
	bool unwanted = *word == '!';
	const char *name = word + unwanted, *value = NULL;
	bool on;

	if (starts_with(name, "CONFIG_"))
		value = kconfig_get(config, name + strlen("CONFIG_"));
	else
		strvec_addf(warnings,
			"BUILD_EXCLUSIVE_CONFIG names '%s', which no kernel has: such a name "
			"begins with CONFIG_",
			name);
	on = value && (streq(value, "y") || streq(value, "m"));
	if (on != unwanted)
		return NULL;
	if (unwanted)
		return xasprintf("the kernel has %s=%s, and it is for kernels without "
				 "(BUILD_EXCLUSIVE_CONFIG)",
			name, value);
	return xasprintf("the kernel has %s%s, and it is for kernels with %s=y or =m "
			 "(BUILD_EXCLUSIVE_CONFIG)",
		value ? name : "no ", value ? " set to something else" : name, name);
}

static char *by_config(
	const struct dkms_vars *vars, const struct kconfig *config, struct strvec *warnings)
{
	const char *wanted = dkms_get(vars, "BUILD_EXCLUSIVE_CONFIG", 0);
	_cleanup_strvec_ struct strvec words = {0};
	char *why = NULL;

	if (!wanted || !config)
		return NULL;
	strvec_split(&words, wanted, " \t\r\n");
	for (size_t i = 0; !why && i < words.n; i++)
		why = by_symbol(words.v[i], config, warnings);
	return why;
}

char *dkms_excluded(
	const struct dkms_vars *vars, const struct dkms_kernel *k, struct strvec *warnings)
{
	char *why =
		by_pattern(vars, "BUILD_EXCLUSIVE_KERNEL", "the kernel", k->kernelver, warnings);

	if (!why)
		why = by_pattern(
			vars, "BUILD_EXCLUSIVE_ARCH", "the architecture", k->arch, warnings);
	if (!why)
		why = by_version(vars, k->kernelver);
	if (!why)
		why = by_config(vars, k->config, warnings);
	return why;
}
