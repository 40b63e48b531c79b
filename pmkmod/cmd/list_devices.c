// SPDX-License-Identifier: GPL-3.0-or-later
/* Devices: those of pmaports and those of profiles, each with what can be done for it. */
#include "pmkmod/build/index_kernels.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/device/device.h"
#include "pmkmod/device/from_pmaports.h"
#include "pmkmod/util/json.h"

/* One row: a device of pmaports, of a profile, or of both. */
struct row {
	const char *name; /* borrowed */
	const struct pmaports_device *pm; /* NULL: it is in no pmaports */
	struct device d; /* of the profile; zeroed: it cannot be used */
	char *profile; /* path of the profile, NULL: none */
	char *problem; /* why the profile cannot be used */
	enum verdict verdict, pm_verdict; /* with a profile, and pmaports' alone */
	bool judged; /* there is one */
	const struct pmaports_kernel *best; /* of pm; NULL: it has no pm */
};

/* The kernels that the channel's repositories have for one architecture. */
struct arch_kernels {
	const struct arch_info *arch;
	struct index_kernels kernels;
};
#define ARCHES_MAX 16

struct listing {
	struct context *x;
	struct arch_kernels arches[ARCHES_MAX];
	size_t n_arches;
	struct channel channel; /* of pmaports; zeroed: not known */
	struct aports_tree aports;
	struct row *rows;
	size_t n;
	struct strvec profiles;
	bool wanted[N_VERDICTS], filtered;
};

/* Is there a profile, and does it say enough? */
static bool loaded(const struct row *r)
{
	return r->d.name != NULL;
}

/* ---- gathering ---- */

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

static bool is_choice(const struct pmaports_device *d, const char *package)
{
	for (size_t i = 0; i < d->n_kernels; i++) {
		const struct pmaports_kernel *k = &d->kernels[i];

		if ((k->package && streq(k->package, package)) ||
			(k->made_by && streq(k->made_by, package)))
			return true;
	}
	return false;
}

static void load_profile(struct listing *l, struct row *r)
{
	struct err e = ERR_INIT;
	int code;

	r->profile = profile_path(l->x->config, "devices", r->name);
	code = device_load_with(&r->d, l->x->config, r->name, &l->aports, &e);
	/* a profile may name a kernel that is another's: that one is looked up for it alone */
	if (code == 0 && r->pm && !is_choice(r->pm, r->d.kernel)) {
		device_free(&r->d);
		code = device_load(&r->d, l->x->config, r->name, &e);
	}
	/* several kernels, of which none is chosen, are no problem: as they stand in pmaports */
	if (code < 0 && code != -ENOTUNIQ)
		r->problem = xstrdup(e.text);
}

/* The kernel's package in the repositories; NULL: it is not known that there is one. */
static const struct index_kernel *in_index(
	struct listing *l, const struct arch_info *arch, const char *package)
{
	struct arch_kernels *a = NULL;

	for (size_t i = 0; i < l->n_arches && !a; i++)
		if (l->arches[i].arch == arch)
			a = &l->arches[i];
	if (!arch || !package || !l->channel.name || (!a && l->n_arches == ARCHES_MAX))
		return NULL;
	if (!a) {
		a = &l->arches[l->n_arches++];
		a->arch = arch;
		index_kernels_read(&a->kernels, l->x, &l->channel, arch);
	}
	return index_kernel(&a->kernels, package);
}

static bool has_headers(struct listing *l, const struct arch_info *arch, const char *package)
{
	const struct index_kernel *k = in_index(l, arch, package);

	return k && k->headers;
}

/* The verdict of a kernel in pmaports; a headers package makes it better. */
static enum verdict verdict_of(
	struct listing *l, const struct pmaports_device *d, const struct pmaports_kernel *k)
{
	if ((k->verdict == VERDICT_SOURCE || k->verdict == VERDICT_SYMVERS) &&
		(has_headers(l, d->arch, k->package) || has_headers(l, d->arch, k->made_by)))
		return VERDICT_READY;
	return k->verdict;
}

static void settle(struct listing *l, struct row *r)
{
	for (size_t i = 0; r->pm && i < r->pm->n_kernels; i++) {
		enum verdict v = verdict_of(l, r->pm, &r->pm->kernels[i]);

		if (r->best && v >= r->verdict)
			continue;
		r->best = &r->pm->kernels[i];
		r->verdict = v;
	}
	r->pm_verdict = r->verdict;
	r->judged = r->pm != NULL;
	if (!loaded(r) || !r->d.judged)
		return;
	r->judged = true;
	r->verdict = r->d.verdict;
	if ((r->d.verdict == VERDICT_SOURCE || r->d.verdict == VERDICT_SYMVERS) &&
		l->channel.name && streq(l->channel.name, r->d.channel.name) &&
		has_headers(l, r->d.arch, r->d.kernel))
		r->verdict = VERDICT_READY;
}

