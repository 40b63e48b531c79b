// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What pmkmod makes of dkms.conf files, for tests and trials by hand: read RELEASE ARCH KERNEL
 * FILE... KERNEL is the folder of the kernel's headers, maybe with a .config. Of each file a
 * section is printed; a file that only a shell can read is read by bash in the sandbox.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/module/dkms.h"

#define CONF_MAX (1 << 20)
#define TIMEOUT_S 20

/* The answer comes on descriptor 3, which a file in memory stands for. */
static int read_by_shell(
	struct dkms_vars *vars, const char *file, const struct dkms_kernel *k, struct err *e)
{
	_cleanup_free_ char *script = dkms_shell_script(k), *dir = xstrdup(file), *answer = NULL;
	const char *const argv[] = {"bash", "-c", script, "pmkmod", file, NULL};
	const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	static const int answer_fd = 3;
	struct sandbox_mount mounts[2] = {{.kind = SANDBOX_BIND_RO, .source = dir, .target = dir},
		{.kind = SANDBOX_BIND_RO, .source = k->source_dir, .target = k->source_dir}};
	struct sandbox_spec s = {.host_root = true,
		.mounts = mounts,
		.n_mounts = ARRAY_SIZE(mounts),
		.privilege = SANDBOX_BUILD,
		.argv = argv,
		.env = env,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.pass_fds = &answer_fd,
		.n_pass_fds = 1,
		.timeout_s = TIMEOUT_S};
	struct sandbox_result result;
	off_t len;
	int rc;

	*strrchr(dir, '/') = 0;
	if (ftruncate(answer_fd, 0) < 0 || lseek(answer_fd, 0, SEEK_SET) < 0)
		return err_errno(e, -errno, "answer");
	rc = sandbox_run(&s, &result, e);
	if (rc < 0)
		return rc;
	len = lseek(answer_fd, 0, SEEK_END);
	answer = xcalloc((size_t)len + 1, 1);
	if (pread(answer_fd, answer, (size_t)len, 0) != len)
		return err_errno(e, -EIO, "answer");
	return dkms_read_printed(vars, answer, (size_t)len, e);
}

static void print_conf(const struct dkms_conf *c)
{
	printf("name <%s>\nversion <%s>\n", c->name, c->version);
	for (size_t i = 0; i < c->n_modules; i++) {
		const struct dkms_module *m = &c->modules[i];

		printf("module %zu <%s%s> as <%s> in <%s> strip %s\n", i, m->location, m->name,
			m->dest_name, m->dest_location, m->strip ? "yes" : "no");
	}
	printf("make <%s>\n", c->make);
	for (size_t i = 0; i < c->patches.n; i++)
		printf("patch <%s>\n", c->patches.v[i]);
	for (size_t i = 0; i < c->build_depends.n; i++)
		printf("depends <%s>\n", c->build_depends.v[i]);
	printf("hooks <%s> <%s> <%s> <%s> <%s> <%s>\n", c->pre_build ? c->pre_build : "",
		c->post_build ? c->post_build : "", c->pre_install ? c->pre_install : "",
		c->post_install ? c->post_install : "", c->post_add ? c->post_add : "",
		c->post_remove ? c->post_remove : "");
	printf("autoinstall %s\n", c->autoinstall ? "yes" : "no");
}

static void read_one(const char *file, const struct dkms_kernel *k)
{
	struct dkms_vars vars = {0};
	struct dkms_conf conf = {0};
	struct err e = ERR_INIT;
	_cleanup_free_ char *text = NULL, *dir = xstrdup(file);
	const char *why = NULL;
	size_t len;
	int rc = fs_read_regular(file, CONF_MAX, &text, &len, &e);

	*strrchr(dir, '/') = 0;
	if (rc == 0)
		rc = dkms_read_text(&vars, text, len, file, k, &why, &e);
	fprintf(stderr, "# %s: read %s%s\n", file, rc == 1 ? "by a shell, for " : "natively",
		rc == 1 ? why : "");
	if (rc == 1)
		rc = read_by_shell(&vars, file, k, &e);
	if (rc == 0)
		rc = dkms_apply(&conf, &vars, k, dir, file, &e);
	if (rc < 0) {
		fprintf(stderr, "%s\n", e.text);
		printf("exit %d\n", e.exit_code ? e.exit_code : 1);
	} else {
		for (size_t i = 0; i < conf.warnings.n; i++)
			fprintf(stderr, "warning: %s\n", conf.warnings.v[i]);
		if (conf.excluded)
			fprintf(stderr, "excluded: %s\n", conf.excluded);
		printf("exit %d\n", conf.excluded ? 77 : 0);
		print_conf(&conf);
	}
	dkms_vars_free(&vars);
	dkms_conf_free(&conf);
}

int main(int argc, char **argv)
{
	_cleanup_free_ char *config = NULL;
	struct kconfig *read_config = NULL;
	struct dkms_kernel k = {.dkms_tree = "/var/lib/dkms",
		.source_tree = "/usr/src",
		.install_tree = "/lib/modules"};
	int answer;

	if (argc < 5) {
		fprintf(stderr, "usage: read RELEASE ARCH KERNEL FILE...\n");
		return 2;
	}
	answer = memfd_create("answer", 0);
	if (answer < 0 || dup2(answer, 3) < 0)
		return 1;
	k.kernelver = argv[1];
	k.arch = argv[2];
	k.source_dir = argv[3];
	config = path_join(k.source_dir, ".config");
	if (fs_exists(config) && kconfig_read(&read_config, config, NULL) < 0)
		return 1;
	k.config = read_config;
	for (int i = 4; i < argc; i++) {
		printf("file %s\n", argv[i]);
		fflush(stdout);
		read_one(argv[i], &k);
	}
	kconfig_free(read_config);
	return 0;
}
