// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The steps of a source as lines of an APKBUILD's build(), for abuild, which has neither our
 * sandbox nor the surroundings in it.
 */
#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"

/* `text` with each `from` replaced by `to`. */
static char *replace(const char *text, const char *from, const char *to)
{
	struct strbuf b = {0};
	size_t n = strlen(from);

	for (const char *at; (at = strstr(text, from)); text = at + n) {
		strbuf_add(&b, text, (size_t)(at - text));
		strbuf_adds(&b, to);
	}
	strbuf_adds(&b, text);
	return strbuf_steal(&b);
}

/* What every source of this kind asks the machine for: the release, and where the kernel is. */
static void add_surroundings(const struct job *j, struct strbuf *b)
{
	const char *lib = j->plan->device.channel.usr_merge ? "/usr/lib" : "/lib";
	const char *sub = j->kbuild_dir + strlen(j->source_dir);

	strbuf_addf(b,
		"\tlocal kernel=%s/modules/\"$_release\"/build\n"
		"\tmkdir -p \"$srcdir\"/bin\n"
		"\tprintf '#!/bin/sh\\n[ \"$*\" = -r ] && echo %s && exit\\n"
		"[ \"$*\" = -m ] && echo %s && exit\\nexec /bin/uname \"$@\"\\n' \\\n"
		"\t\t>\"$srcdir\"/bin/uname\n"
		"\tprintf '#!/bin/sh\\n' >\"$srcdir\"/bin/depmod\n"
		"\tchmod 755 \"$srcdir\"/bin/*\n"
		"\texport PATH=\"$srcdir/bin:$PATH\" ARCH=%s\n"
		"\texport MAKEFLAGS=\"${MAKEFLAGS:-} ARCH=%s CROSS_COMPILE=${CROSS_COMPILE:-}",
		lib, j->headers.release, j->plan->device.arch->uname,
		j->plan->device.arch->linux_arch, j->plan->device.arch->linux_arch);
	if (j->preflight.clang)
		strbuf_adds(b, " LLVM=1");
	strbuf_addf(b, "\"\n\tcd \"$builddir%s\"\n", sub);
}

static void make_lines(const struct job *j, struct strbuf *b)
{
	const struct steps *s = &j->steps;

	if (s->configure)
		strbuf_adds(b, "\tchmod +x configure\n\t./configure --host=\"$CHOST\"\n");
	strbuf_adds(b, "\tmake KERNEL_SRC=\"$kernel\" KERNELDIR=\"$kernel\" KDIR=\"$kernel\"");
	for (size_t i = 0; i < s->overrides.n; i++) {
		_cleanup_free_ char *word =
			replace(s->overrides.v[i], j->headers.build_dir, "$kernel");

		strbuf_addf(b, " \"%s\"", word);
	}
	if (s->target)
		strbuf_addf(b, " %s", s->target);
	strbuf_addc(b, '\n');
}

static void add_hook(struct strbuf *b, const char *command)
{
	if (command && *command)
		strbuf_addf(b, "\t./%s\n", command);
}

static void dkms_lines(const struct job *j, struct strbuf *b)
{
	const struct dkms_conf *c = &j->steps.dkms;
	_cleanup_free_ char *tree = xasprintf("/var/lib/dkms/%s/%s/build", c->name, c->version);
	_cleanup_free_ char *here = replace(c->make, tree, "$PWD");
	_cleanup_free_ char *command = replace(here, j->headers.build_dir, "$kernel");

	strbuf_addf(b,
		"\tlocal kernelver=\"$_release\" kernel_source_dir=\"$kernel\" dkms_tree=\"$srcdir\"/dkms\n"
		"\tmkdir -p \"$dkms_tree\"/%s/%s\n"
		"\tln -sfn \"$PWD\" \"$dkms_tree\"/%s/%s/build\n",
		c->name, c->version, c->name, c->version);
	for (size_t i = 0; i < c->patches.n; i++)
		strbuf_addf(b, "\tpatch -p1 -i %s\n", c->patches.v[i]);
	add_hook(b, c->pre_build);
	/* as DKMS: a make that comes first is told the release */
	if (starts_with(command, "make "))
		strbuf_addf(
			b, "\tmake KERNELRELEASE=\"$_release\" %s\n", command + strlen("make "));
	else
		strbuf_addf(b, "\t%s\n", command);
	add_hook(b, c->post_build);
	for (size_t i = 0; i < c->n_modules; i++)
		if (!streq(c->modules[i].name, c->modules[i].dest_name))
			strbuf_addf(b, "\tmv %s%s.ko %s.ko\n", c->modules[i].location,
				c->modules[i].name, c->modules[i].dest_name);
}

static void akms_lines(struct strbuf *b)
{
	/* a shell of its own, for both files have a build() */
	strbuf_adds(b,
		"\tkernel_ver=\"$_release\" kernel_srcdir=\"$kernel\" builddir=\"$PWD\" sh -e -c '\n"
		"\t\tbuild() { default_build; }\n"
		"\t\t. ./AKMBUILD\n"
		"\t\tdefault_build() {\n"
		"\t\t\ttouch Makefile\n"
		"\t\t\tmake -C \"$kernel_srcdir\" M=\"$builddir\" modules\n"
		"\t\t}\n"
		"\t\tbuild'\n");
}

char *steps_aport_lines(const struct job *j)
{
	struct strbuf b = {0};

	if (j->steps.kind == STEPS_KBUILD)
		return NULL;
	add_surroundings(j, &b);
	if (j->steps.kind == STEPS_MAKE)
		make_lines(j, &b);
	else if (j->steps.kind == STEPS_DKMS)
		dkms_lines(j, &b);
	else
		akms_lines(&b);
	return strbuf_steal(&b);
}
