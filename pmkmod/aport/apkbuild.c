// SPDX-License-Identifier: GPL-3.0-or-later
/* What is known after reading: variables, functions, notes; and the limits of the reading. */
#include "pmkmod/aport/apkbuild.h"

#include "chroot/base/fs.h"
#include "pmkmod/aport/shell.h"

#define FILE_MAX (1u << 20)
#define NOTES_MAX 100
#define VARS_MAX 10000

void shell_fail(struct shell *sh, const char *fmt, ...)
{
	struct strbuf b = {0};
	va_list ap;

	if (!sh->b->error) {
		strbuf_addf(&b, "line %u: ", shell_line(sh));
		va_start(ap, fmt);
		strbuf_vaddf(&b, fmt, ap);
		va_end(ap);
		sh->b->error = strbuf_steal(&b);
	}
	sh->pos = sh->n;
}

bool shell_work(struct shell *sh, size_t amount)
{
	if (sh->b->error)
		return false;
	if (amount > SHELL_WORK_MAX || sh->b->work > SHELL_WORK_MAX - amount) {
		shell_fail(sh, "this is too much work for a recipe");
		return false;
	}
	sh->b->work += amount;
	return true;
}

unsigned shell_line(struct shell *sh)
{
	/* behind an error the position may be past the end */
	size_t pos = sh->pos < sh->n ? sh->pos : sh->n;

	for (; sh->line_pos < pos; sh->line_pos++)
		sh->line += sh->s[sh->line_pos] == '\n';
	while (sh->line_pos > pos)
		sh->line -= sh->s[--sh->line_pos] == '\n';
	return sh->line;
}

void shell_note(struct shell *sh, const char *fmt, ...)
{
	struct strbuf b = {0};
	va_list ap;

	if (!shell_work(sh, 1000))
		return;
	strbuf_addf(&b, "line %u: ", shell_line(sh));
	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	if (sh->b->notes.n < NOTES_MAX && !strvec_has(&sh->b->notes, b.s))
		strvec_add(&sh->b->notes, b.s);
	strbuf_free(&b);
}

struct shell_var *shell_var(struct apkbuild *b, const char *name)
{
	for (size_t i = 0; i < b->n_vars; i++)
		if (streq(b->vars[i].name, name))
			return &b->vars[i];
	return NULL;
}

static struct shell_var *make_var(struct shell *sh, const char *name)
{
	struct apkbuild *b = sh->b;
	struct shell_var *v = shell_var(b, name);

	shell_work(sh, b->n_vars);
	if (v || b->n_vars >= VARS_MAX)
		return v;
	if ((b->n_vars & (b->n_vars - 1)) == 0)
		b->vars = xrealloc(b->vars, b->n_vars ? 2 * b->n_vars : 1, sizeof(*b->vars));
	b->vars[b->n_vars] = (struct shell_var){.name = xstrdup(name)};
	return &b->vars[b->n_vars++];
}

void shell_set(struct shell *sh, const char *name, const char *value, const char *unknown)
{
	struct shell_var *v;
	char *copy, *why;

	if (sh->live == LIVE_NO || !shell_work(sh, strlen(value) + 16))
		return;
	v = make_var(sh, name);
	if (!v) {
		shell_fail(sh, "more than %d variables", VARS_MAX);
		return;
	}
	copy = xstrdup(value);
	why = xstrdup(unknown);
	if (!why && sh->live == LIVE_MAYBE)
		why = xasprintf("line %u: this assignment hangs on a condition that is not known "
				"here",
			shell_line(sh));
	free(v->value);
	free(v->unknown);
	v->value = copy;
	v->unknown = why;
}

void shell_unset(struct shell *sh, const char *name)
{
	struct shell_var *v = shell_var(sh->b, name);

	if (sh->live == LIVE_NO || (!v && !shell_from_outside(name)))
		return;
	shell_set(sh, name, "", NULL);
	v = shell_var(sh->b, name);
	if (v && sh->live == LIVE_YES) {
		free(v->value);
		v->value = NULL;
	}
}

