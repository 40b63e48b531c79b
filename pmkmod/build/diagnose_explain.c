// SPDX-License-Identifier: GPL-3.0-or-later
/* From what an error's words say to what it means for this module and this kernel. */
#include "chroot/base/fs.h"
#include "pmkmod/build/diagnose_parts.h"
#include "pmkmod/build/job.h"

void explain_set(struct explaining *x, enum cause cause, char *detail)
{
	x->cause = cause;
	free(x->d->detail);
	x->d->detail = detail;
}

static bool has_any(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasestr(text, words[i]))
			return true;
	return false;
}

static const char *line_of(const struct explaining *x)
{
	return x->lines->v[x->error->at];
}

static bool has_name(const struct explaining *x)
{
	return x->error->hit.name[0] != '\0';
}

static bool has_cr(const struct explaining *x)
{
	return strchr(line_of(x), '\r') || strstr(line_of(x), "^M");
}

/* ---- the source and its Makefile ---- */

static bool about_version(const char *text)
{
	static const char *const words[] = {"kernel version", "linux version", "kernel is too",
		"unsupported kernel", "not supported", "too old", "too new", "at least", "or newer",
		"or later", "or older", "requires linux", "requires kernel", "LINUX_VERSION"};
	static const char *const whose[] = {"kernel", "linux"};

	return has_any(text, words, ARRAY_SIZE(words)) && has_any(text, whose, ARRAY_SIZE(whose));
}

static bool about_kernel_folder(const char *text)
{
	static const char *const words[] = {"not found", "missing", "no such", "cannot find",
		"can't find", "could not find", "unable to", "install", "not exist", "please set"};
	static const char *const what[] = {"kernel header", "kernel source", "kernel build",
		"kernel tree", "kernel director", "kernel-devel", "linux-headers", "KERNELDIR",
		"KERNEL_SRC", "KDIR", "KSRC", "/lib/modules", "/usr/src"};

	return has_any(text, words, ARRAY_SIZE(words)) && has_any(text, what, ARRAY_SIZE(what));
}

static void explain_refusal(struct explaining *x)
{
	if (explain_config_in_text(x, x->d->error))
		return;
	if (x->cause == CAUSE_MAKEFILE_ERROR && about_kernel_folder(x->d->error))
		explain_set(x, CAUSE_NO_KERNEL_DIR, NULL);
	else if (about_version(x->d->error))
		explain_set(x, CAUSE_KERNEL_TOO_OLD,
			x->in->release ? xasprintf("the phone's kernel is %s", x->in->release)
				       : NULL);
}

static void explain_makefile(struct explaining *x)
{
	if (has_cr(x))
		explain_set(x, CAUSE_CRLF,
			xasprintf("%s has such lines", x->d->file ? x->d->file : "its Makefile"));
	else if (x->cause == CAUSE_MISSING_SOURCE && has_name(x))
		explain_set(x, CAUSE_MISSING_SOURCE,
			xasprintf("there is nothing to make %s from", x->error->hit.name));
	else if (x->cause == CAUSE_NOT_KBUILD && has_name(x))
		explain_set(
			x, CAUSE_NOT_KBUILD, xasprintf("it has no target %s", x->error->hit.name));
}

static void explain_kernel_folder(struct explaining *x)
{
	if (has_name(x))
		explain_set(
			x, CAUSE_NO_KERNEL_DIR, xasprintf("it looks in /%s", x->error->hit.name));
}

/* ---- compilers ---- */

static void explain_option(struct explaining *x)
{
	const char *name = x->error->hit.name;

	if (!*name)
		return;
	if (source_makefile_has(x->in, name)) {
		explain_set(x, x->cause, xasprintf("%s is in the module's own Makefile", name));
		return;
	}
	explain_set(x, x->cause,
		xasprintf(
			"%s is not in the module's Makefile, so it comes from the kernel's", name));
	x->d->remedy = xstrdup("use the compiler the kernel was built with (--cc)");
}