static int compare_rows(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

static void gather(struct listing *l)
{
	const struct pmaports_device *pm = NULL;
	size_t n = 0;

	profile_names(l->x->config, "devices", &l->profiles);
	if (l->aports.tree)
		pm = pmaports_devices(l->aports.tree, &n);
	l->rows = xcalloc(n + l->profiles.n + 1, sizeof(*l->rows));
	for (size_t i = 0; i < n; i++) {
		struct row *r = &l->rows[l->n++];

		*r = (struct row){.name = pm[i].name, .pm = &pm[i]};
		if (strvec_has(&l->profiles, pm[i].name))
			load_profile(l, r);
	}
	for (size_t i = 0; i < l->profiles.n; i++) {
		if (l->aports.tree && pmaports_find(l->aports.tree, l->profiles.v[i]))
			continue;
		l->rows[l->n] = (struct row){.name = l->profiles.v[i]};
		load_profile(l, &l->rows[l->n++]);
	}
	for (size_t i = 0; i < l->n; i++)
		settle(l, &l->rows[i]);
	qsort(l->rows, l->n, sizeof(*l->rows), compare_rows);
}

static void listing_free(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++) {
		device_free(&l->rows[i].d);
		free(l->rows[i].profile);
		free(l->rows[i].problem);
	}
	free(l->rows);
	for (size_t i = 0; i < l->n_arches; i++)
		index_kernels_free(&l->arches[i].kernels);
	channel_free(&l->channel);
	strvec_free(&l->profiles);
	aports_tree_free(&l->aports);
}

static bool shown(const struct listing *l, const struct row *r)
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

static void print_kernel(const struct row *r)
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

static void print_row(const struct listing *l, const struct row *r)
{
	const char *arch = r->pm ? r->pm->arch_name : "";
	const char *channel = l->aports.channel ? l->aports.channel : "-";

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
	for (size_t i = 0; i < l->n; i++)
		if (shown(l, &l->rows[i]))
			print_row(l, &l->rows[i]);
}

/* ---- for programs ---- */

/* kernel.release of its package counts, if that is at hand; what aport and configuration say is
 * derived. */
static void add_release(struct listing *l, struct json_object *o, const struct pmaports_device *d,
	const struct pmaports_kernel *k)
{
	const struct index_kernel *p = in_index(l, d->arch, k->made_by ? k->made_by : k->package);
	_cleanup_free_ char *flavor = k->package && starts_with(k->package, "linux-")
					      ? xstrdup(k->package + strlen("linux-"))
					      : NULL;
	_cleanup_free_ char *release =
		p ? index_kernel_release(p, l->x, k->flavor ? k->flavor : flavor) : NULL;
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
		{"verdict", verdict_names[verdict_of(l, d, k)]}, {"why", k->why},
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

static struct json_object *row_json(struct listing *l, const struct row *r)
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
	for (size_t i = 0; i < l->n; i++) {
		const struct pmaports_device *pm = l->rows[i].pm;

		if (pm && (archived || !streq(pm->category, "archived")))
			counts[l->rows[i].pm_verdict]++;
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
	json_add_text(o, "channel", l->aports.channel);
	json_object_object_add(o, "folders", json_texts(&l->aports.folders));
	json_object_object_add(o, "notes", json_texts(&l->aports.notes));
	count(l, counts, true);
	json_object_object_add(o, "counts", counts_json(counts));
	json_write_open(o);
	fputs(",\"devices\":[", stdout);
	for (size_t i = 0; i < l->n; i++) {
		if (!shown(l, &l->rows[i]))
			continue;
		fputs(any ? ",\n" : "\n", stdout);
		json_write(row_json(l, &l->rows[i]));
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
	json_add_text(o, "channel", l->aports.channel);
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
	struct listing l = {.x = x};
	int r = read_filter(&l, o->verdict, e);

	if (r < 0)
		return r;
	/* without pmaports there still are profiles; counting nothing would be a lie */
	r = aports_tree_load(&l.aports, x->config, x->cache, NULL, NULL);
	if (r < 0 && counts) {
		if (e)
			*e = l.aports.problem;
		listing_free(&l);
		return r;
	}
	if (r < 0)
		strvec_add(&l.aports.notes, l.aports.problem.text);
	/* a channel that is not whole only means that no index is looked at */
	if (l.aports.channel && channel_load(&l.channel, x->config, l.aports.channel, NULL) < 0)
		l.channel = (struct channel){0};
	gather(&l);
	if (!o->json || counts)
		for (size_t i = 0; i < l.aports.notes.n; i++)
			progress_note(&x->progress, "%s", l.aports.notes.v[i]);
	if (counts && o->json)
		print_counts_json(&l);
	else if (counts)
		print_counts(&l);
	else if (o->json)
		print_json(&l);
	else
		print_table(&l);
	listing_free(&l);
	return 0;
}
