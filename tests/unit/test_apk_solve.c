// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The solver, by cases as data: tests/unit/solver/<name>.test. A line that starts with '@' begins a
 *section:
 *
 *	@repo [@tag]	records of an index; C: is made up where it is missing
 *	@installed	the same for what is installed already
 *	@world <deps>
 *	@flags upgrade
 *	@expect		"+ name version", "- name version", "> name old new", in this order;
 *			then "beyond apk", if apk itself is known to give up on this
 *	@error <text>	the message must hold it (several: all of them); nothing may be expected
 *
 * Lines that start with '#' are comments. Given file names, the program prints what the solver
 * says to each of them instead of testing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>

#include "chroot/apk/apk_solve.h"
#include "chroot/apk/pkg_field.h"
#include "chroot/base/fs.h"

#define MAX_REPOS 8
#define MAX_PKGS 256

struct pkg_list {
	struct apk_pkg *v;
	size_t n;
};

struct solver_case {
	struct apk_repo repo[MAX_REPOS];
	size_t n_repos;
	struct pkg_list installed;
	struct apk_deps world;
	unsigned flags;
	struct strbuf expect;
	struct strvec errors;
};

static void end_record(struct pkg_list *l, struct strbuf *record, const struct apk_repo *r)
{
	_cleanup_strvec_ struct strvec lines = {0};
	struct apk_pkg *p = &l->v[l->n];
	struct err e = ERR_INIT;

	if (!record->len)
		return;
	assert_true(l->n < MAX_PKGS);
	p->installed_size = 1;
	strvec_split(&lines, record->s, "\n");
	for (size_t i = 0; i < lines.n; i++)
		if (apk_pkg_set_field(p, lines.v[i][0], lines.v[i] + 2, &e) < 0)
			fail_msg("%s: %s", lines.v[i], e.text);
	if (!p->identity.len)
		hash_buf(HASH_SHA1, record->s, record->len, &p->identity);
	p->repo = r;
	l->n++;
	strbuf_reset(record);
}

struct parser {
	struct solver_case *c;
	const char *section;
	struct pkg_list *list;
	struct pkg_list repo_list[MAX_REPOS];
	struct strbuf record;
};

static void begin_repo(struct parser *p, const char *tag)
{
	struct apk_repo *r = &p->c->repo[p->c->n_repos];

	assert_true(p->c->n_repos < MAX_REPOS);
	r->url = xasprintf("http://repo%zu.test", p->c->n_repos);
	r->arch = xstrdup("x86_64");
	r->tag = *tag == '@' ? xstrdup(tag + 1) : NULL;
	p->list = &p->repo_list[p->c->n_repos++];
	p->list->v = xcalloc(MAX_PKGS, sizeof(*p->list->v));
}

static void begin_section(struct parser *p, char *line)
{
	char *arg = line + strcspn(line, " ");
	struct err e = ERR_INIT;

	if (*arg)
		*arg++ = '\0';
	p->list = NULL;
	p->section = "";
	if (streq(line, "@repo"))
		begin_repo(p, arg);
	else if (streq(line, "@installed"))
		p->list = &p->c->installed;
	else if (streq(line, "@world"))
		assert_int_equal(apk_deps_parse(&p->c->world, arg, &e), 0);
	else if (streq(line, "@flags"))
		p->c->flags = streq(arg, "upgrade") ? APK_SOLVE_UPGRADE : 0;
	else if (streq(line, "@expect"))
		p->section = "expect";
	else if (streq(line, "@error"))
		strvec_add(&p->c->errors, arg);
	else
		fail_msg("unknown section %s", line);
}

static void take_line(struct parser *p, char *line)
{
	const struct apk_repo *r = p->c->n_repos ? &p->c->repo[p->c->n_repos - 1] : NULL;

	if (*line == '#')
		return;
	if (p->list && (*line == '@' || !*line))
		end_record(p->list, &p->record, p->list == &p->c->installed ? NULL : r);
	if (*line == '@')
		begin_section(p, line);
	else if (p->list && *line)
		strbuf_addf(&p->record, "%s\n", line);
	else if (p->section && streq(p->section, "expect") && *line)
		strbuf_addf(&p->c->expect, "%s\n", line);
}