static void explain_c(struct explaining *x)
{
	if (!strstr(x->d->error, "mixed decl") && !strstr(x->d->error, "mixing decl"))
		return;
	explain_set(x, x->cause, xstrdup("a variable is declared behind a statement"));
	x->d->remedy = xstrdup("`make = KCFLAGS=-Wno-declaration-after-statement` of the recipe");
}

static void explain_werror(struct explaining *x)
{
	const char *s = strstr(x->d->error, "[-Werror"), *name;
	size_t n;

	if (!s)
		return;
	/* gcc says [-Werror=name], clang [-Werror,-Wname] */
	name = s + strlen("[-Werror");
	name += starts_with(name, "=") ? 1 : starts_with(name, ",-W") ? 3 : 0;
	n = strcspn(name, "]=,");
	if (!n || name == s + strlen("[-Werror"))
		return;
	explain_set(x, x->cause, xasprintf("the warning is -W%.*s", (int)n, name));
	x->d->remedy =
		xasprintf("look at what it says; `make = KCFLAGS=-Wno-error=%.*s` of the recipe "
			  "makes it a warning again",
			(int)n, name);
}

static void explain_crash(struct explaining *x)
{
	bool qemu = x->in->emulated;

	for (size_t i = 0; !qemu && i < x->lines->n; i++)
		qemu = starts_with(x->lines->v[i], "qemu: ") ||
		       strstr(x->lines->v[i], "uncaught target signal");
	if (qemu)
		explain_set(x, CAUSE_EMULATOR_CRASH, NULL);
}

static void explain_arch(struct explaining *x)
{
	if (x->in->arch)
		explain_set(x, x->cause, xasprintf("the phone is %s", x->in->arch));
}

/* ---- programs ---- */

static void explain_foreign(struct explaining *x)
{
	static const char *const kernels[] = {"scripts/", "tools/objtool", "resolve_btfids"};
	const char *line = line_of(x);

	if (!strstr(line, JOB_SOURCE) && has_any(line, kernels, ARRAY_SIZE(kernels)))
		explain_set(x, CAUSE_FOREIGN_HELPER, NULL);
}

static void explain_helper(struct explaining *x)
{
	static const char *const names[] = {
		"fixdep", "modpost", "genksyms", "recordmcount", "sorttable"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strstr(line_of(x), names[i]))
			explain_set(x, x->cause, xstrdup(names[i]));
}

