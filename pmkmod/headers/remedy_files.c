// SPDX-License-Identifier: GPL-3.0-or-later
/* Remedies that change a file: the table, and a small function for each cure. */
#include <ctype.h>

#include "chroot/base/fs.h"
#include "pmkmod/headers/remedy.h"

/* ---- C headers that modules include ---- */

/* `const` lets the compiler take the value without the register; the assembler then stops with
 * ".err encountered" in whatever calls put_user(). */
static char *put_user(const char *text)
{
	return text_replace(text, "register const typeof(", "register typeof(");
}

/* gcc 7 finds a case in which the argument is zero, where there is none, and leaves a call to the
 * function that does not exist on purpose: the module links and does not load. */
static char *ilog2(const char *text)
{
	return text_replace(text, "____ilog2_NaN()", "0");
}

/* ---- C sources of helper programs ---- */

/* A C library that has families of addresses the kernel has not heard of is no mistake here. */
static char *pf_max(const char *text)
{
	return text_replace(
		text, "#error New address family defined", "/* the C library is newer */ //");
}

/* elf.h has the machine's number and not the relocations' that were defined along with it. */
static char *metag(const char *text)
{
	_cleanup_free_ char *open = NULL;
	const char *number = strstr(text, "#ifndef EM_METAG\n"), *first, *end;
	_cleanup_strbuf_ struct strbuf b = {0};

	if (!number || !(first = strstr(number, "#define R_METAG_ADDR32")))
		return NULL;
	end = strstr(number, "#endif");
	if (!end || end < first)
		return NULL; /* cured already: the block ends before */
	strbuf_add(&b, text, (size_t)(first - text));
	strbuf_adds(&b, "#endif\n#ifndef R_METAG_ADDR32\n");
	strbuf_adds(&b, first);
	return strbuf_steal(&b);
}

/*
 * Engines are gone from OpenSSL builds of today; they are only called for keys in hardware
 * ("pkcs11:..."). Without them such a key cannot be found, which the programs then say. The type is
 * still declared.
 */
static const char engine_stand_in[] =
	"#include <openssl/evp.h>\n"
	"#ifndef OPENSSL_NO_ENGINE\n"
	"#include <openssl/engine.h>\n"
	"#else\n"
	"#define NO_ENGINE(type, name, value, ...) \\\n"
	"\tstatic inline __attribute__((unused)) type name(__VA_ARGS__) { value; }\n"
	"NO_ENGINE(void, ENGINE_load_builtin_engines, return, void)\n"
	"NO_ENGINE(ENGINE *, ENGINE_by_id, return 0, const char *id)\n"
	"NO_ENGINE(int, ENGINE_init, return 0, ENGINE *e)\n"
	"NO_ENGINE(int, ENGINE_ctrl_cmd_string, return 0, ENGINE *e, const char *name,\n"
	"\tconst char *arg, int optional)\n"
	"NO_ENGINE(int, ENGINE_ctrl_cmd, return 0, ENGINE *e, const char *name, long i, void *p,\n"
	"\tvoid (*f)(void), int optional)\n"
	"NO_ENGINE(EVP_PKEY *, ENGINE_load_private_key, return 0, ENGINE *e, const char *id,\n"
	"\tvoid *method, void *data)\n"
	"#endif\n";

static char *engine(const char *text)
{
	if (strstr(text, "OPENSSL_NO_ENGINE"))
		return NULL; /* kernels since 6.14 provide for it themselves */
	return text_replace(text, "#include <openssl/engine.h>\n", engine_stand_in);
}

/* ---- perl ---- */

static bool word_before(const char *text, const char *at)
{
	return at > text && (isalnum((unsigned char)at[-1]) || strchr("_$@%>", at[-1]));
}

/* defined(@array) and defined(%hash) were errors from perl 5.22 on; the bare name is asked. */
static char *perl_defined(const char *text)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	const char *start = text, *from = text, *hit;

	while ((hit = strstr(from, "defined"))) {
		const char *arg = hit + strlen("defined"), *sigil;

		from = arg;
		arg += strspn(arg, " \t");
		sigil = arg + (*arg == '(');
		sigil += strspn(sigil, " \t");
		if (word_before(text, hit) || (*sigil != '@' && *sigil != '%'))
			continue;
		strbuf_add(&b, start, (size_t)(hit - start));
		start = from = arg;
	}
	if (start == text)
		return NULL;
	strbuf_adds(&b, start);
	return strbuf_steal(&b);
}

