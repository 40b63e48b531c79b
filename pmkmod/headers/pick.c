// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Which files a headers package has: what `make M=` reads of a kernel, from 3.0 to today. The list
 * is that of scripts/package/install-extmod-build, and what older kernels and modules need beyond
 * it.
 */
#include "pmkmod/headers/parts.h"

#include <dirent.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include "chroot/base/fs.h"

#define DEPTH_MAX 24

enum from { FROM_SOURCE = 1, FROM_OUT = 2, FROM_PACKAGED = 4 };

/* A folder (%s: the architecture's), how deep, and which names. */
static const struct {
	int from;
	const char *dir;
	const char *only_below; /* a folder's name that must be in the path; NULL: anywhere */
	bool deep;
	const char *names[8]; /* fnmatch(3); none: all */
} rules[] = {
	{FROM_SOURCE, "", NULL, false, {"Makefile*", "Kbuild*", "Kconfig*", "*.mk", "COPYING"}},
	{FROM_SOURCE, "include", NULL, true, {NULL}},
	{FROM_SOURCE, "scripts", NULL, true, {NULL}},
	{FROM_SOURCE, "arch/%s", NULL, true,
		{"Makefile*", "Kbuild*", "Kconfig*", "Platform*", "*.lds", "*.lds.S",
			"module.lds.h"}},
	{FROM_SOURCE, "arch/%s", "include", true, {NULL}},
	{FROM_SOURCE, "arch/%s", "scripts", true, {NULL}},
	{FROM_SOURCE, "arch/%s/tools", NULL, true, {NULL}},
	/* arm's mach-*.h that drivers of 3.x reach for by -I */
	{FROM_SOURCE, "arch/%s", NULL, true, {"*.h"}},
	/* headers that drivers outside the tree commonly use although nobody promised them */
	{FROM_SOURCE, "drivers/md", NULL, false, {"*.h"}},
	{FROM_SOURCE, "net/mac80211", NULL, false, {"*.h"}},
	{FROM_SOURCE, "net/wireless", NULL, false, {"*.h"}},
	{FROM_SOURCE, "drivers/media", NULL, true, {"*.h"}},
	{FROM_SOURCE, "drivers/usb", NULL, true, {"*.h"}},
	{FROM_SOURCE, "drivers/iio", NULL, true, {"*.h"}},
	{FROM_SOURCE, "drivers/staging/android", NULL, true, {"*.h"}},
	{FROM_SOURCE, "security/selinux/include", NULL, true, {"*.h"}},
	{FROM_SOURCE, "techpack", "include", true, {"*.h"}},
	/* what was generated */
	{FROM_OUT, "", NULL, false, {".config"}},
	{FROM_OUT, "include/config", NULL, false, {"auto.conf", "tristate.conf"}},
	{FROM_OUT, "include/generated", NULL, true, {NULL}},
	{FROM_OUT, "include/linux", NULL, false, {"version.h"}},
	{FROM_OUT, "arch/%s/include/generated", NULL, true, {NULL}},
	{FROM_OUT, "arch/%s/kernel", NULL, false, {"module.lds"}},
	{FROM_OUT, "arch/%s/lib", NULL, false, {"crtsavres.o"}},
	{FROM_OUT, "scripts", NULL, true, {"*.h", "*.lds", "*.so", "*.mk", "*.json"}},
	/* what somebody picked before */
	{FROM_PACKAGED, "", NULL, true, {NULL}},
};

/* Architectures whose headers include those of another. */
static const struct {
	const char *arch, *dir;
} borrowed[] = {
	{"arm64", "arch/arm/include"}, /* asm/xen/.h, asm/opcodes.h: ../../arm/include/asm/... */
	{"um", "arch/x86/include"},
};

/* Folders of scripts/ that building a module does not enter. */
static const char *const scripts_skipped[] = {"scripts/dtc", "scripts/package", "scripts/atomic",
	"scripts/gdb", "scripts/selinux", "scripts/coccinelle", "scripts/dummy-tools",
	"scripts/tracing", "scripts/ksymoops", "scripts/rt-tester", "scripts/clang-tools"};

/* What a build leaves beside its sources. */
static const char *const leftovers[] = {"*.o", "*.a", "*.ko", "*.d", ".*.cmd", "*.cmd", "*.mod",
	"*.mod.c", "*.order", "*.tmp", "*.orig", "*.rej", ".gitignore", ".gitattributes", "*.i",
	"*.ll", "*.symversions", "*.pyc", "*~"};

static bool matches(const char *name, const char *const *patterns, size_t n)
{
	for (size_t i = 0; i < n && patterns[i]; i++)
		if (fnmatch(patterns[i], name, 0) == 0)
			return true;
	return false;
}

