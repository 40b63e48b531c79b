// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The words are those of arch/{arm,arm64,x86,riscv}/kernel/traps.c and mm/fault.c, kernel/panic.c
 * and lib/bug.c of Linux. What is common to all: the line of die() has a counter, "[#1]", and the
 * end is marked "---[ end trace". Everything here may come from a module gone mad: each part is
 * bounded.
 */
#include "pmkmod/fit/trouble.h"

#include <ctype.h>

/* arm's, with its stack in hexadecimal, is the longest: about 90 lines */
#define TROUBLE_LINES_MAX 160
/* a symbol may have 511 characters (KSYM_NAME_LEN) */
#define SYMBOL_MAX 640

static const struct {
	const char *words, *also; /* both in one line; NULL: the first is enough */
	enum trouble_kind kind;
} begins[] = {
	{"Kernel panic - not syncing", NULL, TROUBLE_PANIC},
	{"Unable to handle kernel", NULL, TROUBLE_OOPS},
	{"Internal error: ", NULL, TROUBLE_OOPS},
	{"kernel BUG at ", NULL, TROUBLE_OOPS},
	{"BUG: unable to handle", NULL, TROUBLE_OOPS},
	{"BUG: kernel NULL pointer", NULL, TROUBLE_OOPS},
	{"BUG: stack guard page was hit", NULL, TROUBLE_OOPS},
	{"BUG: TASK stack guard page was hit", NULL, TROUBLE_OOPS},
	{"Insufficient stack space to handle exception", NULL, TROUBLE_OOPS},
	{"Kernel stack overflow", NULL, TROUBLE_OOPS},
	{"SError Interrupt on CPU", NULL, TROUBLE_OOPS},
	{"Bad mode in ", " handler detected", TROUBLE_OOPS},
	/* an oops follows it, unless the kernel was built to go on */
	{"CFI failure at ", NULL, TROUBLE_COMPLAINT},
	{"BUG: ", NULL, TROUBLE_COMPLAINT},
};

/* What stands before the function the processor was in. */
static const char *const counters[] = {"pc : ", "PC is at ", "RIP: ", "RIP  ",
	"EIP: ", "EIP is at ", "IP: ", "epc : ", "epc: ", "sepc: "};

/* The first frames of a panic are those of the panic itself. */
static const char *const helpers[] = {"dump_backtrace", "show_stack", "show_trace", "dump_stack",
	"dump_stack_lvl", "__dump_stack", "unwind_backtrace", "walk_stackframe", "show_regs",
	"panic", "vpanic", "nmi_panic", "__warn", "warn_slowpath", "printk", "_printk",
	"__schedule_bug", "___might_sleep", "__might_sleep", "__might_resched"};

static const char *const words_of_kind[] = {"", "complaint", "oops", "panic"};

const char *trouble_word(enum trouble_kind kind)
{
	return words_of_kind[kind];
}

/* Behind "<6>", "[    1.234567]" and "[   T12]" or "[    C0]". */
static const char *message_of(const char *line)
{
	line += strspn(line, " \t");
	if (*line == '<' && isdigit((unsigned char)line[1])) {
		size_t n = 1 + strspn(line + 1, "0123456789");

		line += line[n] == '>' ? n + 1 : 0;
	}
	for (int i = 0; i < 2 && *line == '['; i++) {
		size_t n = 1 + strspn(line + 1, " TC0123456789.");

		/* "[<c0008000>] ..." and "[#1]" are none */
		if (n == 1 || line[n] != ']')
			break;
		line += n + 1;
		line += *line == ' ';
	}
	return line;
}

/*
 * The line of die(), whatever it was told: "Oops: 0002 [#1]", "divide error: 0000 [#1]" (x86),
 * "Oops - illegal instruction [#1]", "Kernel BUG [#1]" (riscv). A driver that numbers its things in
 * such a way says neither.
 */
static bool is_die(const char *m)
{
	const char *at = strstr(m, " [#");
	size_t n = at ? strspn(at + 3, "0123456789") : 0;

	if (!n || at[3 + n] != ']')
		return false;
	if (starts_with(m, "Oops") || starts_with(m, "Kernel BUG"))
		return true;
	for (n = 0; at - n > m && isxdigit((unsigned char)at[-1 - (ssize_t)n]); n++)
		;
	return n >= 4 && at - m > (ssize_t)n + 2 && starts_with(at - n - 2, ": ");
}

static enum trouble_kind kind_of(const char *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(begins); i++) {
		const char *at = strstr(m, begins[i].words);

		if (at && (!begins[i].also || strstr(at, begins[i].also)))
			return begins[i].kind;
	}
	return is_die(m) ? TROUBLE_OOPS : TROUBLE_NONE;
}

static bool is_symbol_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$';
}

/*
 * The first "name+0x1/0x2" of a line, with the " [module]" behind it (whose build ID is left out);
 * NULL if there is none. Caller frees.
 */