/* perl 5.26 looks for the files of do and require in the working folder only if told so. */
static char *perl_do(const char *text)
{
	static const char *const words[] = {"do", "require"};
	char *result = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		for (const char *quote = "\"'"; *quote; quote++) {
			_cleanup_free_ char *start = xasprintf("%s %c", words[i], *quote);
			_cleanup_strbuf_ struct strbuf b = {0};
			const char *now = result ? result : text, *from = now, *hit;

			while ((hit = strstr(from, start))) {
				const char *file = hit + strlen(start);
				size_t len = strcspn(file, "\"'\n");

				strbuf_add(&b, from, (size_t)(file - from));
				/* names with a suffix and no folder that perl would search */
				if (!word_before(now, hit) && len > 3 && *file != '/' &&
					*file != '.' && *file != '$' &&
					(strncmp(file + len - 3, ".pl", 3) == 0 ||
						strncmp(file + len - 3, ".ph", 3) == 0))
					strbuf_adds(&b, "./");
				from = file;
			}
			strbuf_adds(&b, from);
			if (b.len != strlen(now)) {
				free(result);
				result = strbuf_steal(&b);
			}
		}
	}
	return result;
}

/* ---- make ---- */

/*
 * -Werror in an assignment, as a word of its own: what a newer compiler warns of is no reason to
 * stop. Since 5.15 the configuration decides (CONFIG_WERROR). -Werror=... stays, and so does a line
 * that asks the compiler something: there -Werror is how an unknown flag is noticed.
 */
static char *werror_line(const char *line)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	const char *s = line, *hit;

	if (!strchr(line, '=') || *line == '#' || strstr(line, "$(CC)") || strstr(line, "shell"))
		return NULL;
	for (const char *from = line; (hit = strstr(from, "-Werror"));) {
		const char *end = hit + strlen("-Werror");

		from = end;
		if ((*end && !strchr(" \t\n\\)", *end)) || hit == line || !strchr(" \t=,", hit[-1]))
			continue;
		strbuf_add(&b, s, (size_t)(hit - s));
		s = end;
	}
	if (s == line)
		return NULL;
	strbuf_adds(&b, s);
	return strbuf_steal(&b);
}

static char *werror(const char *text)
{
	return text_each_line(text, werror_line);
}

/* Qualcomm's wrapper is a script in python 2 that turns some warnings into errors. */
static char *gcc_wrapper_line(const char *line)
{
	const char *wrapper = strstr(line, "scripts/gcc-wrapper.py"), *end;

	if (!wrapper || !starts_with(line + strspn(line, " \t"), "CC"))
		return NULL;
	end = wrapper + strlen("scripts/gcc-wrapper.py");
	end += strspn(end, " \t");
	return *end ? xasprintf("CC = %s", end) : NULL;
}

static char *gcc_wrapper(const char *text)
{
	return text_each_line(text, gcc_wrapper_line);
}

/* The value of an assignment to `name` ("=", ":=" or "?="), or NULL. */
static const char *value_of(const char *line, const char *name)
{
	line += strspn(line, " \t");
	if (!starts_with(line, name))
		return NULL;
	line += strlen(name);
	line += strspn(line, " \t");
	line += strspn(line, ":?");
	return *line == '=' ? line + 1 + strspn(line + 1, " \t") : NULL;
}

/*
 * Toolchains at a place where only the author of the tree has them. Without a prefix the machine's
 * own compiler is taken, which is right on the phone; whoever cross-compiles says CROSS_COMPILE=.
 */
static char *toolchain_line(const char *line)
{
	static const char *const tools[] = {"REAL_CC", "CC", "LD", "AR", "NM", "STRIP", "OBJCOPY",
		"OBJDUMP", "READELF", "HOSTCC", "HOSTCXX"};
	const char *value = value_of(line, "CROSS_COMPILE");

	if (value && *value && *value != '#' && !strstr(value, "$(CONFIG_CROSS_COMPILE"))
		return xstrdup("CROSS_COMPILE ?=");
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		size_t len;

		if (!(value = value_of(line, tools[i])))
			continue;
		len = strcspn(value, " \t#");
		if ((*value == '/' || starts_with(value, "$(srctree)/")) &&
			!memchr(value, ',', len)) {
			_cleanup_free_ char *path = xstrndup(value, len);

			return xasprintf("%s = %s%s", tools[i], path_base(path), value + len);
		}
	}
	return NULL;
}

static char *toolchain(const char *text)
{
	return text_each_line(text, toolchain_line);
}

/*
 * make 4.3 no longer takes the backslash of "\#" inside a function call. What is written into .cmd
 * files is then never what is found there, and everything is compiled at every call.
 */
static char *hash_sign(const char *text)
{
	_cleanup_free_ char *cured =
		text_replace(text, "$(subst \\#,\\\\\\#,", "$(subst $(pound),$$(pound),");

	return cured ? xasprintf("pound := \\#\n%s", cured) : NULL;
}

/*
 * "config %config: ..." is an ordinary and a pattern rule at once, which make refuses since 3.82.
 * It becomes two rules; the recipe, which follows, belongs to both.
 */