void shell_define(struct shell *sh, const char *name, size_t start, size_t end)
{
	struct apkbuild *b = sh->b;
	struct shell_function *f = NULL;

	for (size_t i = 0; i < b->n_functions; i++)
		if (streq(b->functions[i].name, name))
			f = &b->functions[i];
	if (!shell_work(sh, end - start + b->n_functions))
		return;
	if (!f) {
		b->functions = xrealloc(b->functions, b->n_functions + 1, sizeof(*b->functions));
		f = &b->functions[b->n_functions++];
		*f = (struct shell_function){.name = xstrdup(name)};
	}
	free(f->body);
	f->body = xcalloc(end - start + 1, 1);
	memcpy(f->body, sh->s + start, end - start);
	f->len = end - start;
	f->start = sh->main ? start : SIZE_MAX;
	f->maybe = sh->live == LIVE_MAYBE;
}

const struct shell_function *shell_function(const struct apkbuild *b, const char *name)
{
	for (size_t i = 0; i < b->n_functions; i++)
		if (streq(b->functions[i].name, name))
			return &b->functions[i];
	return NULL;
}

const char *const shell_outside_names[] = {"CARCH", "CBUILD", "CBUILD_ARCH", "CHOST", "CTARGET",
	"CTARGET_ARCH", "CC", "CXX", "CPP", "LD", "AR", "HOSTCC", "HOSTCXX", "CROSS_COMPILE",
	"CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "JOBS", "MAKEFLAGS", "HOME", "PATH", "PWD",
	"USER", "TMPDIR", "startdir", "srcdir", "pkgdir", "subpkgdir", "apkbuildsdir",
	"SOURCE_DATE_EPOCH", "CHOST_ARCH", "CBUILDROOT", "BOOTSTRAP", "PMB_CROSS", "DISTFILES",
	"SRCDEST", "REPODEST", "CLIBC", "CTARGET_LIBC", NULL};

bool shell_from_outside(const char *name)
{
	for (size_t i = 0; shell_outside_names[i]; i++)
		if (streq(shell_outside_names[i], name))
			return true;
	return false;
}

static void free_vars(struct shell_var *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].name);
		free(v[i].value);
		free(v[i].unknown);
	}
	free(v);
}

struct shell_var *shell_save(struct shell *sh, size_t *n)
{
	struct apkbuild *b = sh->b;
	/* as many places as make_var() believes there are */
	struct shell_var *copy;
	size_t room = 1;

	while (room < b->n_vars)
		room *= 2;
	copy = xcalloc(room, sizeof(*copy));
	*n = b->n_vars;
	for (size_t i = 0; i < b->n_vars; i++) {
		copy[i].name = xstrdup(b->vars[i].name);
		copy[i].value = xstrdup(b->vars[i].value);
		copy[i].unknown = xstrdup(b->vars[i].unknown);
		shell_work(sh, 64 + (copy[i].value ? strlen(copy[i].value) : 0));
	}
	return copy;
}

void shell_restore(struct shell *sh, struct shell_var *saved, size_t n)
{
	free_vars(sh->b->vars, sh->b->n_vars);
	sh->b->vars = saved;
	sh->b->n_vars = n;
}

int apkbuild_parse(struct apkbuild **out, const char *shown, const char *text, size_t len,
	const struct apkbuild_env *env, size_t n_env, struct err *e)
{
	struct apkbuild *b;
	struct shell sh;

	*out = NULL;
	if (len > FILE_MAX)
		return err_set(e, -EFBIG, "%s is larger than %u KiB: that is no recipe", shown,
			FILE_MAX >> 10);
	if (memchr(text, '\0', len))
		return err_set(e, -EINVAL, "%s has a NUL byte in it: that is no recipe", shown);
	b = xcalloc(1, sizeof(*b));
	b->shown = xstrdup(shown);
	b->text = xstrndup(text, len);
	b->len = len;
	sh = (struct shell){
		.b = b, .s = b->text, .n = len, .line = 1, .main = true, .live = LIVE_YES};
	for (size_t i = 0; i < n_env; i++)
		shell_set(&sh, env[i].name, env[i].value, NULL);
	shell_list(&sh);
	if (!b->error && !sh.stop && sh.pos < sh.n)
		shell_fail(&sh, "'%.20s' does not belong here", sh.s + sh.pos);
	shell_end(&sh);
	if (b->error) {
		err_set(e, -EINVAL, "%s, %s", shown, b->error);
		apkbuild_free(b);
		return -EINVAL;
	}
	*out = b;
	return 0;
}