static char *symbol_in(const char *s)
{
	const char *plus = strstr(s, "+0x"), *from = plus, *end;
	struct strbuf b = {0};

	while (from && from > s && is_symbol_char(from[-1]))
		from--;
	if (!plus || from == plus || plus - from > SYMBOL_MAX)
		return NULL;
	end = plus + 3 + strspn(plus + 3, "0123456789abcdef");
	if (starts_with(end, "/0x"))
		end += 3 + strspn(end + 3, "0123456789abcdef");
	strbuf_add(&b, from, (size_t)(end - from));
	if (starts_with(end, " [") && isalnum((unsigned char)end[2])) {
		size_t n = strcspn(end + 2, " ]");

		if (n < SYMBOL_MAX && end[2 + n])
			strbuf_addf(&b, " [%.*s]", (int)n, end + 2);
	}
	return strbuf_steal(&b);
}

static bool is_helper(const char *symbol)
{
	for (size_t i = 0; i < ARRAY_SIZE(helpers); i++) {
		size_t n = strlen(helpers[i]);

		/* "panic.cold" and "panic.isra.0" are parts of it */
		if (strncmp(symbol, helpers[i], n) == 0 && strchr("+.", symbol[n]))
			return true;
	}
	return false;
}

static bool in_module(const char *symbol)
{
	return ends_with(symbol, "]");
}

/* Where the processor would have returned to: the caller, if the call trace leaves it out. */
static const char *const returns[] = {"lr : ", "LR is at ", "ra : "};

/* arm's have no headline: "name [module] from caller+0x1/0x2", "(name+0x1/0x2) from [<...>]". */
static bool is_arm_frame(const char *m)
{
	return strstr(m, " from ") && strstr(m, "+0x");
}

/* A frame, or the place itself: learn where it happened. */
static void learn_place(struct trouble *t, const char *m)
{
	const char *counter = behind_prefix(m, counters, ARRAY_SIZE(counters));
	/* x86 marks what may only be left over on the stack by "? " */
	const char *back = behind_prefix(m, returns, ARRAY_SIZE(returns));
	bool told = counter || back || (t->in_trace && !strstr(m, "? "));
	_cleanup_free_ char *symbol = told ? symbol_in(counter ? counter : m) : NULL;

	/* a jump into nothing has only where it came from */
	if (!symbol || (!counter && is_helper(symbol)))
		return;
	if (!t->function)
		t->function = steal_ptr(symbol);
	else if (!t->caller && in_module(symbol) && !in_module(t->function))
		t->caller = steal_ptr(symbol);
}

static bool begins_trace(const char *m)
{
	return starts_with(m, "Call trace:") || starts_with(m, "Call Trace:") ||
	       starts_with(m, "Backtrace:");
}

static bool is_frame(const char *m)
{
	return strstr(m, "+0x") || *m == '<' || starts_with(m, "[<");
}

static void keep(struct trouble *t, const char *line)
{
	strbuf_adds(&t->lines, line);
	strbuf_addc(&t->lines, '\n');
	if (++t->n >= TROUBLE_LINES_MAX)
		t->open = false;
}

static void begin(struct trouble *t, const char *m, enum trouble_kind kind)
{
	/* what the kernel survived is not the reason of what it did not survive */
	if (t->kind == TROUBLE_COMPLAINT)
		trouble_free(t);
	if (!t->first)
		t->first = xstrdup(m);
	t->kind = kind;
	t->in_trace = false;
	t->open = true;
}

void trouble_line(struct trouble *t, const char *line)
{
	const char *m = message_of(line);
	enum trouble_kind kind = kind_of(m);

	if (!t->open) {
		if (kind <= t->kind || strstr(m, "---[ end "))
			return;
		begin(t, m, kind);
	} else if (kind > t->kind) {
		t->kind = kind;
	}
	m += strspn(m, " \t");
	/* a complaint has no mark at its end */
	if (t->kind == TROUBLE_COMPLAINT && t->in_trace && !is_frame(m)) {
		t->open = false;
		return;
	}
	t->in_trace |= is_arm_frame(m);
	learn_place(t, m);
	t->in_trace |= begins_trace(m);
	keep(t, line);
	if (strstr(m, "---[ end trace") || strstr(m, "---[ end Kernel panic"))
		t->open = false;
}

void trouble_text(struct trouble *t, const char *text)
{
	_cleanup_strvec_ struct strvec lines = {0};

	if (text)
		strvec_split(&lines, text, "\r\n");
	for (size_t i = 0; i < lines.n; i++)
		trouble_line(t, lines.v[i]);
}

char *trouble_where(const struct trouble *t)
{
	if (!t->function)
		return NULL;
	return t->caller ? xasprintf("%s, called by %s", t->function, t->caller)
			 : xstrdup(t->function);
}

void trouble_cut(const struct trouble *t, struct strbuf *log)
{
	char *at = t->lines.len && log->s ? strstr(log->s, t->lines.s) : NULL;
	_cleanup_free_ char *behind = at ? xstrdup(at + t->lines.len) : NULL;

	if (!at)
		return;
	log->len = (size_t)(at - log->s);
	*at = '\0';
	strbuf_addf(
		log, "(%zu lines of the %s: see there)\n%s", t->n, trouble_word(t->kind), behind);
}

void trouble_free(struct trouble *t)
{
	free(t->first);
	free(t->function);
	free(t->caller);
	strbuf_free(&t->lines);
	*t = (struct trouble){0};
}
