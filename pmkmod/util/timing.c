// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/timing.h"

#include <stdio.h>

static struct timing_stage *find_stage(struct timing *t, const char *name)
{
	for (size_t i = 0; i < t->n_stages; i++)
		if (streq(t->stages[i].name, name))
			return &t->stages[i];
	if (t->n_stages == ARRAY_SIZE(t->stages))
		return NULL;
	t->stages[t->n_stages] = (struct timing_stage){.name = name};
	return &t->stages[t->n_stages++];
}

void timing_stage(struct timing *t, const char *stage, double seconds)
{
	struct timing_stage *s = find_stage(t, stage);

	if (s)
		s->seconds += seconds;
}

static struct timing_program *find_program(struct timing_stage *s, const char *name)
{
	struct timing_program *p;

	for (size_t i = 0; i < s->n_programs; i++)
		if (strncmp(s->programs[i].name, name, sizeof(p->name) - 1) == 0)
			return &s->programs[i];
	if (s->n_programs == ARRAY_SIZE(s->programs))
		return NULL;
	p = &s->programs[s->n_programs++];
	*p = (struct timing_program){0};
	snprintf(p->name, sizeof(p->name), "%s", name);
	return p;
}

void timing_program(
	struct timing *t, const char *stage, const char *program, double ran, double around)
{
	struct timing_stage *s = find_stage(t, stage);
	struct timing_program *p = s ? find_program(s, program) : NULL;

	if (!s)
		return;
	s->sandbox += around;
	s->sandboxes++;
	if (p) {
		p->runs++;
		p->seconds += ran;
	}
}

double timing_own(const struct timing_stage *s)
{
	double own = s->seconds - s->sandbox;

	for (size_t i = 0; i < s->n_programs; i++)
		own -= s->programs[i].seconds;
	return own > 0 ? own : 0;
}

static void line(
	struct strbuf *b, const char *indent, const char *name, double seconds, double total)
{
	strbuf_addf(b, "%s%-*s %9.3f %5.1f %%", indent, 16 - (int)strlen(indent), name, seconds,
		total > 0 ? 100 * seconds / total : 0);
}

static void add_runs(struct strbuf *b, unsigned runs, const char *of)
{
	if (runs > 1)
		strbuf_addf(b, "  (%u %s)", runs, of);
	strbuf_addc(b, '\n');
}

static void add_stage(struct strbuf *b, const struct timing_stage *s, double total)
{
	line(b, "", s->name, s->seconds, total);
	strbuf_addc(b, '\n');
	if (!s->sandboxes)
		return;
	for (size_t i = 0; i < s->n_programs; i++) {
		line(b, "  ", s->programs[i].name, s->programs[i].seconds, total);
		add_runs(b, s->programs[i].runs, "runs");
	}
	line(b, "  ", "sandbox", s->sandbox, total);
	add_runs(b, s->sandboxes, "of them");
	line(b, "  ", "pmkmod", timing_own(s), total);
	strbuf_addc(b, '\n');
}

char *timing_table(const struct timing *t, double total)
{
	struct strbuf b = {0};
	double rest = total;

	strbuf_addf(&b, "%-16s %9s %7s\n", "stage", "seconds", "share");
	for (size_t i = 0; i < t->n_stages; i++) {
		add_stage(&b, &t->stages[i], total);
		rest -= t->stages[i].seconds;
	}
	line(&b, "", "between", rest > 0 ? rest : 0, total);
	strbuf_addc(&b, '\n');
	line(&b, "", "all", total, total);
	strbuf_addc(&b, '\n');
	return strbuf_steal(&b);
}