int apkbuild_read(struct apkbuild **out, const char *path, const struct apkbuild_env *env,
	size_t n_env, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = fs_read_regular(path, FILE_MAX, &text, &len, e);

	*out = NULL;
	return r < 0 ? r : apkbuild_parse(out, path, text, len, env, n_env, e);
}

void apkbuild_free(struct apkbuild *b)
{
	if (!b)
		return;
	free_vars(b->vars, b->n_vars);
	for (size_t i = 0; i < b->n_functions; i++) {
		free(b->functions[i].name);
		free(b->functions[i].body);
	}
	for (size_t i = 0; i < b->n_assignments; i++)
		free(b->assignments[i].name);
	free(b->functions);
	free(b->assignments);
	strvec_free(&b->notes);
	free(b->shown);
	free(b->text);
	free(b->error);
	free(b);
}

const char *apkbuild_get(const struct apkbuild *b, const char *name)
{
	for (size_t i = 0; i < b->n_vars; i++)
		if (streq(b->vars[i].name, name))
			return b->vars[i].unknown ? NULL : b->vars[i].value;
	return NULL;
}

const char *apkbuild_unknown(const struct apkbuild *b, const char *name)
{
	for (size_t i = 0; i < b->n_vars; i++)
		if (streq(b->vars[i].name, name))
			return b->vars[i].unknown;
	return NULL;
}

const char *apkbuild_function(const struct apkbuild *b, const char *name, size_t *len)
{
	const struct shell_function *f = shell_function(b, name);

	if (f && len)
		*len = f->len;
	return f ? f->body : NULL;
}

char *apkbuild_in_function(struct apkbuild *b, const char *function, const struct apkbuild_env *env,
	size_t n_env, const char *variable, char **why)
{
	const struct shell_function *f = shell_function(b, function);
	_cleanup_free_ char *body = f ? xstrndup(f->body, f->len) : NULL;
	struct shell sh = {.b = b, .s = "", .line = 1, .live = LIVE_YES};
	/* what others have borrowed of the variables stays where it is */
	struct shell_var *kept = b->vars, *copy;
	size_t n_kept = b->n_vars, n_copy, work = b->work, notes = b->notes.n;
	char *value = NULL;

	*why = NULL;
	if (!f)
		return NULL;
	if (f->maybe) {
		*why = xasprintf("whether %s() is this one is not known", function);
		return NULL;
	}
	copy = shell_save(&sh, &n_copy);
	b->vars = copy;
	b->n_vars = n_copy;
	for (size_t i = 0; i < n_env; i++)
		shell_set(&sh, env[i].name, env[i].value, NULL);
	shell_run_text(&sh, body, f->len, NULL);
	if (b->error) {
		*why = xasprintf("in %s(), %s", function, b->error);
	} else {
		*why = xstrdup(apkbuild_unknown(b, variable));
		value = xstrdup(apkbuild_get(b, variable));
	}
	free(b->error);
	b->error = NULL;
	b->work = work; /* each function has the whole allowance again */
	while (b->notes.n > notes)
		free(b->notes.v[--b->notes.n]);
	if (b->notes.v)
		b->notes.v[notes] = NULL;
	shell_restore(&sh, kept, n_kept);
	return value;
}

bool apkbuild_function_span(const struct apkbuild *b, const char *name, size_t *start, size_t *end)
{
	const struct shell_function *f = shell_function(b, name);

	if (!f || f->start == SIZE_MAX)
		return false;
	*start = f->start;
	*end = f->start + f->len;
	return true;
}

const struct strvec *apkbuild_notes(const struct apkbuild *b)
{
	return &b->notes;
}

void apkbuild_names(const struct apkbuild *b, struct strvec *out)
{
	for (size_t i = 0; i < b->n_vars; i++)
		if (b->vars[i].value && !b->vars[i].unknown)
			strvec_add(out, b->vars[i].name);
}

const char *apkbuild_text(const struct apkbuild *b, size_t *len)
{
	*len = b->len;
	return b->text;
}

const struct apkbuild_assignment *apkbuild_assignments(const struct apkbuild *b, size_t *n)
{
	*n = b->n_assignments;
	return b->assignments;
}