static bool has_component(const char *path, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = path; (p = strstr(p, word)); p += n)
		if ((p == path || p[-1] == '/') && p[n] == '/')
			return true;
	return false;
}

static void take(struct picked_files *out, const char *host, const char *name)
{
	if (out->n == out->cap) {
		out->cap = out->cap ? out->cap * 2 : 4096;
		out->v = xrealloc(out->v, out->cap, sizeof(*out->v));
	}
	out->v[out->n++] = (struct picked){.host = xstrdup(host), .name = xstrdup(name)};
}

struct walk {
	struct picked_files *out;
	const char *root;
	size_t rule;
};

static bool wanted(const struct walk *w, const char *name)
{
	const char *const *names = rules[w->rule].names;
	const char *base = path_base(name), *below = rules[w->rule].only_below;

	if (below && !has_component(name, below))
		return false;
	if (names[0] && !matches(base, names, ARRAY_SIZE(rules[0].names)))
		return false;
	/* crtsavres.o, which powerpc links into every module, is named by its rule */
	return (names[0] && streq(names[0], base)) ||
	       !matches(base, leftovers, ARRAY_SIZE(leftovers));
}

static bool enters(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(scripts_skipped); i++)
		if (streq(name, scripts_skipped[i]))
			return false;
	return !streq(path_base(name), ".git");
}

static int walk(struct walk *w, const char *dir, int depth, struct err *e)
{
	_cleanup_free_ char *host = path_join(w->root, dir);
	DIR *d = opendir(host);
	struct dirent *de;
	int r = 0;

	if (!d)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_errno(e, -errno, "cannot list '%s'", host);
	while (r == 0 && (de = readdir(d))) {
		_cleanup_free_ char *name = *dir ? path_join(dir, de->d_name) : xstrdup(de->d_name);
		_cleanup_free_ char *path = path_join(host, de->d_name);
		struct stat st;

		if (streq(de->d_name, ".") || streq(de->d_name, "..") || lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode)) {
			if (rules[w->rule].deep && depth < DEPTH_MAX && enters(name))
				r = walk(w, name, depth + 1, e);
		} else if ((S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) && wanted(w, name)) {
			take(w->out, path, name);
		}
	}
	closedir(d);
	return r;
}

static int by_name(const void *a, const void *b)
{
	const struct picked *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* qsort() is not stable: equal names are told apart by where they are, remedies before sources. */
static void keep_first(struct picked_files *p, const struct maker *m)
{
	const char *const order[] = {m->shadow, m->out_dir, m->source};
	size_t n = 0;

	if (p->n)
		qsort(p->v, p->n, sizeof(*p->v), by_name);
	for (size_t i = 0; i < p->n;) {
		size_t k = i, best = i, best_rank = ARRAY_SIZE(order);

		for (; k < p->n && streq(p->v[k].name, p->v[i].name); k++)
			for (size_t o = 0; o < best_rank; o++)
				if (starts_with(p->v[k].host, order[o])) {
					best = k;
					best_rank = o;
				}
		for (size_t j = i; j < k; j++)
			if (j != best) {
				free(p->v[j].host);
				free(p->v[j].name);
			}
		p->v[n++] = p->v[best];
		i = k;
	}
	p->n = n;
}

int pick_files(struct picked_files *out, const struct maker *m, struct err *e)
{
	const char *arch = m->s->arch->linux_arch;
	int r = 0;

	*out = (struct picked_files){0};
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rules); i++) {
		const char *const roots[] = {rules[i].from == FROM_SOURCE ? m->shadow : m->out_dir,
			rules[i].from == FROM_SOURCE ? m->source : NULL};
		const char *at = strstr(rules[i].dir, "%s");
		_cleanup_free_ char *dir = at ? xasprintf("%.*s%s%s", (int)(at - rules[i].dir),
							rules[i].dir, arch, at + 2)
					      : xstrdup(rules[i].dir);

		if ((rules[i].from == FROM_PACKAGED) != (m->s->packaged != NULL))
			continue;
		for (size_t k = 0; r == 0 && k < ARRAY_SIZE(roots) && roots[k]; k++) {
			struct walk w = {.out = out, .root = roots[k], .rule = i};

			r = walk(&w, dir, 0, e);
		}
	}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(borrowed); i++) {
		struct walk w = {.out = out, .root = m->source, .rule = 1};

		if (streq(borrowed[i].arch, arch) && !m->s->packaged)
			r = walk(&w, borrowed[i].dir, 0, e);
	}
	if (r == 0)
		keep_first(out, m);
	return r;
}

void picked_files_free(struct picked_files *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].host);
		free(p->v[i].name);
	}
	free(p->v);
	*p = (struct picked_files){0};
}
