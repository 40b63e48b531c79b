// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What pmkmod does against the symptoms of one source, for tests and trials by hand:
 * apply SOURCE SHADOW KEY=VALUE... fills the folder SHADOW and prints, as shell assignments, the
 * flags; each remedy's sentence goes to stderr. Keys: arch, version (3.4), cc (gcc12, clang16),
 * hostcc.
 */
#include "chroot/base/fs.h"
#include "pmkmod/headers/remedies.h"

static void compiler(const char *s, bool *clang, unsigned *major)
{
	*clang = starts_with(s, "clang");
	*major = (unsigned)atoi(s + (*clang ? 5 : 3));
}

static bool option(struct remedy_input *in, const char *key, const char *value)
{
	if (streq(key, "arch"))
		in->arch = arch_by_name(value);
	else if (streq(key, "version"))
		in->version = kernel_version_code(value);
	else if (streq(key, "cc"))
		compiler(value, &in->clang, &in->cc_major);
	else if (streq(key, "hostcc"))
		compiler(value, &in->hostcc_clang, &in->hostcc_major);
	else
		return false;
	return true;
}

static void print(const char *name, const struct strvec *flags)
{
	_cleanup_free_ char *joined = strvec_join(flags, " ");

	printf("%s='%s'\n", name, joined ? joined : "");
}

int main(int argc, char **argv)
{
	struct remedy_input in = {0};
	struct remedies r = {0};
	struct err e = ERR_INIT;
	int code = 1;

	if (argc < 3)
		return 2;
	in.source = argv[1];
	in.shadow = argv[2];
	for (int i = 3; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (!value)
			return 2;
		*value++ = 0;
		if (!option(&in, argv[i], value))
			return 2;
	}
	if (!in.arch || !in.version)
		return 2;
	if (remedies_find(&r, &in, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
	} else {
		for (size_t i = 0; i < r.names.n; i++)
			fprintf(stderr, "%s\n", r.names.v[i]);
		print("cc_flags", &r.cc_flags);
		print("hostcc_flags", &r.hostcc_flags);
		code = 0;
	}
	remedies_free(&r);
	return code;
}
