// SPDX-License-Identifier: GPL-3.0-or-later
/* Devices: those of pmaports and those of profiles, each with what can be done for it. */
#include "pmkmod/build/all_devices.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/util/json.h"

struct listing {
	struct device_list all;
	bool wanted[N_VERDICTS], filtered;
};

/* Is there a profile, and does it say enough? */
static bool loaded(const struct device_row *r)
{
	return r->d.name != NULL;
}

static int read_filter(struct listing *l, const char *list, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};

	strvec_split(&names, list ? list : "", ", ");
	l->filtered = list != NULL;
	for (size_t i = 0; i < names.n; i++) {
		enum verdict v;

		if (!verdict_by_name(names.v[i], &v))
			return usage_error(e,
				"--verdict does not know '%s', only ready, source, symvers, signed, "
				"no-modules, arch and no-kernel",
				names.v[i]);
		l->wanted[v] = true;
	}
	return list && !names.n ? usage_error(e, "--verdict needs a name, such as ready") : 0;
}

static bool shown(const struct listing *l, const struct device_row *r)
{
	return !l->filtered || (r->judged && l->wanted[r->verdict]);
}

/* ---- for people ---- */

/* A terminal must not be told what to do by a file: neither control characters nor broken ones. */
static void print_safe(const char *s)
{
	for (size_t n; *s; s += n ? n : 1) {
		unsigned c;

		n = utf8_length(s, strlen(s), &c);
		if (n == 0 || c < ' ' || (c >= 0x7f && c < 0xa0))
			putchar('?');
		else
			fwrite(s, 1, n, stdout);
	}
}

/* The first line of a sentence, as a row of its own or behind a name. */
static void print_sentence(const char *name, const char *what, const char *s)
{
	_cleanup_free_ char *first = xstrndup(s, strcspn(s, "\n"));

	printf("%-32s (%s", name, what);
	print_safe(first);
	puts(")");
}

static void print_kernel(const struct device_row *r)
{
	char text[128];
	size_t more = r->pm ? r->pm->n_kernels - 1 : 0;
	const char *name = loaded(r)		       ? r->d.kernel
			   : r->pm && r->best->package ? r->best->package
						       : "-";

	if (loaded(r))
		more = 0;
	if (more)
		snprintf(text, sizeof(text), "%s (1 of %zu)", name, more + 1);
	else
		snprintf(text, sizeof(text), "%s", name);
	printf("%-44s ", text);
}

static void print_row(const struct listing *l, const struct device_row *r)
{
	const char *arch = r->pm ? r->pm->arch_name : "";
	const char *channel = l->all.aports.channel ? l->all.aports.channel : "-";

	if (r->problem && !r->pm) {
		print_sentence(r->name, "", r->problem);
		return;
	}
	if (loaded(r)) {
		arch = r->d.arch->alpine;
		channel = r->d.channel.name;
	}
	printf("%-32s %-11s ", r->name, *arch ? arch : "?");
	print_kernel(r);
	printf("%-10s %-10s ", channel, r->judged ? verdict_names[r->verdict] : "-");
	print_safe(loaded(r) ? r->d.title : r->pm ? r->pm->title : "");
	putchar('\n');
	/* why its architecture is not known stands there as its first note */
	if (!loaded(r) && r->pm && !*arch && r->pm->notes)
		print_sentence("", "", r->pm->notes);
	if (r->problem)
		print_sentence("", "its profile: ", r->problem);
}

static void print_table(const struct listing *l)
{
	printf("%-32s %-11s %-44s %-10s %-10s %s\n", "DEVICE", "ARCH", "KERNEL", "CHANNEL",
		"VERDICT", "TITLE");
	for (size_t i = 0; i < l->all.n; i++)
		if (shown(l, &l->all.rows[i]))
			print_row(l, &l->all.rows[i]);
}

/* ---- for programs ---- */

/* kernel.release of its package counts, if that is at hand; what aport and configuration say is
 * derived. */
static void add_release(struct listing *l, struct json_object *o, const struct pmaports_device *d,
	const struct pmaports_kernel *k)
{
	const struct index_kernel *p =
		device_list_package(&l->all, d->arch, k->made_by ? k->made_by : k->package);
	_cleanup_free_ char *flavor = k->package && starts_with(k->package, "linux-")
					      ? xstrdup(k->package + strlen("linux-"))
					      : NULL;
	_cleanup_free_ char *release =
		p ? index_kernel_release(p, l->all.x, k->flavor ? k->flavor : flavor) : NULL;
	_cleanup_free_ char *from =
		release ? xasprintf("kernel.release of %s-%s", p->name, p->version) : NULL;

	json_add_text(o, "release", release ? release : k->release);
	json_add_text(o, "release_from", release ? from : k->release_from);
	json_object_object_add(
		o, "release_derived", json_object_new_boolean(!release && k->release));
}

static struct json_object *kernel_json(
	struct listing *l, const struct pmaports_device *d, const struct pmaports_kernel *k)
{
	struct json_object *o = json_object_new_object();
	const struct {
		const char *key, *value;
	} texts[] = {{"variant", k->variant}, {"package", k->package}, {"aport", k->aport},
		{"made_by", k->made_by}, {"renamed", k->renamed},
		{"verdict", verdict_names[device_list_verdict(&l->all, d, k)]}, {"why", k->why},
		{"remedy", k->remedy}, {"version", k->version}, {"flavor", k->flavor},
		{"config", k->config}, {"karch", k->karch}, {"compiler", k->compiler},
		{"outdir", k->outdir}};
	const struct {
		const char *key, *value;
	} lists[] = {{"config_lines", k->lines}, {"sources", k->sources}, {"patches", k->patches},
		{"notes", k->notes}};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		json_add_text(o, texts[i].key, texts[i].value);
	add_release(l, o, d, k);
	json_object_object_add(o, "firmware_decides", json_object_new_boolean(k->firmware_decides));
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		json_object_object_add(o, lists[i].key, json_lines(lists[i].value));
	return o;
}

