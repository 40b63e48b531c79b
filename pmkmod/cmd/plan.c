// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/cell.h"
#include "pmkmod/cmd/cmd.h"

static const char *layer_state(struct layer_store *store, const char *id, bool delta)
{
	_cleanup_free_ char *path = layer_find(store, id, delta);

	return path ? "ready" : "to be assembled";
}

static void print_packages(
	const char *what, const char *id, const char *state, const struct pinned_set *set)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	_cleanup_strvec_ struct strvec lines = {0};

	pinned_set_print(set, &b);
	if (b.s)
		strvec_split(&lines, b.s, "\n");
	printf("layer %s %s (%s, %zu packages)\n", what, id, state, set->n);
	for (size_t i = 0; i < lines.n; i++)
		printf("  %s\n", lines.v[i]);
}

static void print_todo(const struct plan *p)
{
	struct cell_result result;
	bool known = cell_load(p, &result);

	printf("cell %s\n", p->cell);
	if (known && result.built)
		printf("to do: nothing, %s was built from exactly this\n", result.apk);
	else if (known)
		printf("to do: nothing, this failed before: %s\n", result.error);
	else
		printf("to do: fetch, assemble, prepare, build, check, package, publish\n");
	cell_result_free(&result);
}

/* What pmaports says of the kernel, with the lines of its configuration that decide. */
static void print_verdict(const struct plan *p)
{
	const struct device *d = &p->device;
	_cleanup_strvec_ struct strvec lines = {0};
	bool headers = !p->headers_todo && !p->made.dev.name;

	if (!d->judged)
		return;
	if (headers && (d->verdict == VERDICT_SOURCE || d->verdict == VERDICT_SYMVERS)) {
		printf("verdict %s: the channel has the headers package %s\n",
			verdict_names[VERDICT_READY], d->headers);
		return;
	}
	printf("verdict %s: %s\n", verdict_names[d->verdict], d->why);
	strvec_split(&lines, d->decided_by ? d->decided_by : "", "\n");
	for (size_t i = 0; i < lines.n; i++)
		printf("  %s\n", lines.v[i]);
}

/* What pmaports says is known without any mirror. A verdict that is the error itself is not
 * repeated. */
static void print_known_verdict(struct context *x, const char *name, const struct err *e)
{
	struct plan p = {0};

	if (e && e->exit_code == EXIT_EXCLUDED)
		return;
	if (device_load(&p.device, x->config, name, NULL) < 0)
		return;
	p.headers_todo = xstrdup("");
	print_verdict(&p);
	free(p.headers_todo);
	device_free(&p.device);
}

int cmd_plan(struct context *x, const struct options *o, int *status, struct err *e)
{
	struct layer_store *store;
	struct plan p;
	int r;

	(void)status;
	x->make_headers = false;
	r = plan_make(&p, x, o->args.v[1], o->args.v[2], e);
	if (r < 0) {
		print_known_verdict(x, o->args.v[1], e);
		return r;
	}
	print_verdict(&p);
	if (p.headers_todo) {
		printf("device %s\narch %s\nchannel %s\nheaders to be made of %s\n"
		       "to do: headers; what else goes in is only known with them (`pmkmod headers %s`)\n",
			p.device.name, p.device.arch->alpine, p.device.channel.name, p.headers_todo,
			p.device.name);
		plan_free(&p);
		return 0;
	}
	r = context_layers(x, &store, e);
	if (r == 0) {
		fputs(p.text, stdout);
		if (p.module.kind == SOURCE_FOLDER)
			printf("folder %s\n", p.module.location);
		printf("key %s\n", *p.key ? p.key : "(made by the first build)");
		print_packages("toolchain", p.toolchain_id,
			layer_state(store, p.toolchain_id, false), &p.target.toolchain);
		print_packages("headers", p.kernel_id, layer_state(store, p.kernel_id, true),
			&p.target.headers);
		if (p.native.n)
			print_packages("native", p.native_id,
				layer_state(store, p.native_id, false), &p.native);
		if (p.helpers.n)
			print_packages("helpers", p.helpers_id,
				layer_state(store, p.helpers_id, false), &p.helpers);
		print_todo(&p);
	}
	plan_free(&p);
	return r;
}
