// SPDX-License-Identifier: GPL-3.0-or-later
/* Options, the command, and how a failure becomes a sentence and an exit code. */
#include <stdio.h>
#include <sys/stat.h>

#include "pmkmod/cache/cache.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/export/work.h"
#include "pmkmod/matrix/farm.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/nearest.h"

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < n_commands; i++)
		if (streq(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int unknown_command(const char *name, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	const char *near;

	for (size_t i = 0; i < n_commands; i++)
		strvec_add(&names, commands[i].name);
	usage_error(e, "there is no command '%s'; see pmkmod --help", name);
	if (nearest_names(name, &names, &near, 1))
		err_hint(e, "did you mean: pmkmod %s", near);
	return -EINVAL;
}

/* Whoever builds or merges cells of a plan does it by the configuration that the plan was made
 * with. */
static int load_config(
	const struct options *o, const struct command *c, struct config **out, struct err *e)
{
	bool worker = c->run == cmd_run_cell;
	struct farm_plan p;
	int r;

	if (!worker && c->run != cmd_merge_cells)
		return config_load(out, o->config_file, &o->settings, e);
	if (!o->plan)
		return usage_error(e, "%s needs --plan DIR, the folder of a plan", c->name);
	r = farm_plan_read(&p, o->plan, e);
	if (r < 0)
		return r;
	r = farm_plan_config(&p, worker, &o->settings, out, e);
	farm_plan_free(&p);
	return r;
}

static int run(struct options *o, int *status, struct err *e)
{
	const struct command *c;
	struct config *config = NULL;
	struct context x = {0};
	int r;

	if (strvec_has(&o->args, "--version")) {
		printf("pmkmod %s\nLicence GPL-3.0-or-later\n", PMKMOD_VERSION);
		return 0;
	}
	if (!o->args.n) {
		print_help();
		return o->help ? 0 : usage_error(e, "no command given");
	}
	c = find_command(o->args.v[0]);
	if (!c)
		return unknown_command(o->args.v[0], e);
	if (o->help) {
		print_command_help(c);
		return 0;
	}
	if (o->args.n - 1 < c->min_args || o->args.n - 1 > c->max_args)
		return usage_error(e, "usage: pmkmod %s %s", c->name, c->arguments);
	r = options_check(o, c->name, e);
	if (r < 0)
		return r;
	r = load_config(o, c, &config, e);
	if (r < 0) {
		if (e && !e->exit_code)
			e->exit_code = EXIT_USAGE;
		return r;
	}
	progress_init(&x.progress, o->quiet);
	x.verbose = o->verbose;
	x.force = o->force;
	x.rebuild = o->rebuild;
	x.make_headers = true;
	r = context_open(&x, config, e);
	if (r == 0 && !c->needs_no_folders)
		r = context_make_folders(&x, e);
	if (r == 0)
		r = ask_phone(&x, o, c, e);
	if (r == 0)
		r = c->run(&x, o, status, e);
	if (x.cache_grew)
		cache_trim(&x);
	context_close(&x);
	return r;
}

int main(int argc, char **argv)
{
	struct options o;
	struct err e = ERR_INIT;
	int status = 0;
	int r;

	/* what pmkmod writes must not depend on the caller's umask (022 is what packages assume) */
	umask(022);
	interrupt_install();
	/* before anything of the user's is read: it may be root's process, not the porter's */
	if (argc > 1 && streq(argv[1], WORK_HELPER))
		return work_helper_main(argc, argv);
	r = options_parse(&o, argc, argv, &e);
	if (r == 0)
		r = run(&o, &status, &e);
	options_free(&o);
	if (r < 0) {
		fflush(stdout);
		fprintf(stderr, "pmkmod: %s\n", e.text);
		r = failure_exit_code(r, &e);
		if (r == EXIT_SANDBOX || r == EXIT_NO_SPACE)
			fprintf(stderr, "`pmkmod doctor` says what this machine lacks\n");
		return r;
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "pmkmod: cannot write to standard output\n");
		return EXIT_GENERAL;
	}
	return status;
}
