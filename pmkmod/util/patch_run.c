// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/patch_run.h"

#include <unistd.h>

#include "chroot/sandbox/sandbox.h"
#include "pmkmod/util/exit_codes.h"

#define OUTPUT_MAX 65536
#define TIMEOUT_S 600

static int collect(void *ctx, const char *data, size_t len)
{
	struct strbuf *b = ctx;

	/* what went wrong is said early */
	if (b->len < OUTPUT_MAX)
		strbuf_add(b, data, len < OUTPUT_MAX - b->len ? len : OUTPUT_MAX - b->len);
	return 0;
}

int patch_run(struct patch_run *p, const char *tree, bool writable, const char *file,
	const char *const *options, struct err *e)
{
	static const char *const env[] = {
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TMPDIR=/tmp", "HOME=/tmp", NULL};
	/* pmaports shares patches by links */
	_cleanup_free_ char *real = realpath(file, NULL);
	struct sandbox_mount mounts[] = {
		{.kind = writable ? SANDBOX_BIND_RW : SANDBOX_BIND_RO,
			.source = tree,
			.target = "/build"},
		{.kind = SANDBOX_BIND_RO, .source = real ? real : file, .target = "/patch"},
	};
	_cleanup_strvec_ struct strvec argv = {0};
	struct sandbox_result result = {0};
	struct sandbox_spec s = {.host_root = true,
		.mounts = mounts,
		.n_mounts = ARRAY_SIZE(mounts),
		.privilege = SANDBOX_BUILD,
		.env = env,
		.cwd = "/build",
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.timeout_s = TIMEOUT_S,
		.output = collect,
		.output_ctx = &p->output};
	int r;

	*p = (struct patch_run){0};
	if (access("/usr/bin/patch", X_OK) < 0 && access("/bin/patch", X_OK) < 0)
		return err_set(e, -ENOENT,
			"applying patches needs the program patch\ninstall it: apt-get install patch");
	strvec_add(&argv, "patch");
	strvec_add(&argv, "-p1");
	/* neither questions nor .orig files */
	strvec_add(&argv, "-f");
	strvec_add(&argv, "--no-backup-if-mismatch");
	for (; *options; options++)
		strvec_add(&argv, *options);
	strvec_add(&argv, "-i");
	strvec_add(&argv, "/patch");
	s.argv = (const char *const *)argv.v;
	r = sandbox_run(&s, &result, e);
	if (r < 0 && r != -EINTR && e && !e->exit_code)
		e->exit_code = r == -ETIMEDOUT ? EXIT_TIMEOUT : EXIT_SANDBOX;
	p->status = result.status;
	return r;
}

void patch_failing_hunk(const char *output, struct strbuf *out)
{
	static const char *const telling[] = {"FAILED", "can't find file", "|+++ ", "malformed",
		"Reversed", "Only garbage", "unexpectedly ends", "not supported", "dangerous"};
	_cleanup_strvec_ struct strvec lines = {0};
	size_t shown = 0;

	strvec_split(&lines, output ? output : "", "\n");
	for (size_t i = 0; i < lines.n && shown < 4; i++) {
		const char *file = NULL, *saved;
		bool tells = false;

		for (size_t k = 0; k < ARRAY_SIZE(telling) && !tells; k++)
			tells = strstr(lines.v[i], telling[k]) != NULL;
		if (!tells)
			continue;
		for (size_t k = i; k-- > 0 && !file;)
			if (starts_with(lines.v[k], "patching file") ||
				starts_with(lines.v[k], "checking file"))
				file = lines.v[k];
		if (file && shown == 0)
			strbuf_addf(out, "\n  %s", file);
		/* where to is our own business */
		saved = strstr(lines.v[i], " -- saving rejects");
		strbuf_addf(out, "\n  %.*s",
			saved ? (int)(saved - lines.v[i]) : (int)strlen(lines.v[i]), lines.v[i]);
		shown++;
	}
}
