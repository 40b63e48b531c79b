// SPDX-License-Identifier: GPL-3.0-or-later
/* What an APKBUILD of a kernel says. Its habits: linux-* of pmaports and Alpine. */
#include "pmkmod/aport/aport.h"

#include <unistd.h>

#include "chroot/apk/apk.h"
#include "chroot/base/fs.h"
#include "pmkmod/aport/apkbuild.h"
#include "pmkmod/util/exit_codes.h"

/* stands for abuild's srcdir while the recipe is read */
#define SRCDIR "/srcdir"

static int unusable(const struct aport *a, struct err *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static int unusable(const struct aport *a, struct err *e, int code, const char *fmt, ...)
{
	struct strbuf b = {0};
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	err_set(e, code, "%s/APKBUILD: %s", a->dir, b.s);
	strbuf_free(&b);
	if (e && !e->exit_code)
		e->exit_code = EXIT_USAGE;
	return code;
}

/* A variable that must be there. */
static int need(const struct aport *a, const struct apkbuild *b, const char *name, char **out,
	struct err *e)
{
	const char *v = apkbuild_get(b, name), *why = apkbuild_unknown(b, name);

	if (why)
		return unusable(a, e, -EINVAL,
			"the value of %s cannot be told without running it: %s", name, why);
	if (!v || !*v)
		return unusable(a, e, -EINVAL, "it sets no %s", name);
	*out = xstrdup(v);
	return 0;
}

static char *maybe(struct aport *a, const struct apkbuild *b, const char *name)
{
	const char *v = apkbuild_get(b, name), *why = apkbuild_unknown(b, name);

	if (why)
		strvec_addf(&a->notes, "%s is not known: %s", name, why);
	return v && *v ? xstrdup(v) : NULL;
}

/* Is the recipe for this architecture? arch="all !armhf", "noarch", "aarch64 armv7" */
static bool is_for(const char *list, const char *arch)
{
	_cleanup_strvec_ struct strvec words = {0};
	bool yes = false;

	strvec_split(&words, list, " \t\n");
	for (size_t i = 0; i < words.n; i++) {
		const char *w = words.v[i];

		if (*w == '!' && streq(w + 1, arch))
			return false;
		yes |= streq(w, arch) || streq(w, "all") || streq(w, "noarch");
	}
	return yes;
}

/* ---- source= and sha512sums= ---- */

static bool ends_with_any(const char *name, const char *const *suffixes)
{
	for (; *suffixes; suffixes++)
		if (ends_with(name, *suffixes))
			return true;
	return false;
}

/* What abuild's default_unpack and default_prepare do with a name. */
static enum aport_kind kind_of(const char *name, bool remote)
{
	static const char *const archives[] = {".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz",
		".tbz2", ".tar.xz", ".txz", ".tar.lzma", ".tar.lz", ".tar.zst", ".zip", NULL};
	static const char *const patches[] = {
		".patch", ".patch.gz", ".patch.bz2", ".patch.xz", ".patch.zst", NULL};

	if (ends_with_any(name, patches))
		return APORT_PATCH;
	if (ends_with_any(name, archives))
		return APORT_ARCHIVE;
	return !remote && starts_with(name, "config") ? APORT_CONFIG : APORT_OTHER;
}

static void add_file(struct aport *a, const char *entry)
{
	const char *separator = strstr(entry, "::"), *url = separator ? separator + 2 : entry;
	bool remote = strstr(url, "://") != NULL;
	struct aport_file *f;

	a->files = xrealloc(a->files, a->n_files + 1, sizeof(*a->files));
	f = &a->files[a->n_files++];
	*f = (struct aport_file){0};
	f->name = separator ? xstrndup(entry, (size_t)(separator - entry))
			    : xstrdup(path_base(entry));
	/* a local file may be in a folder of the aport; srcdir has it by its last name */
	f->url = remote ? xstrdup(url) : NULL;
	f->path = remote ? NULL : xstrdup(url);
	f->kind = kind_of(f->name, remote);
}

/* "HEX  name" lines */
static void add_sums(struct aport *a, const char *sums)
{
	_cleanup_strvec_ struct strvec words = {0};

	strvec_split(&words, sums, " \t\n");
	for (size_t i = 0; i + 1 < words.n; i += 2)
		for (size_t k = 0; k < a->n_files; k++)
			if (streq(a->files[k].name, words.v[i + 1]))
				hash_from_hex(&a->files[k].sum, HASH_SHA512, words.v[i],
					strlen(words.v[i]));
	for (size_t k = 0; k < a->n_files; k++)
		if (a->files[k].sum.len != 64)
			a->files[k].sum = (struct hash){0};
}

static bool sane_name(const char *name)
{
	return *name && !strchr(name, '/') && !streq(name, ".") && !streq(name, "..");
}

static bool leaves_folder(const char *path)
{
	return path && (*path == '/' || starts_with(path, "../") || strstr(path, "/../"));
}

static int read_files(struct aport *a, const struct apkbuild *b, struct err *e)
{
	_cleanup_free_ char *source = NULL, *sums = NULL;
	_cleanup_strvec_ struct strvec entries = {0};
	int r = need(a, b, "source", &source, e);

	if (r < 0)
		return r;
	sums = maybe(a, b, "sha512sums");
	strvec_split(&entries, source, " \t\r\n");
	for (size_t i = 0; i < entries.n; i++) {
		add_file(a, entries.v[i]);
		if (!sane_name(a->files[a->n_files - 1].name))
			return unusable(a, e, -EINVAL,
				"source has an entry without a file name: %s", entries.v[i]);
		if (leaves_folder(a->files[a->n_files - 1].path))
			return unusable(a, e, -EINVAL, "source has a file outside the aport: %s",
				entries.v[i]);
	}
	if (sums)
		add_sums(a, sums);
	return 0;
}

/* ---- configuration ---- */

static bool take_config(struct aport *a, const char *name)
{
	_cleanup_free_ char *path = path_join(a->dir, name);

	if (a->config || strchr(name, '/') || !fs_exists(path) || fs_is_dir(path))
		return a->config != NULL;
	a->config = steal_ptr(path);
	return true;
}

/* The only configuration in source=, or the only one for the architecture; NULL. Borrowed. */
static const char *only_config(const struct aport *a, bool for_arch)
{
	_cleanup_free_ char *suffix = xasprintf(".%s", a->arch->alpine);
	const char *found = NULL;

	for (size_t i = 0; i < a->n_files; i++) {
		const struct aport_file *f = &a->files[i];

		if (f->kind != APORT_CONFIG || (for_arch && !ends_with(f->name, suffix)))
			continue;
		if (found)
			return NULL;
		found = f->name;
	}
	return found;
}

static void find_config(struct aport *a, const struct apkbuild *b)
{
	const char *bare = starts_with(a->pkgname, "linux-") ? a->pkgname + 6 : a->pkgname;
	const char *given = apkbuild_get(b, "_config");
	_cleanup_free_ char *by_flavor = xasprintf("config-%s.%s", a->flavor, a->arch->alpine);
	_cleanup_free_ char *by_name = xasprintf("config-%s.%s", bare, a->arch->alpine);
	/* Alpine's own: lts.aarch64.config */
	_cleanup_free_ char *alpine = xasprintf("%s.%s.config", a->flavor, a->arch->alpine);
	const char *names[] = {
		by_flavor, given, only_config(a, true), by_name, alpine, only_config(a, false)};

	for (size_t i = 0; !a->config && i < ARRAY_SIZE(names); i++)
		if (names[i] && *names[i])
			take_config(a, names[i]);
	for (size_t i = 0; a->config && i < a->n_files; i++)
		if (streq(a->files[i].name, path_base(a->config)))
			a->files[i].kind = APORT_CONFIG;
	if (!a->config)
		strvec_addf(&a->notes,
			"it has no configuration file (looked for %s); build() or prepare() makes one",
			by_flavor);
}

/* ---- compiler, folders, prepare() ---- */

static bool has_text(const struct apkbuild *b, const char *function, const char *text)
{
	size_t len = 0;
	const char *body = apkbuild_function(b, function, &len);

	return body && memmem(body, len, text, strlen(text));
}

/* "gcc", "gcc6", "clang18": the word and nothing but digits behind it */
static bool versioned(const char *word, const char *name)
{
	size_t n = strlen(name);

	return strncmp(word, name, n) == 0 && !word[n + strspn(word + n, "0123456789")];
}

static void find_compiler(struct aport *a, const struct apkbuild *b)
{
	static const char *const uses[] = {
		"LLVM=1", "LLVM=-", "CC=clang", "CC=\"clang", "CC=\"${CC:-clang", NULL};
	const char *cc = apkbuild_get(b, "CC"), *llvm = apkbuild_get(b, "LLVM"), *found = NULL;
	bool clang = cc && strstr(cc, "clang");

	a->llvm = (llvm && *llvm && !streq(llvm, "0")) || has_text(b, "build", "LLVM=1") ||
		  has_text(b, "build", "LLVM=-");
	for (size_t i = 0; uses[i]; i++)
		clang |= has_text(b, "build", uses[i]) || has_text(b, "prepare", uses[i]);
	clang |= a->llvm;
	for (size_t i = 0; i < a->makedepends.n; i++) {
		const char *word = a->makedepends.v[i];

		if (clang && versioned(word, "clang"))
			found = word;
		if (!clang && versioned(word, "gcc") && word[3])
			found = word;
	}
	a->family = clang ? COMPILER_CLANG : COMPILER_GCC;
	a->compiler = xstrdup(found ? found : clang ? "clang" : "gcc");
}

static int find_folders(struct aport *a, const struct apkbuild *b, struct err *e)
{
	static const char *const vars[] = {"builddir", "ksrcdir", "_ksrcdir", "_builddir"};

	for (size_t i = 0; i < ARRAY_SIZE(vars) && !a->builddir; i++) {
		const char *v = apkbuild_get(b, vars[i]), *why = apkbuild_unknown(b, vars[i]);

		if (why)
			return unusable(a, e, -EINVAL,
				"the value of %s cannot be told without running it: %s", vars[i],
				why);
		if (v && a->of_module && (streq(v, SRCDIR) || streq(v, SRCDIR "/"))) {
			a->builddir = xstrdup(".");
			a->source_var = xstrdup(vars[i]);
			break;
		}
		if (!v || !starts_with(v, SRCDIR "/") || strstr(v, "/../"))
			continue;
		a->builddir = xstrdup(v + strlen(SRCDIR "/") + strspn(v + strlen(SRCDIR "/"), "/"));
		a->source_var = xstrdup(vars[i]);
	}
	if (!a->builddir) { /* abuild's default */
		a->builddir = xasprintf("%s-%s", a->pkgname, a->pkgver);
		a->source_var = xstrdup("builddir");
	}
	a->outdir = maybe(a, b, "_outdir");
	return 0;
}

/* LOCALVERSION= on make's command line in build(), where nothing of it hangs on a variable. */
static void find_localversion(struct aport *a, const struct apkbuild *b)
{
	static const char argument[] = "LOCALVERSION=";
	size_t len = 0;
	const char *body = apkbuild_function(b, "build", &len);
	_cleanup_free_ char *copy = body ? xstrndup(body, len) : NULL;
	const char *at = copy;

	while (at && (at = strstr(at, argument))) {
		bool whole = at == copy || strchr(" \t\n\"'", at[-1]);

		at += strlen(argument);
		if (!whole)
			continue;
		at += *at == '"' || *at == '\'';
		free(a->localversion);
		a->localversion = xstrndup(at, strcspn(at, " \t\r\n\"'\\;"));
		if (strpbrk(a->localversion, "$`")) {
			strvec_addf(&a->notes,
				"build() sets LOCALVERSION to %s, which is not known",
				a->localversion);
			free(a->localversion);
			a->localversion = NULL;
		}
	}
}

/* Lines of prepare() that the reader of source trees would have to do, too. */
static void note_prepare(struct aport *a, const struct apkbuild *b)
{
	static const char *const usual[] = {"default_prepare", ". downstreamkernel_prepare",
		"REPLACE_GCCH=", "cp ", "make ", "yes ", "#", "mkdir -p", "local ", "cd "};
	size_t len = 0;
	const char *body = apkbuild_function(b, "prepare", &len);
	_cleanup_free_ char *copy = body ? xstrndup(body, len) : NULL;
	_cleanup_strvec_ struct strvec lines = {0};
	size_t more = 0;

	a->downstream = copy && strstr(copy, "downstreamkernel_prepare");
	if (!copy)
		return;
	strvec_split(&lines, copy, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		const char *line = str_strip(lines.v[i]);
		bool plain = !*line;

		for (size_t k = 0; k < ARRAY_SIZE(usual); k++)
			plain |= starts_with(line, usual[k]);
		/* a file of the aport copied into the tree is not just the configuration */
		if (starts_with(line, "cp ") && !strstr(line, ".config"))
			plain = false;
		if (!plain && more++ < 20)
			strvec_addf(&a->notes, "prepare() also does: %s", line);
	}
}

static void note_line_ends(struct aport *a, const struct apkbuild *b)
{
	size_t len;
	const char *text = apkbuild_text(b, &len);

	if (memchr(text, '\r', len))
		strvec_add(&a->notes, "its APKBUILD has the line ends of another system (CR LF), "
				      "which neither pmbootstrap nor abuild takes");
}

static int read_recipe(struct aport *a, const struct apkbuild *b, struct err *e)
{
	_cleanup_free_ char *arch = NULL, *pkgrel = NULL, *list = NULL;
	int r = need(a, b, "pkgname", &a->pkgname, e);

	if (r == 0)
		r = need(a, b, "pkgver", &a->pkgver, e);
	if (r == 0)
		r = need(a, b, "pkgrel", &pkgrel, e);
	if (r == 0)
		r = need(a, b, "arch", &arch, e);
	if (r < 0)
		return r;
	if (!a->of_module && !starts_with(a->pkgname, "linux-"))
		return unusable(
			a, e, -EINVAL, "%s is no kernel: those are called linux-*", a->pkgname);
	if (!is_for(arch, a->arch->alpine) && !a->of_module)
		return unusable(a, e, -ENOTSUP, "%s is for %s, not for %s", a->pkgname, arch,
			a->arch->alpine);
	a->version = xasprintf("%s-r%s", a->pkgver, pkgrel);
	if (!apk_version_valid(a->version))
		return unusable(a, e, -EINVAL,
			"pkgver and pkgrel make the version '%s', which is none", a->version);
	a->flavor = maybe(a, b, "_flavor");
	if (!a->flavor)
		a->flavor = xstrdup(a->pkgname + (a->of_module ? 0 : strlen("linux-")));
	a->karch = maybe(a, b, "_carch");
	if (!a->karch)
		a->karch = xstrdup(a->arch->linux_arch);
	list = maybe(a, b, "makedepends");
	strvec_split(&a->makedepends, list ? list : "", " \t\n");
	free(list);
	list = maybe(a, b, "subpackages");
	strvec_split(&a->subpackages, list ? list : "", " \t\n");
	r = read_files(a, b, e);
	if (r == 0)
		r = find_folders(a, b, e);
	if (r < 0)
		return r;
	note_line_ends(a, b);
	if (!a->of_module) {
		find_config(a, b);
		find_compiler(a, b);
		find_localversion(a, b);
	}
	note_prepare(a, b);
	if (a->of_module && has_text(b, "unpack", ""))
		strvec_add(&a->notes, "it has an unpack() of its own, which is not run");
	return 0;
}

/* Variables that are looked at; what else the reader does not know does not matter. */
static bool reader_gives_up(const struct apkbuild *b)
{
	static const char *const names[] = {"pkgname", "pkgver", "pkgrel", "arch", "_flavor",
		"_carch", "_config", "makedepends", "subpackages", "source", "sha512sums",
		"builddir", "ksrcdir", "_ksrcdir", "_builddir", "_outdir", "CC", "LLVM"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (apkbuild_unknown(b, names[i]))
			return true;
	return false;
}

static int load(struct aport *a, const char *dir, const struct arch_info *arch, bool of_module,
	bool ask, bool *gave_up, struct err *e)
{
	/* as pmbootstrap's cross builds have it, with the compiler's name left without prefix */
	const struct apkbuild_env env[] = {{"CARCH", arch->alpine}, {"CTARGET_ARCH", arch->alpine},
		{"srcdir", SRCDIR}, {"pkgdir", "/pkgdir"}, {"startdir", "/startdir"}, {"CC", "gcc"},
		{"HOSTCC", "gcc"}, {"CROSS_COMPILE", ""}, {"LDFLAGS", ""}, {"CFLAGS", ""},
		{"CXXFLAGS", ""}, {"CPPFLAGS", ""}, {"CBUILD_ARCH", arch_native()->alpine}};
	_cleanup_free_ char *path = path_join(dir, "APKBUILD");
	struct apkbuild *b = NULL;
	int r;

	*a = (struct aport){.dir = xstrdup(dir), .arch = arch, .of_module = of_module};
	if (!fs_exists(path)) {
		r = err_set(e, -ENOENT,
			"'%s' has no APKBUILD\n"
			"a kernel's aport is a folder such as device/community/linux-... of pmaports",
			dir);
		if (e)
			e->exit_code = EXIT_USAGE;
	} else {
		r = apkbuild_read(&b, path, env, ARRAY_SIZE(env), e);
	}
	*gave_up = r == 0 && reader_gives_up(b);
	if (*gave_up && ask) {
		struct err why = ERR_INIT;

		/* without namespaces there is no second way; the first one's reason is said then */
		if (apkbuild_ask_unknown(b, dir, env, ARRAY_SIZE(env), &why) < 0)
			strvec_addf(&a->notes, "%s", why.text);
		strvec_add_all(&a->notes, apkbuild_notes(b));
	}
	if (r == 0)
		r = read_recipe(a, b, e);
	apkbuild_free(b);
	if (r < 0)
		aport_free(a);
	return r;
}

int aport_load(struct aport *a, const char *dir, const struct arch_info *arch, struct err *e)
{
	bool gave_up;

	return load(a, dir, arch, false, true, &gave_up, e);
}

int aport_load_module(struct aport *a, const char *dir, const struct arch_info *arch, struct err *e)
{
	bool gave_up;

	return load(a, dir, arch, true, true, &gave_up, e);
}

int aport_load_unasked(struct aport *a, const char *dir, const struct arch_info *arch,
	bool *gave_up, struct err *e)
{
	return load(a, dir, arch, false, false, gave_up, e);
}

void aport_free(struct aport *a)
{
	char **texts[] = {&a->dir, &a->pkgname, &a->pkgver, &a->version, &a->flavor, &a->karch,
		&a->config, &a->compiler, &a->outdir, &a->builddir, &a->source_var,
		&a->localversion};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(*texts[i]);
	for (size_t i = 0; i < a->n_files; i++) {
		free(a->files[i].name);
		free(a->files[i].url);
		free(a->files[i].path);
	}
	free(a->files);
	strvec_free(&a->makedepends);
	strvec_free(&a->subpackages);
	strvec_free(&a->notes);
	*a = (struct aport){0};
}
