// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What `pmkmod build` does to assemble a layer: verify and parse an index, solve, install; scripts
 * of packages are run by chroot(2) if that is asked for, else not. For the bench, which runs it
 * beside tar:
 *
 *     assemble_layer [--scripts] ROOT ARCH KEYS_FOLDER REPOSITORY_FOLDER DEPENDENCY...
 *
 * The last line printed is the largest amount of memory that was resident, in KiB.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chroot/apk/apk_install.h"
#include "chroot/base/fs.h"
#include "tests/apk/peak_memory.h"

#define INDEX_MAX (256u << 20)

static int no_script(
	void *ctx, const char *root, const char *const *argv, const char *const *env, struct err *e)
{
	(void)ctx, (void)root, (void)argv, (void)env, (void)e;
	return 0;
}

/* As apk does with --root: changes root, needs to be root for that. */
static int chroot_script(
	void *ctx, const char *root, const char *const *argv, const char *const *env, struct err *e)
{
	pid_t pid = fork();
	int status;

	(void)ctx;
	if (pid < 0)
		return err_errno(e, -errno, "cannot start a script");
	if (pid == 0) {
		if (chroot(root) == 0 && chdir("/") == 0)
			execve(argv[0], (char *const *)argv, (char *const *)env);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, -errno, "cannot wait for a script");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char *file_in_repository(void *ctx, const struct apk_pkg *p)
{
	return xasprintf("%s/%s/%s-%s.apk", (const char *)ctx, p->repo->arch, p->name, p->version);
}

static int read_index(struct apk_repo *repo, const char *folder, const char *arch,
	const struct strvec *key_dirs, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s/APKINDEX.tar.gz", folder, arch);
	_cleanup_free_ char *data = NULL;
	struct apk_keys *keys = NULL;
	size_t len;
	int r = apk_keys_load(&keys, key_dirs, e);

	repo->url = xasprintf("file://%s", folder);
	repo->arch = xstrdup(arch);
	if (r == 0)
		r = fs_read(path, INDEX_MAX, &data, &len, e);
	if (r == 0)
		r = apk_index_parse(repo, data, len, path, keys, e);
	apk_keys_free(keys);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_strvec_ struct strvec key_dirs = {0}, warnings = {0};
	struct apk_repo repo = {0};
	const struct apk_repo *list[] = {&repo};
	struct apk_universe u = {.repos = list, .n_repos = 1};
	struct apk_solution s = {0};
	struct apk_deps world = {0};
	struct err e = ERR_INIT;
	bool scripts = argc > 1 && streq(argv[1], "--scripts");
	int r = 0;

	if (scripts) {
		argc--;
		argv++;
	}
	if (argc < 6) {
		fprintf(stderr, "usage: assemble_layer [--scripts] ROOT ARCH KEYS REPOSITORY "
				"DEPENDENCY...\n");
		return 2;
	}
	strvec_add(&key_dirs, argv[3]);
	r = read_index(&repo, argv[4], argv[2], &key_dirs, &e);
	for (int i = 5; r == 0 && i < argc; i++)
		r = apk_deps_parse(&world, argv[i], &e);
	if (r == 0)
		r = apk_solve(&u, &world, 0, &s, &e);
	if (r == 0) {
		struct apk_install_opts o = {.run = scripts ? chroot_script : no_script,
			.file_of = file_in_repository,
			.file_ctx = argv[4],
			.usr_merge = true,
			.arch = argv[2],
			.keys_dirs = &key_dirs};

		r = apk_install(argv[1], &u, &s, &world, &o, &warnings, &e);
	}
	if (r < 0)
		fprintf(stderr, "assemble_layer: %s\n", e.text);
	else
		printf("%zu packages\n%ld\n", s.n_changes, peak_kib());
	apk_solution_free(&s);
	apk_deps_free(&world);
	apk_repo_free(&repo);
	return r < 0;
}
