// SPDX-License-Identifier: GPL-3.0-or-later
/* A real shell's word on what the reader of recipes does not know; it runs in the sandbox. */
#include <stdlib.h>

#include "chroot/sandbox/sandbox.h"
#include "pmkmod/aport/shell.h"

#define ANSWERS_MAX (4u << 20)
#define TIMEOUT_S 10
#define APORT "/aport"
/* Stands for what abuild would set: a value with it in it is none. */
#define OUTSIDE "@pmkmod-outside@"

struct answers {
	struct strbuf text;
	bool too_much;
};

static int collect(void *ctx, const char *data, size_t len)
{
	struct answers *a = ctx;

	a->too_much |= len > ANSWERS_MAX - a->text.len;
	if (!a->too_much)
		strbuf_add(&a->text, data, len);
	return a->too_much ? -EFBIG : 0;
}

static bool is_name(const char *s)
{
	bool first = true;

	for (; *s; s++, first = false)
		if (!shell_is_name(*s, first))
			return false;
	return !first;
}

/*
 * What the recipe itself prints is thrown away. As for abuild (`ash -e`) a command that fails ends
 * it, so that there is no answer rather than an empty one.
 */
static char *script(const char *function, const struct apkbuild_question *q, size_t n)
{
	struct strbuf b = {0};

	/* answers are texts: a shell that wants more memory (KiB) is up to something */
	strbuf_adds(&b, "ulimit -v 1048576\n");
	strbuf_adds(
		&b, "set -e\nexec 3>&1 >/dev/null 2>&1 </dev/null\ncd " APORT "\n. ./APKBUILD\n");
	if (function)
		strbuf_addf(&b, "%s\n", function);
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&b, "printf '%%s\\0' \"${%s-}\" >&3\n", q[i].name);
	return strbuf_steal(&b);
}

static void environment(struct strvec *out, const struct apkbuild_env *env, size_t n_env)
{
	/* a recipe may use tools; the sandbox' own folders are where they are everywhere */
	strvec_add(out, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	strvec_add(out, "HOME=/tmp");
	for (size_t i = 0; shell_outside_names[i]; i++) {
		const char *name = shell_outside_names[i];
		bool given = streq(name, "PATH") || streq(name, "HOME");

		for (size_t k = 0; k < n_env; k++)
			given |= streq(env[k].name, name);
		if (!given)
			strvec_addf(out, "%s=" OUTSIDE, name);
	}
	for (size_t i = 0; i < n_env; i++)
		strvec_addf(out, "%s=%s", env[i].name,
			streq(env[i].name, "startdir") ? APORT : env[i].value);
}

static void take_answers(const struct answers *a, struct apkbuild_question *q, size_t n)
{
	const char *s = a->text.s, *end = s ? s + a->text.len : NULL;

	for (size_t i = 0; i < n && s; i++) {
		const char *nul = memchr(s, '\0', (size_t)(end - s));

		if (!nul)
			return;
		if (!strstr(s, OUTSIDE))
			q[i].answer = xstrdup(s);
		s = nul + 1;
	}
}

int apkbuild_ask(const char *dir, const struct apkbuild_env *env, size_t n_env,
	const char *function, struct apkbuild_question *q, size_t n, struct err *e)
{
	_cleanup_free_ char *real = realpath(dir, NULL), *text = NULL;
	_cleanup_strvec_ struct strvec environ_ = {0};
	struct answers a = {0};
	struct sandbox_result result = {0};
	struct sandbox_mount mount = {
		.kind = SANDBOX_BIND_RO, .source = real ? real : dir, .target = APORT};
	const char *argv[] = {"sh", "-c", NULL, NULL};
	struct sandbox_spec s = {.host_root = true,
		.mounts = &mount,
		.n_mounts = 1,
		.privilege = SANDBOX_BUILD,
		.uname_release = OUTSIDE,
		.uname_machine = OUTSIDE,
		.argv = argv,
		.cwd = APORT,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.timeout_s = TIMEOUT_S,
		.output = collect,
		.output_ctx = &a};
	int r;

	for (size_t i = 0; i < n; i++)
		if (!is_name(q[i].name))
			return err_set(e, -EINVAL, "'%s' is no name of a variable", q[i].name);
	if (function && !is_name(function))
		return err_set(e, -EINVAL, "'%s' is no name of a function", function);
	text = script(function, q, n);
	argv[2] = text;
	environment(&environ_, env, n_env);
	s.env = (const char *const *)environ_.v;
	r = sandbox_run(&s, &result, e);
	if (r == 0)
		take_answers(&a, q, n);
	strbuf_free(&a.text);
	return r < 0 ? err_prefix(e, "asking a shell about %s/APKBUILD", dir) : 0;
}

int apkbuild_ask_unknown(struct apkbuild *b, const char *dir, const struct apkbuild_env *env,
	size_t n_env, struct err *e)
{
	struct apkbuild_question *q = xcalloc(b->n_vars + 1, sizeof(*q));
	_cleanup_strvec_ struct strvec found = {0};
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < b->n_vars; i++)
		if (b->vars[i].unknown && !shell_from_outside(b->vars[i].name))
			q[n++].name = b->vars[i].name;
	if (n)
		r = apkbuild_ask(dir, env, n_env, NULL, q, n, e);
	for (size_t i = 0; i < n; i++) {
		struct shell_var *v = q[i].answer ? shell_var(b, q[i].name) : NULL;

		if (!v)
			continue;
		free(v->value);
		v->value = steal_ptr(q[i].answer);
		free(v->unknown);
		v->unknown = NULL;
		strvec_add(&found, v->name);
	}
	if (found.n) {
		_cleanup_free_ char *names = strvec_join(&found, ", ");

		strvec_addf(
			&b->notes, "a shell in the sandbox was asked for the value of %s", names);
	}
	free(q);
	return r;
}
