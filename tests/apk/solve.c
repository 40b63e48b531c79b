// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The solver on whole indexes, for the bench and for comparing with apk:
 *
 *     solve [--time ROUNDS] INDEX... -- DEPENDENCY...
 *
 * An index is an APKINDEX.tar.gz, its signature not looked at, or that file's APKINDEX as text; an
 * argument of '@TAG' is about the next one. Prints "name version" of each package in the order of
 * installation; with --time instead the microseconds of the fastest round, for loading, solving and
 * both, and the most memory that was resident, in KiB.
 */
#include <stdio.h>
#include <time.h>

#include "chroot/apk/apk_solve.h"
#include "chroot/base/fs.h"
#include "tests/apk/peak_memory.h"

#define INDEX_MAX (256u << 20)
#define REPOS_MAX 16

struct args {
	const char *index[REPOS_MAX], *tag[REPOS_MAX];
	size_t n;
	struct apk_deps world;
	unsigned rounds;
};

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int load(const struct args *a, struct apk_repo *repos, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->n; i++) {
		_cleanup_free_ char *data = NULL;
		size_t len;

		repos[i] = (struct apk_repo){
			.url = xasprintf("file://%s", a->index[i]), .tag = xstrdup(a->tag[i])};
		r = fs_read(a->index[i], INDEX_MAX, &data, &len, e);
		if (r == 0)
			r = apk_index_parse(&repos[i], data, len, a->index[i], NULL, e);
	}
	return r;
}

static int one_round(const struct args *a, double us[2], bool print, struct err *e)
{
	struct apk_repo repos[REPOS_MAX] = {0};
	const struct apk_repo *list[REPOS_MAX];
	struct apk_universe u = {.repos = list, .n_repos = a->n};
	struct apk_solution s = {0};
	double start = now_us(), loaded;
	int r = load(a, repos, e);

	for (size_t i = 0; i < a->n; i++)
		list[i] = &repos[i];
	loaded = now_us();
	us[0] = loaded - start;
	if (r == 0)
		r = apk_solve(&u, &a->world, 0, &s, e);
	us[1] = now_us() - loaded;
	for (size_t i = 0; r == 0 && print && i < s.n_changes; i++)
		printf("%s %s\n", s.changes[i].new_pkg->name, s.changes[i].new_pkg->version);
	apk_solution_free(&s);
	for (size_t i = 0; i < a->n; i++)
		apk_repo_free(&repos[i]);
	return r;
}

static int timed(const struct args *a, struct err *e)
{
	double us[2], best[3] = {0};
	int r = 0;

	for (unsigned i = 0; r == 0 && i < a->rounds; i++) {
		r = one_round(a, us, false, e);
		if (!i || us[0] < best[0])
			best[0] = us[0];
		if (!i || us[1] < best[1])
			best[1] = us[1];
		if (!i || us[0] + us[1] < best[2])
			best[2] = us[0] + us[1];
	}
	if (r == 0)
		printf("load %.0f solve %.0f both %.0f kib %ld\n", best[0], best[1], best[2],
			peak_kib());
	return r;
}

static int read_args(struct args *a, int argc, char **argv, struct err *e)
{
	_cleanup_strbuf_ struct strbuf world = {0};
	int i = 1;

	if (argc > 2 && streq(argv[1], "--time")) {
		a->rounds = (unsigned)strtoul(argv[2], NULL, 10);
		i = 3;
	}
	for (; i < argc && !streq(argv[i], "--"); i++) {
		if (*argv[i] == '@')
			a->tag[a->n] = argv[i] + 1;
		else if (a->n + 1 < REPOS_MAX)
			a->index[a->n++] = argv[i];
	}
	for (i++; i < argc; i++)
		strbuf_addf(&world, "%s ", argv[i]);
	if (!a->n || !world.len)
		return err_set(
			e, -EINVAL, "usage: solve [--time ROUNDS] INDEX... -- DEPENDENCY...");
	return apk_deps_parse(&a->world, world.s, e);
}

int main(int argc, char **argv)
{
	struct args a = {0};
	struct err e = ERR_INIT;
	double us[2];
	int r = read_args(&a, argc, argv, &e);

	if (r == 0)
		r = a.rounds ? timed(&a, &e) : one_round(&a, us, true, &e);
	apk_deps_free(&a.world);
	if (r < 0)
		fprintf(stderr, "%s\n", e.text);
	return r < 0;
}
