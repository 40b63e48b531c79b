// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/device/device.h"
#include "pmkmod/doctor/doctor.h"
#include "pmkmod/util/json.h"

/* Nearly all phones. */
static const char *const usual[] = {"aarch64", "armv7"};

static void add_arch(const struct arch_info **archs, size_t *n, const struct arch_info *a)
{
	for (size_t i = 0; i < *n; i++)
		if (archs[i] == a)
			return;
	archs[(*n)++] = a;
}

/* The architectures of the devices that were named, or the usual ones. */
static int find_needed(struct context *x, const struct options *o, const struct arch_info **archs,
	size_t *n, struct err *e)
{
	*n = 0;
	for (size_t i = 1; i < o->args.n; i++) {
		struct device d;
		int r = device_load(&d, x->config, o->args.v[i], e);

		if (r < 0)
			return r;
		add_arch(archs, n, d.arch);
		device_free(&d);
	}
	for (size_t i = 0; o->args.n == 1 && i < ARRAY_SIZE(usual); i++)
		add_arch(archs, n, arch_by_name(usual[i]));
	return 0;
}

/* ---- for people ---- */

static void print_rest(const char *text)
{
	while (text && *text) {
		size_t n = strcspn(text, "\n");

		printf("       %.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void print_point(const struct point *p)
{
	size_t n = strcspn(p->found, "\n");

	printf("%-6s %-19s %.*s (for: %s)\n", point_states[p->state], p->name, (int)n, p->found,
		p->use);
	print_rest(p->found[n] ? p->found + n + 1 : NULL);
	for (size_t i = 0; i < p->mend.n; i++)
		printf("       mend: %s\n", p->mend.v[i]);
}

static void print_all(const struct doctor *d, bool quiet)
{
	for (size_t i = 0; i < d->n; i++)
		if (!quiet || d->points[i].state == POINT_LACKS)
			print_point(&d->points[i]);
	if (!quiet || !doctor_healthy(d))
		printf("%s\n", doctor_healthy(d)
				       ? "builds can work on this machine"
				       : "builds do not work until what it lacks is mended");
}

/* ---- for programs ---- */

static struct json_object *point_json(const struct point *p)
{
	struct json_object *o = json_object_new_object();

	json_add_text(o, "name", p->name);
	json_add_text(o, "state", point_states[p->state]);
	json_add_text(o, "for", p->use);
	json_add_text(o, "found", p->found);
	json_object_object_add(o, "mend", json_texts(&p->mend));
	return o;
}

static void write_json(const struct doctor *d)
{
	struct json_object *o = json_object_new_object(), *points = json_object_new_array();

	json_object_object_add(o, "ok", json_object_new_boolean(doctor_healthy(d)));
	json_add_text(o, "host", d->host.title);
	for (size_t i = 0; i < d->n; i++)
		json_object_array_add(points, point_json(&d->points[i]));
	json_object_object_add(o, "points", points);
	json_write(o);
	putchar('\n');
}

int cmd_doctor(struct context *x, const struct options *o, int *status, struct err *e)
{
	_cleanup_free_ const struct arch_info **archs = xcalloc(o->args.n + 2, sizeof(void *));
	struct doctor d = {.x = x, .needed = archs};
	int r = find_needed(x, o, archs, &d.n_needed, e);

	if (r == 0)
		r = doctor_examine(&d, e);
	if (r == 0 && o->json)
		write_json(&d);
	else if (r == 0)
		print_all(&d, o->quiet);
	*status = r == 0 && !doctor_healthy(&d) ? EXIT_SANDBOX : EXIT_OK;
	doctor_free(&d);
	return r;
}
