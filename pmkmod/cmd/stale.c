// SPDX-License-Identifier: GPL-3.0-or-later
/* Published packages that a newer kernel has left behind; and building them anew. */
#include "pmkmod/build/run.h"
#include "pmkmod/build/stale.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/util/json.h"

/* What became of one that was built anew. */
struct rebuilt {
	char *apk; /* NULL: it was not */
	char *problem;
	int exit_code;
};

struct rebuilding {
	struct context *x;
	const struct options *o;
	struct stale_list list;
	struct rebuilt *done; /* one for each item */
};

static bool is_stale(const struct stale_item *it)
{
	return it->state == STALE_NEWER || it->state == STALE_REBUILT ||
	       it->state == STALE_PMAPORTS;
}

/* ---- building ---- */

/* A device with several kernels in pmaports: the package's is the one to build for. */
static const char *kernel_to_name(struct context *x, const struct stale_item *it)
{
	struct device d;
	bool same;

	if (config_get(x->config, "kernel", "name"))
		return NULL;
	if (device_load(&d, x->config, it->device, NULL) < 0)
		return it->p->kernel;
	same = streq(d.kernel, it->p->kernel);
	device_free(&d);
	return same ? NULL : it->p->kernel;
}

static int build_one(
	struct rebuilding *b, const struct stale_item *it, struct rebuilt *done, struct err *e)
{
	struct context *x = b->x;
	const char *name = kernel_to_name(x, it);
	struct cell_result result = {0};
	struct plan p = {0};
	bool unchanged;
	int r;

	if (name)
		config_set(x->config, "kernel", "name", name);
	r = build_run(&p, x, it->device, it->asked, &result, &unchanged, e);
	if (r == 0) {
		done->apk = xstrdup(result.apk);
		r = publish_to_pmbootstrap(x, &p, &result, e);
	}
	if (name)
		config_set(x->config, "kernel", "name", "");
	cell_result_free(&result);
	plan_free(&p);
	return r;
}

static int build_aside(
	struct rebuilding *b, const struct stale_item *it, struct rebuilt *done, struct err *e)
{
	int kept = -1, r, back;

	if (!b->o->json)
		return build_one(b, it, done, e);
	r = stdout_aside(&kept, e);
	if (r < 0)
		return r;
	r = build_one(b, it, done, e);
	back = stdout_back(&kept, r < 0 ? NULL : e);
	return r < 0 ? r : back;
}

/* One that cannot be built does not keep the others from it. */
static int build_all(struct rebuilding *b, struct err *e)
{
	for (size_t i = 0; i < b->list.n; i++) {
		const struct stale_item *it = &b->list.v[i];
		struct err why = ERR_INIT;
		int r;

		/* the repositories' newest kernel is what a build is for */
		if (it->state != STALE_NEWER && it->state != STALE_REBUILT)
			continue;
		if (!it->device || !it->asked) {
			b->done[i].problem = xstrdup(
				"it is not known any more how it was asked for: build it once by "
				"`pmkmod build <device> <module>`");
			continue;
		}
		r = build_aside(b, it, &b->done[i], &why);
		if (r == -EINTR) {
			if (e)
				*e = why;
			return r;
		}
		if (r < 0) {
			b->done[i].problem = xstrdup(why.text);
			b->done[i].exit_code = why.exit_code ? why.exit_code : EXIT_GENERAL;
		}
	}
	return 0;
}

/* ---- telling ---- */

static void print_lines(const char *text)
{
	_cleanup_strvec_ struct strvec lines = {0};

	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		printf("          %s\n", lines.v[i]);
}

static void print_item(const struct stale_item *it, const struct rebuilt *done)
{
	const struct published *p = it->p;

	printf("%-9s %s-%s (%s/%s)\n",
		done->apk && !done->problem ? "renewed"
		: is_stale(it)		    ? "stale"
					    : "unknown",
		p->package, p->version, p->channel, p->arch);
	print_lines(it->why);
	if (done->apk)
		printf("apk       %s\n", done->apk);
	if (done->problem)
		print_lines(done->problem);
	else if (!done->apk && it->device && it->asked && it->state != STALE_PMAPORTS)
		printf("build     pmkmod build %s %s\n", it->device, it->asked);
}

static void print_all(const struct rebuilding *b)
{
	size_t fits = 0;

	for (size_t i = 0; i < b->list.n; i++) {
		fits += b->list.v[i].state == STALE_FITS || b->done[i].apk;
		if (b->list.v[i].state != STALE_FITS)
			print_item(&b->list.v[i], &b->done[i]);
	}
	for (size_t i = 0; i < b->list.unpublished.n; i++)
		printf("none      nothing is published for %s\n", b->list.unpublished.v[i]);
	printf("up to date: %zu of %zu package%s\n", fits, b->list.n, b->list.n == 1 ? "" : "s");
}

static struct json_object *item_json(const struct stale_item *it, const struct rebuilt *done)
{
	struct json_object *o = json_object_new_object();
	const struct {
		const char *key, *value;
	} members[] = {{"channel", it->p->channel}, {"arch", it->p->arch},
		{"package", it->p->package}, {"version", it->p->version}, {"apk", it->p->apk},
		{"kernel", it->p->kernel}, {"kernel_version", it->p->kernel_version},
		{"newest", it->newest}, {"state", stale_names[it->state]}, {"why", it->why},
		{"device", it->device}, {"module", it->asked}, {"rebuilt", done->apk},
		{"problem", done->problem}};

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		json_add_text(o, members[i].key, members[i].value);
	json_object_object_add(o, "stale", json_object_new_boolean(is_stale(it)));
	return o;
}

static void write_json(const struct rebuilding *b)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < b->list.n; i++)
		json_object_array_add(array, item_json(&b->list.v[i], &b->done[i]));
	json_write(array);
	putchar('\n');
}

/* ---- the whole ---- */

static int status_of(const struct rebuilding *b)
{
	int status = EXIT_OK;

	for (size_t i = 0; i < b->list.n; i++) {
		const struct stale_item *it = &b->list.v[i];
		const struct rebuilt *done = &b->done[i];

		/* what is built but not where it was wanted is told as `build` tells it */
		if (done->problem && done->apk)
			return done->exit_code;
		if (is_stale(it) && !done->apk)
			status = EXIT_STALE;
		else if (it->state == STALE_UNKNOWN && status == EXIT_OK)
			status = EXIT_GENERAL;
	}
	return status;
}

int cmd_stale(struct context *x, const struct options *o, int *status, struct err *e)
{
	struct rebuilding b = {.x = x, .o = o};
	_cleanup_strvec_ struct strvec devices = {0};
	int r = o->rebuild ? publish_wish_check(x, e) : 0;

	if (r < 0) {
		if (e)
			e->exit_code = EXIT_USAGE;
		return r;
	}
	for (size_t i = 1; i < o->args.n; i++)
		strvec_add(&devices, o->args.v[i]);
	r = stale_find(&b.list, x, &devices, e);
	if (r < 0)
		return r;
	b.done = xcalloc(b.list.n + 1, sizeof(*b.done));
	if (o->rebuild)
		r = build_all(&b, e);
	if (r == 0) {
		(o->json ? write_json : print_all)(&b);
		*status = status_of(&b);
	}
	for (size_t i = 0; i < b.list.n; i++) {
		free(b.done[i].apk);
		free(b.done[i].problem);
	}
	free(b.done);
	stale_free(&b.list);
	return r;
}