/* Programs that Makefiles call, and the packages of Alpine that have them. */
static const struct {
	const char *program, *package;
	enum cause cause;
} programs[] = {
	{"wget", NULL, CAUSE_DOWNLOADS},
	{"curl", NULL, CAUSE_DOWNLOADS},
	{"sudo", NULL, CAUSE_WANTS_ROOT},
	{"doas", NULL, CAUSE_WANTS_ROOT},
	{"insmod", NULL, CAUSE_LOADS_MODULE},
	{"modprobe", NULL, CAUSE_LOADS_MODULE},
	{"rmmod", NULL, CAUSE_LOADS_MODULE},
	{"depmod", NULL, CAUSE_LOADS_MODULE},
	{"dkms", NULL, CAUSE_LOADS_MODULE},
	{"perl", "perl", CAUSE_MISSING_TOOL},
	{"python", "python3", CAUSE_MISSING_TOOL},
	{"python2", "python3", CAUSE_MISSING_TOOL},
	{"python3", "python3", CAUSE_MISSING_TOOL},
	{"git", "git", CAUSE_MISSING_TOOL},
	{"bc", "bc", CAUSE_MISSING_TOOL},
	{"flex", "flex", CAUSE_MISSING_TOOL},
	{"bison", "bison", CAUSE_MISSING_TOOL},
	{"yacc", "bison", CAUSE_MISSING_TOOL},
	{"m4", "m4", CAUSE_MISSING_TOOL},
	{"bash", "bash", CAUSE_MISSING_TOOL},
	{"gawk", "gawk", CAUSE_MISSING_TOOL},
	{"awk", "gawk", CAUSE_MISSING_TOOL},
	{"xxd", "xxd", CAUSE_MISSING_TOOL},
	{"openssl", "openssl", CAUSE_MISSING_TOOL},
	{"rsync", "rsync", CAUSE_MISSING_TOOL},
	{"cpio", "cpio", CAUSE_MISSING_TOOL},
	{"dtc", "dtc", CAUSE_MISSING_TOOL},
	{"pahole", "pahole", CAUSE_MISSING_TOOL},
	{"cmake", "cmake", CAUSE_MISSING_TOOL},
	{"autoconf", "autoconf", CAUSE_MISSING_TOOL},
	{"autoreconf", "autoconf", CAUSE_MISSING_TOOL},
	{"automake", "automake", CAUSE_MISSING_TOOL},
	{"aclocal", "automake", CAUSE_MISSING_TOOL},
	{"libtoolize", "libtool", CAUSE_MISSING_TOOL},
	{"pkg-config", "pkgconf", CAUSE_MISSING_TOOL},
	{"unzip", "unzip", CAUSE_MISSING_TOOL},
	{"patch", "patch", CAUSE_MISSING_TOOL},
	{"quilt", "quilt", CAUSE_MISSING_TOOL},
	{"file", "file", CAUSE_MISSING_TOOL},
	{"gcc", "gcc", CAUSE_MISSING_TOOL},
	{"cc", "gcc", CAUSE_MISSING_TOOL},
	{"g++", "g++", CAUSE_MISSING_TOOL},
	{"clang", "clang", CAUSE_MISSING_TOOL},
	{"ld.lld", "lld", CAUSE_MISSING_TOOL},
	{"rustc", "rust", CAUSE_MISSING_TOOL},
	{"bindgen", "rust-bindgen", CAUSE_MISSING_TOOL},
	{"zstd", "zstd", CAUSE_MISSING_TOOL},
	{"xz", "xz", CAUSE_MISSING_TOOL},
	{"lsb_release", "lsb-release-minimal", CAUSE_MISSING_TOOL},
	{"kmod", "kmod", CAUSE_MISSING_TOOL},
};

static void explain_script_file(
	struct explaining *x, const struct source_place *p, const char *first)
{
	if (has_cr(x) || (first && strchr(first, '\r')))
		explain_set(x, CAUSE_CRLF,
			xasprintf(
				"%s has such lines", first ? p->shown : "a script of the source"));
	else if (first && x->cause == CAUSE_MISSING_TOOL)
		explain_set(x, CAUSE_MISSING_TOOL,
			xasprintf("%s begins with %s, which is missing", p->shown, first));
	else if (p->host && p->own && source_is_elf(p->host))
		explain_set(x, CAUSE_FOREIGN_PROGRAM, xstrdup(p->shown));
}

/*
 * What a shell says of a program it cannot start is often not what is wrong with it: a file of the
 * source that is there, but whose interpreter is not, or that is no script at all.
 */
static bool explained_by_script(struct explaining *x)
{
	_cleanup_free_ char *copy = xstrdup(line_of(x)), *first = NULL;
	struct source_place p = {0};
	char *rest = copy, *word;

	while (!(p.host && p.own) && (word = strsep(&rest, " :'")))
		if (strchr(word, '/')) {
			source_place_free(&p);
			source_place_find(&p, x->in, word, NULL);
		}
	if (p.host && p.own)
		first = source_interpreter(p.host);
	explain_script_file(x, &p, first);
	source_place_free(&p);
	return x->d->detail != NULL;
}

