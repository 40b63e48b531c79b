// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/doctor/doctor.h"

#include <stdarg.h>

const char *const point_states[] = {"ok", "note", "lacks"};

struct point *point_add(struct doctor *d, enum point_state state, const char *name, const char *use,
	const char *found, ...)
{
	_cleanup_strbuf_ struct strbuf text = {0};
	struct point *p;
	va_list ap;

	va_start(ap, found);
	strbuf_vaddf(&text, found, ap);
	va_end(ap);
	d->points = xrealloc(d->points, d->n + 1, sizeof(*d->points));
	p = &d->points[d->n++];
	*p = (struct point){.state = state,
		.name = xstrdup(name),
		.use = xstrdup(use),
		.found = strbuf_steal(&text)};
	return p;
}

void point_mend(struct point *p, const char *command, ...)
{
	_cleanup_strbuf_ struct strbuf text = {0};
	va_list ap;

	va_start(ap, command);
	strbuf_vaddf(&text, command, ap);
	va_end(ap);
	strvec_add(&p->mend, text.s);
}

void point_mend_take(struct point *p, char *command)
{
	strvec_take(&p->mend, command);
}

bool doctor_needs(const struct doctor *d, const struct arch_info *a)
{
	for (size_t i = 0; i < d->n_needed; i++)
		if (d->needed[i] == a)
			return true;
	return false;
}

int doctor_examine(struct doctor *d, struct err *e)
{
	int r;

	host_read(&d->host, "/etc/os-release");
	examine_folders(d);
	r = examine_sandbox(d, e);
	if (r == 0)
		r = examine_emulation(d, e);
	if (r == 0)
		examine_programs(d);
	return r;
}

bool doctor_healthy(const struct doctor *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->points[i].state == POINT_LACKS)
			return false;
	return true;
}

void doctor_free(struct doctor *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->points[i].name);
		free(d->points[i].use);
		free(d->points[i].found);
		strvec_free(&d->points[i].mend);
	}
	free(d->points);
	host_free(&d->host);
	*d = (struct doctor){0};
}