static char *mixed_rules(const char *text)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	bool changed = false;

	while (*text) {
		size_t len = strcspn(text, "\n"), colon = strcspn(text, ":\n"), recipe;
		_cleanup_free_ char *targets = xstrndup(text, colon);
		_cleanup_strvec_ struct strvec plain = {0}, pattern = {0}, all = {0};

		strvec_split(&all, targets, " \t");
		for (size_t i = 0; i < all.n; i++)
			strvec_add(strchr(all.v[i], '%') ? &pattern : &plain, all.v[i]);
		if (strchr("\t #", *text) || colon == len || text[colon + 1] == '=' ||
			strpbrk(targets, "=$") || !plain.n || !pattern.n) {
			strbuf_add(&b, text, len);
			text += len;
			if (*text)
				strbuf_addc(&b, *text++);
			continue;
		}
		for (recipe = len; text[recipe] == '\n' && text[recipe + 1] == '\t';)
			recipe += 1 + strcspn(text + recipe + 1, "\n");
		for (int i = 0; i < 2; i++) {
			_cleanup_free_ char *one = strvec_join(i ? &pattern : &plain, " ");

			strbuf_adds(&b, one);
			strbuf_add(&b, text + colon, recipe - colon);
			strbuf_addc(&b, '\n');
		}
		text += recipe;
		text += *text == '\n';
		changed = true;
	}
	return changed ? strbuf_steal(&b) : NULL;
}

/* The script that modules are linked with is in two variables of some vendors' Makefiles, both of
 * which go to the linker. */
static char *linker_script_line(const char *line)
{
	const char *value = value_of(line, "LDFLAGS_MODULE");

	if (!value || !strstr(value, "module-common.lds"))
		return NULL;
	return text_replace(line, "-T $(srctree)/scripts/module-common.lds", "");
}

static char *linker_script(const char *text)
{
	if (!text_has_line(text, "KBUILD_LDFLAGS_MODULE", "module-common.lds"))
		return NULL;
	return text_each_line(text, linker_script_line);
}

const struct file_remedy file_remedies[] = {
	{
		"put-user",
		"a constant register variable is not kept in its register by gcc 8 and later",
		.arch = "arm",
		.files = {"arch/arm/include/asm/uaccess.h"},
		.cure = put_user,
	},
	{
		"ilog2",
		"gcc 7 and later leave calls to a function that exists nowhere",
		.files = {"include/linux/log2.h"},
		.cure = ilog2,
	},
	{
		"address-families",
		"the C library knows more families of addresses than this kernel",
		.before = KERNEL_VERSION_CODE(5, 15),
		.files = {"security/selinux/include/classmap.h"},
		.cure = pf_max,
	},
	{
		"metag",
		"the C library's elf.h knows this machine and not its relocations",
		.files = {"scripts/recordmcount.c"},
		.cure = metag,
	},
	{
		"openssl-engine",
		"OpenSSL of today has no engines",
		.files = {"scripts/sign-file.c", "scripts/extract-cert.c", "certs/extract-cert.c"},
		.cure = engine,
	},
	{
		"perl-defined",
		"perl since 5.22 refuses defined(@array)",
		.before = KERNEL_VERSION_CODE(5, 0),
		.files = {"kernel/*.pl", "scripts/*.pl", "lib/*.pl", "arch/%A/*/*.pl"},
		.cure = perl_defined,
	},
	{
		"perl-do",
		"perl since 5.26 does not look for files in the working folder",
		.before = KERNEL_VERSION_CODE(5, 0),
		.files = {"kernel/*.pl", "scripts/*.pl", "lib/*.pl", "arch/%A/*/*.pl"},
		.cure = perl_do,
	},
	{
		"werror",
		"warnings of a newer compiler are no errors",
		.before = KERNEL_VERSION_CODE(5, 15),
		.files = {"Makefile", "Kbuild", "arch/%A/Makefile", "scripts/Makefile*",
			"scripts/*/Makefile", "tools/*/Makefile*", "tools/lib/*/Makefile"},
		.cure = werror,
	},
	{
		"gcc-wrapper",
		"the compiler is called through a script in python 2",
		.files = {"Makefile"},
		.cure = gcc_wrapper,
	},
	{
		"toolchain",
		"the Makefile names a toolchain of its author's",
		.files = {"Makefile"},
		.cure = toolchain,
	},
	{
		"linker-script",
		"binutils of today refuse a linker script that is given twice",
		.files = {"Makefile"},
		.cure = linker_script,
	},
	{
		"hash-sign",
		"make 4.3 reads \\# in another way, so that everything is compiled at every call",
		.files = {"scripts/Kbuild.include", "tools/build/Build.include"},
		.cure = hash_sign,
	},
	{
		"mixed-rules",
		"make since 3.82 refuses rules that mix names and patterns",
		.files = {"Makefile", "arch/%A/Makefile"},
		.cure = mixed_rules,
	},
};
const size_t n_file_remedies = ARRAY_SIZE(file_remedies);