static struct json_object *row_json(struct listing *l, const struct device_row *r)
{
	struct json_object *o = json_object_new_object(), *kernels = json_object_new_array();
	bool profile = loaded(r);

	json_add_text(o, "name", r->name);
	json_add_text(o, "title", profile ? r->d.title : r->pm ? r->pm->title : NULL);
	json_add_text(o, "arch", profile ? r->d.arch->alpine : r->pm ? r->pm->arch_name : NULL);
	json_add_text(o, "verdict", r->judged ? verdict_names[r->verdict] : NULL);
	json_add_text(o, "kernel", profile ? r->d.kernel : r->pm ? r->best->package : NULL);
	json_add_text(o, "channel", profile ? r->d.channel.name : NULL);
	json_add_text(o, "category", r->pm ? r->pm->category : NULL);
	json_add_text(o, "aport", r->pm ? r->pm->path : NULL);
	json_add_text(o, "profile", r->profile);
	json_add_text(o, "problem", r->problem);
	json_object_object_add(o, "notes", json_lines(r->pm ? r->pm->notes : NULL));
	for (size_t i = 0; r->pm && i < r->pm->n_kernels; i++)
		json_object_array_add(kernels, kernel_json(l, r->pm, &r->pm->kernels[i]));
	json_object_object_add(o, "kernels", kernels);
	return o;
}

/* Of the devices in pmaports; those that profiles alone define are not counted. */
static void count(const struct listing *l, size_t counts[N_VERDICTS], bool archived)
{
	for (size_t i = 0; i < l->all.n; i++) {
		const struct pmaports_device *pm = l->all.rows[i].pm;

		if (pm && (archived || !streq(pm->category, "archived")))
			counts[l->all.rows[i].pm_verdict]++;
	}
}

static struct json_object *counts_json(const size_t counts[N_VERDICTS])
{
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < N_VERDICTS; i++)
		json_object_object_add(
			o, verdict_names[i], json_object_new_int64((int64_t)counts[i]));
	return o;
}

/* One device a line, each written and forgotten: all of them at once take time and memory. */
static void print_json(struct listing *l)
{
	struct json_object *o = json_object_new_object();
	size_t counts[N_VERDICTS] = {0};
	bool any = false;

	json_object_object_add(o, "format", json_object_new_int(1));
	json_add_text(o, "channel", l->all.aports.channel);
	json_object_object_add(o, "folders", json_texts(&l->all.aports.folders));
	json_object_object_add(o, "notes", json_texts(&l->all.aports.notes));
	count(l, counts, true);
	json_object_object_add(o, "counts", counts_json(counts));
	json_write_open(o);
	fputs(",\"devices\":[", stdout);
	for (size_t i = 0; i < l->all.n; i++) {
		if (!shown(l, &l->all.rows[i]))
			continue;
		fputs(any ? ",\n" : "\n", stdout);
		json_write(row_json(l, &l->all.rows[i]));
		any = true;
	}
	puts("\n]}");
}

static void print_counts_json(const struct listing *l)
{
	struct json_object *o = json_object_new_object();
	size_t all[N_VERDICTS] = {0}, living[N_VERDICTS] = {0};

	count(l, all, true);
	count(l, living, false);
	json_object_object_add(o, "format", json_object_new_int(1));
	json_add_text(o, "channel", l->all.aports.channel);
	json_object_object_add(o, "counts", counts_json(all));
	json_object_object_add(o, "not_archived", counts_json(living));
	json_write(o);
	putchar('\n');
}

static void print_counts(const struct listing *l)
{
	size_t all[N_VERDICTS] = {0}, living[N_VERDICTS] = {0}, sum = 0, sum_living = 0;

	count(l, all, true);
	count(l, living, false);
	printf("%-12s %8s %13s  %s\n", "VERDICT", "DEVICES", "NOT ARCHIVED", "");
	for (size_t i = 0; i < N_VERDICTS; i++) {
		printf("%-12s %8zu %13zu  %s\n", verdict_names[i], all[i], living[i],
			verdict_titles[i]);
		sum += all[i];
		sum_living += living[i];
	}
	printf("%-12s %8zu %13zu\n", "all", sum, sum_living);
}

int cmd_list_devices(struct context *x, const struct options *o, bool counts, struct err *e)
{
	struct listing l = {0};
	int r = read_filter(&l, o->verdict, e);

	if (r < 0)
		return r;
	/* without pmaports there still are profiles; counting nothing would be a lie */
	r = device_list_read(&l.all, x);
	if (r < 0 && counts) {
		if (e)
			*e = l.all.aports.problem;
		device_list_free(&l.all);
		return r;
	}
	if (r < 0)
		strvec_add(&l.all.aports.notes, l.all.aports.problem.text);
	if (!o->json || counts)
		for (size_t i = 0; i < l.all.aports.notes.n; i++)
			progress_note(&x->progress, "%s", l.all.aports.notes.v[i]);
	if (counts && o->json)
		print_counts_json(&l);
	else if (counts)
		print_counts(&l);
	else if (o->json)
		print_json(&l);
	else
		print_table(&l);
	device_list_free(&l.all);
	return 0;
}
