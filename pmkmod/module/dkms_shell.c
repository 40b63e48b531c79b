// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A dkms.conf that only a shell can read: the script that a bash in the sandbox is given, and what
 * it prints. Unlike DKMS's own way nothing is evaluated a second time: values come with a NUL
 * behind each, on a descriptor that the file's own output does not reach.
 */
#include "pmkmod/module/dkms_parts.h"
#include "pmkmod/util/exit_codes.h"

/* What the answer ends with, that nothing is missing; what stands instead of a name for trouble. */
#define ANSWER_COMPLETE "!complete"
#define ANSWER_SYNTAX "!syntax"

/* The functions, with names that no file uses. DKMS has extglob on while it reads. */
static const char functions[] =
	"shopt -s extglob\n"
	"pmkmod_crlf=$'\\r\\n' pmkmod_lf=$'\\n'\n"
	"pmkmod_print() {\n"
	"	local pmkmod_name pmkmod_index\n"
	"	for pmkmod_name in \"${pmkmod_names[@]}\"; do\n"
	"		local -n pmkmod_ref=$pmkmod_name\n"
	"		for pmkmod_index in \"${!pmkmod_ref[@]}\"; do\n"
	"			builtin printf '%s\\0%s\\0%s\\0' \"$pmkmod_name\" \"$pmkmod_index\" "
	"\"${pmkmod_ref[$pmkmod_index]}\"\n"
	"		done\n"
	"		unset -n pmkmod_ref\n"
	"	done >&\"$pmkmod_answer\"\n"
	"	builtin printf '" ANSWER_COMPLETE "\\0' >&\"$pmkmod_answer\"\n"
	"}\n"
	/* CR LF is read as LF; a path with a slash is not looked for on PATH */
	"pmkmod_source() {\n"
	"	local pmkmod_then=$1\n"
	"	set --\n"
	"	case $pmkmod_text in\n"
	"	*\"$pmkmod_crlf\"*)\n"
	"		pmkmod_text=${pmkmod_text//$pmkmod_crlf/$pmkmod_lf}\n"
	"		builtin . <(builtin printf %s \"$pmkmod_text\") ;;\n"
	"	*) builtin . \"$pmkmod_conf\" ;;\n"
	"	esac\n"
	/* status not 0: as a rule the last test did not hold; is the text itself broken? */
	"	if [[ $? != 0 ]] && [[ $pmkmod_then = pmkmod_print ]] &&\n"
	"		! pmkmod_text=$(\"$BASH\" -n 2>&1 <<<\"$pmkmod_text\"); then\n"
	"		builtin printf '" ANSWER_SYNTAX
	"\\0%s\\0' \"$pmkmod_text\" >&\"$pmkmod_answer\"\n"
	"	fi\n"
	/* from within, as what the file declares is local to this function */
	"	$pmkmod_then\n"
	"}\n"
	"pmkmod_print_name() { builtin printf '%s\\0%s\\0' \"$PACKAGE_NAME\" \"$PACKAGE_VERSION\" >&4; }\n";

/* $module and $module_version are what the file itself says, which takes a first reading. */
static const char body[] =
	"pmkmod_conf=$1\n"
	"case $pmkmod_conf in */*) ;; *) pmkmod_conf=./$pmkmod_conf ;; esac\n"
	"pmkmod_text=$(<\"$pmkmod_conf\") || exit 4\n"
	/* the line end that $() took away, before which there may be a CR */
	"pmkmod_text+=$pmkmod_lf\n"
	"set --\n"
	"exec {pmkmod_answer}>&3 3>&- >/dev/null </dev/null\n"
	"case $pmkmod_text in\n"
	"*'$module'* | *'${module'*)\n"
	"	{\n"
	"		IFS= builtin read -r -d '' module\n"
	"		IFS= builtin read -r -d '' module_version\n"
	"	} < <(exec 4>&1 >/dev/null 2>&1; pmkmod_source pmkmod_print_name)\n"
	"	;;\n"
	"esac\n"
	"pmkmod_source pmkmod_print\n";

char *dkms_shell_script(const struct dkms_kernel *k)
{
	struct strbuf b = {0};

	strbuf_adds(&b, functions);
	strbuf_adds(&b, "LC_ALL=C\npmkmod_names=(");
	for (size_t i = 0; dkms_names[i]; i++)
		strbuf_addf(&b, "%s%s", i ? " " : "", dkms_names[i]);
	strbuf_adds(&b, ")\nunset \"${pmkmod_names[@]}\"\n");
	for (size_t i = 0; dkms_kernel_names[i]; i++) {
		_cleanup_free_ char *value = dkms_kernel_variable(k, dkms_kernel_names[i]);

		strbuf_addf(&b, "%s=", dkms_kernel_names[i]);
		strbuf_add_quoted(&b, value ? value : "");
		strbuf_addc(&b, '\n');
	}
	strbuf_adds(&b, body);
	return strbuf_steal(&b);
}

/* ---- the answer ---- */

struct answer {
	const char *p, *end;
};

/* The next NUL-terminated field; NULL: it is cut off. */
static const char *field(struct answer *a)
{
	const char *from = a->p;
	const char *nul = from < a->end ? memchr(from, 0, (size_t)(a->end - from)) : NULL;

	if (!nul)
		return NULL;
	a->p = nul + 1;
	return from;
}

static int cut_off(struct err *e)
{
	err_exit(e, EXIT_BAD_DKMS_CONF, -EINVAL,
		"the dkms.conf ended the shell that reads it, so that nothing it says is known");
	return err_hint(e, "`exit` must not be in a dkms.conf (DKMS loses everything then, too): "
			   "`return` ends it and keeps what precedes");
}

/* "bash: line 3: syntax error near ..." without what names the shell. */
static int syntax(const char *said, struct err *e)
{
	const char *line = strstr(said, "line ");

	return err_exit(e, EXIT_BAD_DKMS_CONF, -EINVAL,
		"the dkms.conf is not what a shell can read: %.400s", line ? line : said);
}

static int take_variable(struct dkms_vars *out, const char *name, const char *index,
	const char *value, struct err *e)
{
	char *end;
	unsigned long n = strtoul(index, &end, 10);

	if (!dkms_is_name(name))
		return err_exit(e, EXIT_BAD_DKMS_CONF, -EINVAL,
			"the shell that read the dkms.conf answered with something else than "
			"variables");
	if (*index < '0' || *index > '9' || *end || n > DKMS_INDEX_MAX)
		return err_exit(e, EXIT_BAD_DKMS_CONF, -EINVAL,
			"%s has the index '%.40s', which is no number up to %d", name, index,
			DKMS_INDEX_MAX);
	if (out->n >= DKMS_VARS_MAX)
		return err_exit(e, EXIT_BAD_DKMS_CONF, -EINVAL,
			"the dkms.conf sets more than %d variables", DKMS_VARS_MAX);
	dkms_vars_take(out, name, (unsigned)n, xstrdup(value));
	return 0;
}

int dkms_read_printed(struct dkms_vars *out, const char *data, size_t len, struct err *e)
{
	struct answer a = {data, data + len};
	int rc = 0;

	*out = (struct dkms_vars){0};
	while (rc == 0) {
		const char *name = field(&a), *index, *value;

		if (name && streq(name, ANSWER_COMPLETE))
			return 0;
		index = name ? field(&a) : NULL;
		if (index && streq(name, ANSWER_SYNTAX)) {
			rc = syntax(index, e);
			break;
		}
		value = index ? field(&a) : NULL;
		rc = value ? take_variable(out, name, index, value, e) : cut_off(e);
	}
	dkms_vars_free(out);
	return rc;
}
