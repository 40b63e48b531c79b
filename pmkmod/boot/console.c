// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Reading the serial console. Lines of our init are found by their token wherever they begin in a
 * line, since a kernel message without its newline may stand in front; all the rest is the
 * kernel's, which is looked through for an oops or a panic, or what the module's own test prints.
 */
#include "pmkmod/boot/boot_parts.h"

#define LINE_MAX_BYTES 4096
/* a kernel log is at most 2^25 bytes; more than this of one section is not kept */
#define SECTION_MAX (8U << 20)
/* modprobe is called for a handful of modules */
#define MODULES_MAX 256

void console_start(struct console *c, const char *token)
{
	*c = (struct console){.dmesg_promised = -1};
	snprintf(c->token, sizeof(c->token), "%s", token);
}

static void add_line(struct strbuf *b, const char *text)
{
	if (b->len + strlen(text) < SECTION_MAX) {
		strbuf_adds(b, text);
		strbuf_addc(b, '\n');
	}
}

static void on_init(struct console *c, const char *text)
{
	(void)text;
	c->init_ran = true;
}

static void on_uname(struct console *c, const char *text)
{
	strbuf_reset(&c->uname);
	strbuf_adds(&c->uname, text);
}

static void on_begin(struct console *c, const char *text)
{
	if (c->n_modules == MODULES_MAX)
		return;
	/* an oops of the kernel's own, before anything was loaded, is no fault of the module's */
	if (c->n_modules == 0 && !c->panic)
		trouble_free(&c->loading);
	c->modules = xrealloc(c->modules, c->n_modules + 1, sizeof(*c->modules));
	c->modules[c->n_modules++] = (struct console_module){xstrdup(text), -1};
}

static void on_words(struct console *c, const char *text)
{
	add_line(&c->words, text);
}

/* An exit status; false: it is none. */
static bool exit_status(const char *text, int *status)
{
	char *end;
	long v = strtol(text, &end, 10);

	if (end == text || *end != '\0' || v < 0 || v > 255)
		return false;
	*status = (int)v;
	return true;
}

/* "<module> <status>" of the module begun last */
static void on_status(struct console *c, const char *text)
{
	struct console_module *m = c->n_modules ? &c->modules[c->n_modules - 1] : NULL;
	size_t n = m ? strlen(m->name) : 0;

	if (m && strncmp(text, m->name, n) == 0 && text[n] == ' ')
		exit_status(text + n + 1, &m->status);
}

static void on_test(struct console *c, const char *text)
{
	(void)text;
	c->test_began = true;
}

static void on_tested(struct console *c, const char *text)
{
	if (c->test_began && exit_status(text, &c->test_status))
		c->test_ended = true;
}

static void on_modules(struct console *c, const char *text)
{
	add_line(&c->proc_modules, text);
}

static void on_dmesg(struct console *c, const char *text)
{
	c->dmesg_seen++;
	add_line(&c->dmesg, text);
}

static void on_sent(struct console *c, const char *text)
{
	char *end;
	long v = strtol(text, &end, 10);

	if (end != text && *end == '\0' && v >= 0)
		c->dmesg_promised = v;
}

static void on_done(struct console *c, const char *text)
{
	(void)text;
	c->finished = true;
}

static const struct {
	const char *word;
	void (*use)(struct console *c, const char *text);
} sections[] = {
	{"init", on_init},
	{"uname", on_uname},
	{"begin", on_begin},
	{"words", on_words},
	{"status", on_status},
	{"test", on_test},
	{"tested", on_tested},
	{"modules", on_modules},
	{"dmesg", on_dmesg},
	{"sent", on_sent},
	{"done", on_done},
};

static void our_line(struct console *c, char *text)
{
	size_t n = strcspn(text, " ");
	char *rest = text[n] ? text + n + 1 : text + n;

	text[n] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (streq(sections[i].word, text))
			sections[i].use(c, rest);
}

/* Before our init runs: why it does not. */
static const char *const setup_words[] = {"Failed to execute /init", "Initramfs unpacking failed",
	"rootfs image is not initramfs", "No working init found"};
/* What qemu says and then waits, stopped, for somebody to look at it. */
static const char *const stopped_words[] = {"error: kvm run failed", "KVM internal error"};

static void note_first(char **slot, const char *line, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n && !*slot; i++)
		if (strstr(line, words[i]))
			*slot = xstrdup(line);
}

/* A line, or the beginning of one, that is not our init's. */
static void their_line(struct console *c, const char *line)
{
	trouble_line(c->test_began ? &c->testing : &c->loading, line);
	if (!c->panic && strstr(line, "Kernel panic - not syncing"))
		c->panic = xstrdup(line);
	note_first(&c->setup, line, setup_words, ARRAY_SIZE(setup_words));
	note_first(&c->stopped, line, stopped_words, ARRAY_SIZE(stopped_words));
	if (c->test_began && !c->test_ended)
		add_line(&c->test_output, line);
	free(c->last);
	c->last = xstrdup(line);
}

static void end_line(struct console *c)
{
	char *line = c->line.s ? str_strip(c->line.s) : NULL;
	char *ours = line && *c->token ? strstr(line, c->token) : NULL;
	char *rest = ours ? ours + strlen(c->token) : NULL;

	if (ours)
		*ours = '\0';
	if (line && *line)
		their_line(c, line);
	if (rest && *rest == ' ')
		our_line(c, rest + 1);
	strbuf_reset(&c->line);
}

size_t console_feed(struct console *c, const char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len && !(c->finished && c->stop_at_end); i++) {
		if (data[i] == '\n')
			end_line(c);
		else if (c->line.len < LINE_MAX_BYTES && data[i] != '\0')
			strbuf_addc(&c->line, data[i]);
	}
	c->bytes += i;
	return i;
}

void console_end(struct console *c)
{
	if (c->line.len)
		end_line(c);
}

void console_free(struct console *c)
{
	for (size_t i = 0; i < c->n_modules; i++)
		free(c->modules[i].name);
	free(c->modules);
	strbuf_free(&c->line);
	strbuf_free(&c->uname);
	strbuf_free(&c->proc_modules);
	strbuf_free(&c->dmesg);
	strbuf_free(&c->words);
	strbuf_free(&c->test_output);
	trouble_free(&c->loading);
	trouble_free(&c->testing);
	free(c->panic);
	free(c->setup);
	free(c->stopped);
	free(c->last);
	*c = (struct console){0};
}
