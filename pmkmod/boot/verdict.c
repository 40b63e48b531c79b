// SPDX-License-Identifier: GPL-3.0-or-later
/* What the console told, made into a result. */
#include "pmkmod/boot/boot_parts.h"

#include "pmkmod/kernel/name_index.h"

/* The line of /proc/modules for `name`; NULL if it is not loaded. Caller frees. */
static char *loaded_line(const struct console *c, const char *name)
{
	_cleanup_strvec_ struct strvec lines = {0};

	if (c->proc_modules.s)
		strvec_split(&lines, c->proc_modules.s, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		_cleanup_free_ char *word = xstrndup(lines.v[i], strcspn(lines.v[i], " "));

		if (module_name_eq(word, name))
			return xstrdup(lines.v[i]);
	}
	return NULL;
}

/* Exit status of its modprobe; -1: it did not come back, -2: its turn never came. */
static int status_of(const struct console *c, const char *name)
{
	for (size_t i = 0; i < c->n_modules; i++)
		if (streq(c->modules[i].name, name))
			return c->modules[i].status;
	return -2;
}

/* One sentence or more about one module that is not there; nothing if it is. */
static void judge(const struct console *c, const struct strvec *builtin, const char *name,
	struct strbuf *lsmod, struct strbuf *failure)
{
	_cleanup_free_ char *line = loaded_line(c, name);
	int status = status_of(c, name);

	if (line)
		strbuf_addf(lsmod, "%s\n", line);
	if (line && status == 0)
		return;
	if (status == -2)
		strbuf_addf(failure, "modprobe %s was not called any more\n", name);
	else if (status < 0)
		strbuf_addf(failure, "modprobe %s did not come back\n", name);
	else if (status > 128)
		strbuf_addf(failure, "modprobe %s was killed by signal %d\n", name, status - 128);
	else if (status > 0)
		strbuf_addf(failure, "modprobe %s failed (exit status %d)\n", name, status);
	else if (strvec_has(builtin, name))
		strbuf_addf(
			failure, "%s is built into this kernel: there is nothing to load\n", name);
	else if (c->finished || c->test_began)
		strbuf_addf(failure,
			"modprobe %s reported success, but it is not in /proc/modules\n", name);
}

/* The kernel's own log is whole; the console is what there is when the log never came. */
static void take_trouble(struct trouble *out, struct trouble *console, const char *log, size_t len)
{
	_cleanup_free_ char *text = log ? xstrndup(log, len) : NULL;

	trouble_text(out, text);
	if (out->kind >= console->kind)
		return;
	trouble_free(out);
	*out = *console;
	*console = (struct trouble){0};
}

static void say_trouble(struct strbuf *b, const struct trouble *t)
{
	_cleanup_free_ char *where = trouble_where(t);

	if (t->kind >= TROUBLE_OOPS)
		strbuf_addf(b, "the kernel said: %s%s%s\n", t->first, where ? " -- in " : "",
			where ? where : "");
}

char *boot_where(const struct console *c)
{
	const struct console_module *m = c->n_modules ? &c->modules[c->n_modules - 1] : NULL;

	if (!c->init_ran)
		return xstrdup("before it reached our init");
	if (!m)
		return xstrdup("at the beginning of our init");
	if (c->test_began)
		return xasprintf("%s the module's test", c->test_ended ? "after" : "during");
	return xasprintf(m->status < 0 ? "while modprobe loaded %s" : "after modprobe %s", m->name);
}

/* It ended before our init did. */
static void say_end(struct strbuf *b, const struct console *c)
{
	_cleanup_free_ char *where = boot_where(c);

	if (c->panic)
		strbuf_addf(b, "the kernel panicked %s\n", where);
	else
		strbuf_addf(b, "the board ended %s; its last line: %s\n", where,
			c->last ? c->last : "(nothing)");
}

static void judge_test(const struct boot_spec *s, const struct console *c, bool crashed,
	struct boot_result *out, struct strbuf *failure)
{
	int status = c->test_status;

	if (!s->test)
		return;
	out->test = !c->test_began && !out->loaded ? BOOT_TEST_NOT_RUN : BOOT_TEST_FAILED;
	if (out->test == BOOT_TEST_NOT_RUN)
		return;
	if (!c->test_ended)
		strbuf_adds(failure, "the module's test did not come to its end\n");
	else if (status > 128)
		strbuf_addf(failure, "the module's test was killed by signal %d\n", status - 128);
	else if (status > 0)
		strbuf_addf(failure, "the module's test failed (exit status %d)\n", status);
	else if (crashed)
		strbuf_adds(failure,
			"the module's test came to its end, but the kernel did not stand it\n");
	else
		out->test = BOOT_TEST_PASSED;
}

static char *without_last_newline(struct strbuf *b)
{
	while (b->len && b->s[b->len - 1] == '\n')
		b->s[--b->len] = '\0';
	return b->len ? strbuf_steal(b) : NULL;
}

void boot_collect(const struct boot_spec *s, struct console *c, const struct strvec *builtin,
	const char *mark, struct boot_result *out)
{
	_cleanup_strbuf_ struct strbuf lsmod = {0}, failure = {0};
	_cleanup_(trouble_free) struct trouble loading = {0}, testing = {0};
	_cleanup_free_ char *behind = NULL;

	init_cut_dmesg(&c->dmesg, mark);
	behind = init_cut_test(&c->dmesg, mark);
	take_trouble(
		&loading, &c->loading, c->dmesg.s, c->dmesg.len - (behind ? strlen(behind) : 0));
	take_trouble(&testing, &c->testing, behind, behind ? strlen(behind) : 0);
	/* the console may have lost the line, the log has it */
	c->test_began |= behind != NULL;
	out->booted = c->init_ran;
	for (size_t i = 0; c->init_ran && i < s->modules.n; i++)
		judge(c, builtin, s->modules.v[i], &lsmod, &failure);
	/* the words of modprobe are the reason, our sentences only say of what */
	if (failure.len && c->words.s)
		strbuf_adds(&failure, c->words.s);
	if (c->init_ran)
		say_trouble(&failure, &loading);
	out->loaded = c->n_modules && (c->finished || c->test_began) && failure.len == 0;
	judge_test(s, c, testing.kind >= TROUBLE_OOPS || !c->finished, out, &failure);
	say_trouble(&failure, &testing);
	if (c->n_modules && !c->finished)
		say_end(&failure, c);
	if (c->finished && c->dmesg_promised != (long)c->dmesg_seen)
		strbuf_addf(&c->dmesg, "(%zu of %ld lines of the kernel log arrived)\n",
			c->dmesg_seen, c->dmesg_promised);
	trouble_cut(testing.kind > loading.kind ? &testing : &loading, &c->dmesg);
	out->lsmod = strbuf_steal(&lsmod);
	out->dmesg = strbuf_steal(&c->dmesg);
	out->uname = strbuf_steal(&c->uname);
	out->test_output = strbuf_steal(&c->test_output);
	out->failure = without_last_newline(&failure);
	out->trouble = testing.kind > loading.kind ? testing : loading;
	if (testing.kind > loading.kind)
		testing = (struct trouble){0};
	else
		loading = (struct trouble){0};
}
