// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Reading the serial console. Lines of our init are found by their token wherever they begin in a
 * line, since a kernel message without its newline may stand in front; all the rest is the
 * kernel's or a program's and is only looked through for a panic.
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
	c->modules = xrealloc(c->modules, c->n_modules + 1, sizeof(*c->modules));
	c->modules[c->n_modules++] = (struct console_module){xstrdup(text), -1};
}

static void on_words(struct console *c, const char *text)
{
	add_line(&c->words, text);
}

/* "<module> <status>" of the module begun last */
static void on_status(struct console *c, const char *text)
{
	struct console_module *m = c->n_modules ? &c->modules[c->n_modules - 1] : NULL;
	size_t n = m ? strlen(m->name) : 0;
	char *end;
	long v;

	if (!m || strncmp(text, m->name, n) != 0 || text[n] != ' ')
		return;
	v = strtol(text + n + 1, &end, 10);
	if (end != text + n + 1 && *end == '\0' && v >= 0 && v < 256)
		m->status = (int)v;
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

/* What a kernel in trouble says, in the words of 3.x to 6.12. */
static const char *const panic_words[] = {"Kernel panic - not syncing", "end Kernel panic"};
static const char *const oops_words[] = {"Internal error: ", "Unable to handle kernel",
	"BUG: unable to handle", "BUG: kernel NULL pointer", "kernel BUG at ", "Oops: ", "Oops - ",
	"Kernel stack overflow", "Asynchronous SError", "general protection fault"};
/* Before our init runs: why it does not. */
static const char *const setup_words[] = {"Failed to execute /init", "Initramfs unpacking failed",
	"rootfs image is not initramfs", "No working init found"};

static void note_trouble(char **slot, const char *line, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n && !*slot; i++)
		if (strstr(line, words[i]))
			*slot = xstrdup(line);
}

static void end_line(struct console *c)
{
	char *line = c->line.s ? str_strip(c->line.s) : NULL;
	char *ours = line && *c->token ? strstr(line, c->token) : NULL;

	if (line) {
		/* an oops may be told only by the kernel log that our init brings back */
		const char *told = ours ? ours + strlen(c->token) : line;

		note_trouble(&c->panic, told, panic_words, ARRAY_SIZE(panic_words));
		note_trouble(&c->oops, told, oops_words, ARRAY_SIZE(oops_words));
		note_trouble(&c->setup, told, setup_words, ARRAY_SIZE(setup_words));
	}
	if (ours && ours[strlen(c->token)] == ' ')
		our_line(c, ours + strlen(c->token) + 1);
	if (line && !ours && *line) {
		free(c->last);
		c->last = xstrdup(line);
	}
	strbuf_reset(&c->line);
}

void console_feed(struct console *c, const char *data, size_t len)
{
	c->bytes += len;
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n')
			end_line(c);
		else if (c->line.len < LINE_MAX_BYTES && data[i] != '\0')
			strbuf_addc(&c->line, data[i]);
	}
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
	free(c->panic);
	free(c->oops);
	free(c->setup);
	free(c->last);
	*c = (struct console){0};
}
