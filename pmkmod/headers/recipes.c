// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Helper programs of a headers package, whose own are foreign or missing: such a package has their
 * sources, but neither the records of how they were made (replay.c) nor what a whole build would
 * need. So the few programs that building a module runs are compiled directly.
 */
#include "pmkmod/headers/parts.h"

#include "chroot/base/fs.h"

/* Sources, each used if it is there: they changed in number between 3.0 and today. */
static const struct recipe {
	const char *program;
	const char *sources[6];
	const char *generated[3]; /* what of them must be generated first, if it is missing */
} recipes[] = {
	{"scripts/basic/fixdep", {"scripts/basic/fixdep.c"}, {NULL}},
	{"scripts/mod/modpost",
		{"scripts/mod/modpost.c", "scripts/mod/file2alias.c", "scripts/mod/sumversion.c",
			"scripts/mod/symsearch.c"},
		{"scripts/mod/elfconfig.h"}},
	{"scripts/genksyms/genksyms",
		{"scripts/genksyms/genksyms.c", "scripts/genksyms/parse.tab.c",
			"scripts/genksyms/lex.lex.c"},
		{"scripts/genksyms/parse.tab.c", "scripts/genksyms/lex.lex.c"}},
	{"scripts/recordmcount", {"scripts/recordmcount.c"}, {NULL}},
};

/* How a generated source is made; run in the scratch folder, whose own files are seen first. */
static const struct {
	const char *file, *command;
} generators[] = {
	{"scripts/genksyms/parse.tab.c",
		"bison -o scripts/genksyms/parse.tab.c --defines=scripts/genksyms/parse.tab.h "
		"-t -l " KERNEL_OUT "/scripts/genksyms/parse.y"},
	{"scripts/genksyms/lex.lex.c",
		"flex -oscripts/genksyms/lex.lex.c -L " KERNEL_OUT "/scripts/genksyms/lex.l"},
	/* scripts/mod/mk_elfconfig.c says which kind of ELF the phone's objects are */
	{"scripts/mod/elfconfig.h",
		"gcc -o scripts/mod/mk_elfconfig " KERNEL_OUT "/scripts/mod/mk_elfconfig.c && "
		"$(CROSS)gcc -c -x c -o scripts/mod/empty.o /dev/null && "
		"scripts/mod/mk_elfconfig < scripts/mod/empty.o > scripts/mod/elfconfig.h"},
};

static bool in_tree(const struct maker *m, const char *name)
{
	_cleanup_free_ char *path = path_join(m->out_dir, name);

	return fs_exists(path);
}

static const struct recipe *recipe_for(const char *program)
{
	for (size_t i = 0; i < ARRAY_SIZE(recipes); i++)
		if (streq(recipes[i].program, program))
			return &recipes[i];
	return NULL;
}

static bool to_generate(const struct maker *m, const struct recipe *r, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(r->generated) && r->generated[i]; i++)
		if (streq(r->generated[i], name))
			return !in_tree(m, name);
	return false;
}

static void add_generators(const struct maker *m, const struct recipe *r, struct strbuf *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(generators); i++)
		if (to_generate(m, r, generators[i].file))
			strbuf_addf(b, "\t%s\n", generators[i].command);
}

/* A program of one rule: a few small files, not worth an object each. */
static void add_recipe(
	const struct maker *m, const struct recipe *r, const char *compiler, struct strbuf *b)
{
	static const char *const include[] = {"scripts/include", "tools/include"};
	const char *base = path_base(r->program);
	int dir = (int)(base - r->program) - 1;

	strbuf_addf(b, "%s:\n\t@mkdir -p %.*s\n", r->program, dir, r->program);
	add_generators(m, r, b);
	strbuf_addf(b, "\t%s -O2 -std=gnu11 -I %.*s -I " KERNEL_OUT "/%.*s", compiler, dir,
		r->program, dir, r->program);
	for (size_t i = 0; i < ARRAY_SIZE(include); i++)
		if (in_tree(m, include[i]))
			strbuf_addf(b, " -I " KERNEL_OUT "/%s", include[i]);
	strbuf_addf(b, " -o %s", r->program);
	for (size_t i = 0; i < ARRAY_SIZE(r->sources) && r->sources[i]; i++) {
		if (to_generate(m, r, r->sources[i]))
			strbuf_addf(b, " %s", r->sources[i]);
		else if (in_tree(m, r->sources[i]))
			strbuf_addf(b, " " KERNEL_OUT "/%s", r->sources[i]);
	}
	strbuf_addc(b, '\n');
}

char *recipes_makefile(const struct maker *m, const struct strvec *names, const char *compiler)
{
	struct strbuf b = {0};

	strbuf_addf(&b, "CROSS := %s\nall:", m->s->cross);
	for (size_t i = 0; i < names->n; i++)
		if (recipe_for(names->v[i]))
			strbuf_addf(&b, " %s", names->v[i]);
	strbuf_addc(&b, '\n');
	for (size_t i = 0; i < names->n; i++)
		if (recipe_for(names->v[i]))
			add_recipe(m, recipe_for(names->v[i]), compiler, &b);
	return strbuf_steal(&b);
}