static void explain_tool(struct explaining *x)
{
	const char *name = path_base(x->error->hit.name);

	if (explained_by_script(x))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		if (!streq(programs[i].program, name))
			continue;
		if (programs[i].package)
			explain_set(x, programs[i].cause,
				xasprintf(
					"%s is in Alpine's package %s", name, programs[i].package));
		else
			explain_set(x, programs[i].cause, xasprintf("it calls %s", name));
		return;
	}
	if (ends_with(name, "-gcc") || ends_with(name, "-ld") || ends_with(name, "-objcopy"))
		explain_set(x, x->cause,
			xasprintf(
				"%s is a compiler that the module's Makefile names itself; it should "
				"use $(CROSS_COMPILE) as it is given",
				name));
	else if (*name)
		explain_set(x, x->cause, xstrdup(x->error->hit.name));
}

static void explain_script(struct explaining *x)
{
	if (!explained_by_script(x) && has_name(x))
		explain_set(x, x->cause, xasprintf("%s is missing", x->error->hit.name));
}

static void explain_unknown(struct explaining *x)
{
	if (!explained_by_script(x))
		explain_config_in_text(x, x->d->error);
}

/* ---- what modpost says ---- */

static void explain_namespace(struct explaining *x)
{
	const struct sign_hit *hit = &x->error->hit;

	explain_set(x, x->cause, xasprintf("%s is in the namespace %s", hit->name, hit->of));
	/* a string since then, so that macros are no longer expanded in it */
	x->d->remedy = xasprintf(x->version >= KERNEL_VERSION_CODE(6, 13)
					 ? "add MODULE_IMPORT_NS(\"%s\"); to the source"
					 : "add MODULE_IMPORT_NS(%s); to the source",
		hit->of);
}

static void explain_gpl(struct explaining *x)
{
	explain_set(x, x->cause, has_name(x) ? xstrdup(x->error->hit.name) : NULL);
}

/* ---- all of them ---- */

static void (*const explainers[CAUSES])(struct explaining *) = {
	[CAUSE_IMPLICIT] = explain_use,
	[CAUSE_UNDECLARED] = explain_use,
	[CAUSE_NO_MEMBER] = explain_use,
	[CAUSE_ARGUMENTS] = explain_use,
	[CAUSE_INCOMPATIBLE_POINTER] = explain_use,
	[CAUSE_READ_ONLY] = explain_use,
	[CAUSE_REDEFINITION] = explain_use,
	[CAUSE_SYNTAX] = explain_use,
	[CAUSE_MISSING_HEADER] = explain_header,
	[CAUSE_UNDEFINED_SYMBOL] = explain_symbol,
	[CAUSE_LINK] = explain_symbol,
	[CAUSE_REFUSES] = explain_refusal,
	[CAUSE_MAKEFILE_ERROR] = explain_refusal,
	[CAUSE_MAKEFILE_SYNTAX] = explain_makefile,
	[CAUSE_NOT_KBUILD] = explain_makefile,
	[CAUSE_MISSING_SOURCE] = explain_makefile,
	[CAUSE_NO_KERNEL_DIR] = explain_kernel_folder,
	[CAUSE_COMPILER_OPTION] = explain_option,
	[CAUSE_C_STANDARD] = explain_c,
	[CAUSE_WERROR] = explain_werror,
	[CAUSE_COMPILER_CRASH] = explain_crash,
	[CAUSE_OTHER_ARCH] = explain_arch,
	[CAUSE_FOREIGN_PROGRAM] = explain_foreign,
	[CAUSE_NO_HELPER] = explain_helper,
	[CAUSE_MISSING_TOOL] = explain_tool,
	[CAUSE_SCRIPT] = explain_script,
	[CAUSE_UNKNOWN] = explain_unknown,
	[CAUSE_NAMESPACE] = explain_namespace,
	[CAUSE_GPL_ONLY] = explain_gpl,
};

void diagnose_explain(struct explaining *x)
{
	x->cause = x->error->hit.cause;
	if (explainers[x->cause])
		explainers[x->cause](x);
	x->d->cause = &diagnosis_causes[x->cause];
	if (!x->d->remedy && !(x->in->of_kernel && x->cause <= CAUSE_SYNTAX))
		x->d->remedy = xstrdup(x->d->cause->remedy);
	explain_also(x);
}
