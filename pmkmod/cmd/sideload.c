// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/base/fs.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/export/inspect.h"
#include "pmkmod/phone/sideload.h"
#include "pmkmod/util/exit_codes.h"

static void say_steps(struct context *x, const struct sideload *s, bool dry_run)
{
	for (size_t i = 0; i < s->notes.n; i++)
		progress_note(&x->progress, "%s", s->notes.v[i]);
	for (size_t i = 0; i < s->steps.n; i++)
		if (dry_run)
			printf("%-9s %s\n", i ? "" : "would", s->steps.v[i]);
		else
			progress_note(
				&x->progress, "%s%s", i ? "" : "on the phone: ", s->steps.v[i]);
}

/* apk keeps what was installed from a file as it is, and with it what it depends on. */
static void tell_pin(struct context *x, const struct plan *p, const struct cell_result *built)
{
	progress_note(&x->progress,
		"no repository of the phone's has %s: its apk now keeps this very file, and with it "
		"%s-%s, at every upgrade. `apk del %s` on the phone ends that; a repository with the "
		"package in /etc/apk/repositories, then `apk add %s`, makes it an ordinary one",
		built->package, p->target.kernel.name, p->target.kernel.version, built->package,
		built->package);
}

static void print_result(struct context *x, const struct plan *p, const struct cell_result *built,
	const struct sideload *s, const struct sideload_result *r)
{
	printf("apk       %s\nphone     %s\nkernel    %s\n", built->apk, s->phone.shown,
		s->state.release);
	print_indented("lsmod", r->lsmod);
	print_indented("dmesg", r->dmesg);
	print_trouble(&r->trouble);
	print_indented("stack", r->stack);
	print_indented("failure", r->failure);
	if (r->refused)
		printf("refused   %s: %s\n", r->refusal.point, r->refusal.meaning);
	printf("loaded    %s\n", r->loaded ? "yes" : r->lost ? "not known" : "no");
	for (size_t i = 0; i < r->next.n; i++)
		printf("%-9s %s\n", i ? "" : "next", r->next.v[i]);
	if (r->pinned)
		tell_pin(x, p, built);
	for (size_t i = 0; i < r->was_loaded.n; i++)
		progress_note(&x->progress,
			"%s was loaded before, and what was loaded stays until `modprobe -r %s` or "
			"until the phone is started anew",
			r->was_loaded.v[i], r->was_loaded.v[i]);
}

/* How the package was judged when it was made, told before anything else is done with it. */
static void print_fit(const struct inspection *i)
{
	const struct package_summary *s = &i->summary;
	_cleanup_free_ char *verdict = NULL;

	if (!i->has_summary || !s->verdict) {
		printf("fit       not known: %s\n",
			i->summary_problem ? i->summary_problem : "the package does not say");
	} else {
		verdict = phone_clean(s->verdict, strlen(s->verdict));
		printf("fit       %s (%llu passed, %llu failed, %llu not known)\n", verdict,
			(unsigned long long)s->pass, (unsigned long long)s->fail,
			(unsigned long long)s->unknown);
	}
	/* what follows goes to standard error */
	fflush(stdout);
}

static int look_into(struct inspection *i, const char *apk, const char *keys_dir, struct err *e)
{
	_cleanup_strvec_ struct strvec dirs = {0};
	struct apk_keys *keys = NULL;
	int r;

	if (fs_is_dir(keys_dir))
		strvec_add(&dirs, keys_dir);
	r = apk_keys_load(&keys, &dirs, e);
	if (r == 0)
		r = inspect_package(i, apk, keys, e);
	apk_keys_free(keys);
	if (r < 0 && e && !e->exit_code)
		e->exit_code = EXIT_UNTRUSTED;
	return r;
}

static int status_of(const struct sideload_result *r)
{
	return r->loaded ? 0 : r->hung ? EXIT_TIMEOUT : EXIT_NOT_LOADED;
}

static int put_onto_phone(struct sideload *s, const struct plan *p, const struct cell_result *built,
	int *status, struct err *e)
{
	struct progress *pr = &p->x->progress;
	struct sideload_result result = {0};
	int r;

	progress_stage(pr, "sideload", "%s", built->package);
	r = sideload_run(s, &result, e);
	if (r == 0) {
		progress_done(pr, "%s-%s is installed", built->package, built->version);
		print_result(p->x, p, built, s, &result);
		*status = status_of(&result);
	}
	sideload_result_free(&result);
	return r;
}

static int sideload(struct plan *p, const struct cell_result *built, const struct options *o,
	int *status, struct err *e)
{
	_cleanup_free_ char *keys = plan_keys_dir(p->x);
	_cleanup_strvec_ struct strvec modules = {0};
	struct progress *pr = &p->x->progress;
	struct sideload s = {.config = p->x->config,
		.apk = built->apk,
		.keys_dir = keys,
		.arch = p->device.arch,
		.release = built->release,
		.modules = &modules,
		.install_key = o->install_key};
	struct inspection package = {0};
	int r = look_into(&package, built->apk, keys, e);

	if (r < 0)
		return r;
	print_fit(&package);
	s.autoload = package.autoload;
	s.by_hardware = package.by_hardware;
	strvec_split(&modules, built->modules ? built->modules : "", " ");
	progress_stage(pr, "phone", "looking at it");
	r = sideload_prepare(&s, e);
	if (r == 0) {
		progress_done(pr, "%s runs %s", s.phone.shown, s.state.release);
		say_steps(p->x, &s, o->dry_run);
	}
	if (r == 0 && !o->dry_run)
		r = put_onto_phone(&s, p, built, status, e);
	if (r < 0)
		progress_failed(pr);
	sideload_free(&s);
	inspection_free(&package);
	return r;
}

int cmd_sideload(struct context *x, const struct options *o, int *status, struct err *e)
{
	struct phone ph;
	/* a host that is none, or no ssh, is told before minutes of building */
	int r = phone_open(&ph, x->config, e);

	if (r < 0)
		return r;
	phone_close(&ph);
	return after_build(x, o, sideload, status, e);
}
