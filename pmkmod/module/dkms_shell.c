// SPDX-License-Identifier: GPL-3.0-or-later
/* A dkms.conf that is a program: a shell runs it, in the sandbox, and tells its variables. */
#include "pmkmod/module/dkms_parts.h"

#define INDEX_MAX 4096

static const char *const names[] = {"PACKAGE_NAME", "PACKAGE_VERSION", "BUILT_MODULE_NAME",
	"BUILT_MODULE_LOCATION", "DEST_MODULE_NAME", "DEST_MODULE_LOCATION", "STRIP", "MAKE",
	"MAKE_MATCH", "PATCH", "PATCH_MATCH", "CLEAN", "PRE_BUILD", "POST_BUILD", "PRE_INSTALL",
	"POST_INSTALL", "POST_ADD", "POST_REMOVE", "BUILD_DEPENDS", "BUILD_DEPENDS_REBUILD",
	"BUILD_EXCLUSIVE_KERNEL", "BUILD_EXCLUSIVE_KERNEL_MIN", "BUILD_EXCLUSIVE_KERNEL_MAX",
	"BUILD_EXCLUSIVE_ARCH", "BUILD_EXCLUSIVE_CONFIG", "OBSOLETE_BY", "AUTOINSTALL",
	"NO_WEAK_MODULES", "REMAKE_INITRD", "MODULES_CONF", "MODULES_CONF_OBSOLETES",
	"MODULES_CONF_ALIAS_TYPE", "MODULES_CONF_OBSOLETE_ONLY"};

static void quote(struct strbuf *b, const char *name, const char *value)
{
	strbuf_addf(b, "%s='", name);
	for (; *value; value++)
		if (*value == '\'')
			strbuf_adds(b, "'\\''");
		else
			strbuf_addc(b, *value);
	strbuf_adds(b, "'\n");
}

/*
 * It is read twice: its name and version, which DKMS knows from its folders, are what it may refer
 * to as $module and $module_version. `return` in it ends the reading alone. What it prints is not
 * mixed with the answer, and descriptor 3 is not its own.
 */
static const char body[] =
	"conf=$1\n"
	"first() {\n"
	"	exec 3>&-\n"
	"	. \"$conf\" >/dev/null 2>&1 </dev/null\n"
	"	printf '%s\\n%s\\n' \"$PACKAGE_NAME\" \"$PACKAGE_VERSION\"\n"
	"}\n"
	"{ read -r module; read -r module_version; } < <(first)\n"
	"reads() {\n"
	"	. \"$conf\" 3>&- >&2 </dev/null\n"
	"}\n"
	"exec 4>&3 3>&-\n"
	"unset -v $names first\n"
	"reads 4>&-\n"
	"for name in $names; do\n"
	"	declare -n array=$name\n"
	"	for index in \"${!array[@]}\"; do\n"
	"		printf '%s\\0%s\\0%s\\0' \"$name\" \"$index\" \"${array[$index]}\" >&4\n"
	"	done\n"
	"	unset -n array\n"
	"done\n"
	"printf 'end\\0' >&4\n";

char *dkms_shell_script(const struct dkms_kernel *k)
{
	_cleanup_free_ char *config = xasprintf("%s/.config", k->source_dir);
	struct strbuf b = {0};

	quote(&b, "kernelver", k->kernelver);
	quote(&b, "arch", k->arch);
	quote(&b, "kernel_source_dir", k->source_dir);
	quote(&b, "kernel_config", config);
	quote(&b, "dkms_tree", k->dkms_tree);
	quote(&b, "source_tree", k->source_tree);
	quote(&b, "install_tree", k->install_tree);
	strbuf_adds(&b, "names='");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		strbuf_addf(&b, "%s%s", i ? " " : "", names[i]);
	strbuf_addf(&b, "'\n%s", body);
	return strbuf_steal(&b);
}

static bool known(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(names[i], name))
			return true;
	return false;
}

static int cut_short(struct err *e)
{
	return err_exit(e, EXIT_BAD_DKMS_CONF, -EINVAL,
		"dkms.conf ended the shell that read it: it calls exit, or has an error that its "
		"shell does not forgive");
}

int dkms_read_printed(struct dkms_vars *out, const char *data, size_t len, struct err *e)
{
	const char *s = data, *end = data + len;

	*out = (struct dkms_vars){0};
	for (;;) {
		const char *part[3];
		unsigned long index;
		char *rest;

		for (size_t i = 0; i < ARRAY_SIZE(part); i++) {
			const char *nul = s < end ? memchr(s, '\0', (size_t)(end - s)) : NULL;

			if (!nul) {
				dkms_vars_free(out);
				return cut_short(e);
			}
			part[i] = s;
			s = nul + 1;
			if (i == 0 && streq(part[0], "end"))
				return 0;
		}
		index = strtoul(part[1], &rest, 10);
		if (known(part[0]) && part[1][0] && !*rest && index <= INDEX_MAX)
			dkms_var_set(out, part[0], (unsigned)index, xstrdup(part[2]));
	}
}