static void read_case(const char *path, struct solver_case *c)
{
	struct parser p = {.c = c};
	struct err e = ERR_INIT;
	char *text = NULL;

	*c = (struct solver_case){0};
	c->installed.v = xcalloc(MAX_PKGS, sizeof(*c->installed.v));
	if (fs_read(path, 1 << 20, &text, NULL, &e) < 0)
		fail_msg("%s", e.text);
	for (char *s = text, *next; s && *s; s = next) {
		next = strchr(s, '\n');
		if (next)
			*next++ = '\0';
		take_line(&p, s);
	}
	if (p.list)
		end_record(p.list, &p.record,
			p.list == &c->installed ? NULL : &c->repo[c->n_repos - 1]);
	for (size_t i = 0; i < c->n_repos; i++) {
		c->repo[i].pkgs = p.repo_list[i].v;
		c->repo[i].n_pkgs = p.repo_list[i].n;
	}
	strbuf_free(&p.record);
	free(text);
}

static void free_case(struct solver_case *c)
{
	for (size_t i = 0; i < c->n_repos; i++)
		apk_repo_free(&c->repo[i]);
	for (size_t i = 0; i < c->installed.n; i++)
		apk_pkg_free(&c->installed.v[i]);
	free(c->installed.v);
	apk_deps_free(&c->world);
	strbuf_free(&c->expect);
	strvec_free(&c->errors);
}

static int solve_case(const struct solver_case *c, struct strbuf *out, struct err *e)
{
	const struct apk_repo *repos[MAX_REPOS];
	const struct apk_pkg *installed[MAX_PKGS];
	struct apk_universe u = {repos, c->n_repos, installed, c->installed.n};
	struct apk_solution s;
	int r;

	for (size_t i = 0; i < c->n_repos; i++)
		repos[i] = &c->repo[i];
	for (size_t i = 0; i < c->installed.n; i++)
		installed[i] = &c->installed.v[i];
	r = apk_solve(&u, &c->world, c->flags, &s, e);
	for (size_t i = 0; i < s.n_changes; i++) {
		const struct apk_pkg *a = s.changes[i].old, *b = s.changes[i].new_pkg;

		if (a && b)
			strbuf_addf(out, "> %s %s %s\n", b->name, a->version, b->version);
		else
			strbuf_addf(out, "%c %s %s\n", b ? '+' : '-', (b ? b : a)->name,
				(b ? b : a)->version);
	}
	/* What is there afterwards is what was there, changed. */
	if (r == 0) {
		size_t n = c->installed.n;

		for (size_t i = 0; i < s.n_changes; i++)
			n = n + !s.changes[i].old - !s.changes[i].new_pkg;
		assert_int_equal(s.n_all, n);
		if (s.beyond_apk)
			strbuf_adds(out, "beyond apk\n");
	}
	apk_solution_free(&s);
	return r;
}

static void one_case(void **state)
{
	const char *path = *state;
	struct strbuf out = {0};
	struct err e = ERR_INIT;
	struct solver_case c;
	int r;

	read_case(path, &c);
	r = solve_case(&c, &out, &e);
	if (r < 0 && !c.errors.n)
		fail_msg("%s: %s", path, e.text);
	if (r == 0 && c.errors.n)
		fail_msg("%s: an error was expected, but:\n%s", path, out.s ? out.s : "");
	if (r == 0 && !streq(out.s ? out.s : "", c.expect.s ? c.expect.s : ""))
		fail_msg("%s: expected\n%sbut got\n%s", path, c.expect.s ? c.expect.s : "",
			out.s ? out.s : "");
	for (size_t i = 0; i < c.errors.n; i++)
		if (!strstr(e.text, c.errors.v[i]))
			fail_msg("%s: '%s' is not in\n%s", path, c.errors.v[i], e.text);
	strbuf_free(&out);
	free_case(&c);
}

static int show(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct strbuf out = {0};
		struct err e = ERR_INIT;
		struct solver_case c;
		int r;

		read_case(argv[i], &c);
		r = solve_case(&c, &out, &e);
		printf("== %s: %d\n%s%s%s", argv[i], r, out.s ? out.s : "", e.text,
			*e.text ? "\n" : "");
		strbuf_free(&out);
		free_case(&c);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct CMUnitTest *tests;
	glob_t g = {0};
	int r;

	if (argc > 1)
		return show(argc, argv);
	if (glob("tests/unit/solver/*.test", 0, NULL, &g) != 0) {
		fprintf(stderr, "no tests/unit/solver/*.test here: run from the top folder\n");
		return 1;
	}
	tests = xcalloc(g.gl_pathc, sizeof(*tests));
	for (size_t i = 0; i < g.gl_pathc; i++)
		tests[i] = (struct CMUnitTest){
			path_base(g.gl_pathv[i]), one_case, NULL, NULL, g.gl_pathv[i]};
	r = _cmocka_run_group_tests("apk_solve", tests, g.gl_pathc, NULL, NULL);
	free(tests);
	globfree(&g);
	return r;
}
