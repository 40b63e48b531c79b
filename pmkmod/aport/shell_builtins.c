// SPDX-License-Identifier: GPL-3.0-or-later
/* The commands recipes make their values with: what they do to text, nothing else of them. */
#include "pmkmod/aport/shell.h"

/* Each returns its status, or STATUS_UNKNOWN for arguments that are not understood here. */
typedef int builtin(struct shell *sh, const struct strvec *argv, struct strbuf *out);

static int succeed(struct shell *sh, const struct strvec *argv, struct strbuf *out)
{
	(void)sh, (void)argv, (void)out;
	return 0;
}

static int fail(struct shell *sh, const struct strvec *argv, struct strbuf *out)
{
	(void)sh, (void)argv, (void)out;
	return 1;
}

static int do_test(struct shell *sh, const struct strvec *argv, struct strbuf *out)
{
	(void)out;
	return shell_test(sh, argv, NULL);
}

/* Text with backslash escapes done; false: one that is not understood, or \c. */
static bool unescape(const char *s, struct strbuf *out)
{
	static const char letters[] = "abfnrtv\\\"'", bytes[] = "\a\b\f\n\r\t\v\\\"'";

	for (; *s; s++) {
		const char *p;

		if (*s != '\\' || !s[1]) {
			strbuf_addc(out, *s);
			continue;
		}
		p = strchr(letters, *++s);
		if (!p)
			return false;
		strbuf_addc(out, bytes[p - letters]);
	}
	return true;
}

static int echo(struct shell *sh, const struct strvec *argv, struct strbuf *out)
{
	bool newline = true, escapes = false;
	size_t i = 1;

	(void)sh;
	for (; i < argv->n; i++) {
		if (streq(argv->v[i], "-n"))
			newline = false;
		else if (streq(argv->v[i], "-e"))
			escapes = true;
		else
			break;
	}
	for (size_t first = i; i < argv->n; i++) {
		if (i > first)
			strbuf_addc(out, ' ');
		if (!escapes)
			strbuf_adds(out, argv->v[i]);
		else if (!unescape(argv->v[i], out))
			return STATUS_UNKNOWN;
	}
	if (newline)
		strbuf_addc(out, '\n');
	return 0;
}

/* %s %d %i %c %%, with a width for numbers and strings */
static bool print_one(const char **f, const char *value, struct strbuf *out)
{
	const char *start = *f;
	size_t flags = strspn(start + 1, "-0123456789");
	char conversion = start[1 + flags], format[12];
	char *end;
	long n;

	if (flags > 4 || !conversion || !strchr("sdic", conversion))
		return false;
	*f = start + 1 + flags;
	snprintf(format, sizeof(format), "%%%.*s", (int)flags, start + 1);
	n = strtol(value, &end, 10);
	if (conversion == 'c') {
		strbuf_add(out, value, *value != '\0');
	} else if (conversion == 's') {
		int width = atoi(format + 1);

		strbuf_addf(out, "%*s", width, value);
	} else {
		if (*end)
			return false;
		if (format[1] == '0')
			strbuf_addf(out, "%0*ld", atoi(format + 1), n);
		else
			strbuf_addf(out, "%*ld", atoi(format + 1), n);
	}
	return true;
}

static int print_formatted(struct shell *sh, const struct strvec *argv, struct strbuf *out)
{
	size_t i = 2, before;
	struct strbuf format = {0};
	bool good = argv->n > 1 && unescape(argv->v[1], &format);

	do {
		before = i;
		for (const char *f = format.s ? format.s : ""; good && *f; f++) {
			if (*f != '%') {
				strbuf_addc(out, *f);
			} else if (f[1] == '%') {
				strbuf_addc(out, *f++);
			} else {
				good = print_one(&f, i < argv->n ? argv->v[i] : "", out);
				i++;
			}
		}
		good = good && shell_work(sh, out->len + 1) && out->len < SHELL_VALUE_MAX;
	} while (good && i < argv->n && i > before);
	strbuf_free(&format);
	return good ? 0 : STATUS_UNKNOWN;
}

static int base_name(struct shell *sh, const struct strvec *argv, struct strbuf *out)
{
	_cleanup_free_ char *path = argv->n > 1 ? xstrdup(argv->v[1]) : NULL;
	const char *suffix = argv->n > 2 ? argv->v[2] : "", *base;
	size_t n;

	(void)sh;
	if (!path || *path == '-')
		return STATUS_UNKNOWN;
	for (n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
	base = strrchr(path, '/') && path[1] ? strrchr(path, '/') + 1 : path;
	n = strlen(base);
	if (*suffix && ends_with(base, suffix) && n > strlen(suffix))
		n -= strlen(suffix);
	strbuf_addf(out, "%.*s\n", (int)n, base);
	return 0;
}

static int dir_name(struct shell *sh, const struct strvec *argv, struct strbuf *out)
{
	const char *slash = argv->n == 2 ? strrchr(argv->v[1], '/') : NULL;

	(void)sh;
	if (argv->n != 2 || (slash && !slash[1]))
		return STATUS_UNKNOWN;
	if (slash)
		strbuf_addf(out, "%.*s\n", slash == argv->v[1] ? 1 : (int)(slash - argv->v[1]),
			argv->v[1]);
	else
		strbuf_adds(out, ".\n");
	return 0;
}

static int cat(struct shell *sh, const struct strvec *argv, struct strbuf *out)
{
	if (argv->n > 1 || !sh->in)
		return STATUS_UNKNOWN;
	strbuf_adds(out, sh->in);
	return 0;
}

/* A set of tr: ranges, [:upper:] and [:lower:], escapes; false: not understood. */
static bool tr_set(const char *s, struct strbuf *set)
{
	struct strbuf plain = {0};
	bool good = true;

	if (streq(s, "[:upper:]"))
		s = "A-Z";
	else if (streq(s, "[:lower:]"))
		s = "a-z";
	good = !strchr(s, '[') && unescape(s, &plain);
	for (size_t i = 0; good && i < plain.len; i++) {
		unsigned char from = (unsigned char)plain.s[i], to = from;

		if (i + 2 < plain.len && plain.s[i + 1] == '-') {
			to = (unsigned char)plain.s[i + 2];
			i += 2;
		}
		for (unsigned c = from; c <= to; c++)
			strbuf_addc(set, (char)c);
	}
	strbuf_free(&plain);
	return good && set->len > 0;
}

static int translate(struct shell *sh, const struct strvec *argv, struct strbuf *out)
{
	struct strbuf from = {0}, to = {0};
	bool remove = argv->n > 1 && streq(argv->v[1], "-d"), good;

	good = sh->in && argv->n == 3 && (remove || argv->v[1][0] != '-' || !argv->v[1][1]) &&
	       tr_set(argv->v[remove ? 2 : 1], &from) && (remove || tr_set(argv->v[2], &to));
	for (const char *s = sh->in; good && *s; s++) {
		const char *p = memrchr(from.s, *s, from.len);
		size_t i = p ? (size_t)(p - from.s) : 0;

		if (!p)
			strbuf_addc(out, *s);
		else if (!remove)
			strbuf_addc(out, to.s[i < to.len ? i : to.len - 1]);
	}
	strbuf_free(&from);
	strbuf_free(&to);
	return good ? 0 : STATUS_UNKNOWN;
}

/* cut -d X -f N, N,M, N-, N-M, -M; options may be joined with their values */
static bool field_wanted(const char *list, unsigned long n)
{
	while (*list) {
		char *end;
		unsigned long lo = *list == '-' ? 1 : strtoul(list, &end, 10), hi = lo;

		if (*list == '-')
			end = (char *)list;
		if (*end == '-') {
			list = end + 1;
			hi = strtoul(list, &end, 10);
			if (end == list)
				hi = ~0UL;
		}
		if (n >= lo && n <= hi)
			return true;
		if (*end != ',')
			return false;
		list = end + 1;
	}
	return false;
}

static void cut_line(
	const char *line, size_t len, char delimiter, const char *fields, struct strbuf *out)
{
	bool any = false;
	unsigned long n = 1;

	if (!memchr(line, delimiter, len)) {
		strbuf_add(out, line, len);
		strbuf_addc(out, '\n');
		return;
	}
	for (size_t i = 0; i <= len; n++) {
		const char *end = memchr(line + i, delimiter, len - i);
		size_t size = end ? (size_t)(end - line) - i : len - i;

		if (field_wanted(fields, n)) {
			if (any)
				strbuf_addc(out, delimiter);
			strbuf_add(out, line + i, size);
			any = true;
		}
		i += size + 1;
	}
	strbuf_addc(out, '\n');
}

static int cut(struct shell *sh, const struct strvec *argv, struct strbuf *out)
{
	const char *delimiter = NULL, *fields = NULL;

	for (size_t i = 1; i < argv->n; i++) {
		const char *a = argv->v[i], **value = starts_with(a, "-d")   ? &delimiter
						      : starts_with(a, "-f") ? &fields
									     : NULL;

		if (!value)
			return STATUS_UNKNOWN;
		*value = a[2] ? a + 2 : i + 1 < argv->n ? argv->v[++i] : NULL;
	}
	if (!sh->in || !delimiter || strlen(delimiter) != 1 || !fields ||
		fields[strspn(fields, "0123456789,-")] ||
		!shell_work(sh, strlen(fields) * strlen(sh->in)))
		return STATUS_UNKNOWN;
	for (const char *s = sh->in; *s;) {
		size_t len = strcspn(s, "\n");

		cut_line(s, len, *delimiter, fields, out);
		s += len + (s[len] == '\n');
	}
	return 0;
}

/* The triplets that abuild's function of this name gives (functions.sh). */
static int arch_to_hostspec(struct shell *sh, const struct strvec *argv, struct strbuf *out)
{
	static const struct {
		const char *arch, *triplet;
	} table[] = {{"aarch64", "aarch64-alpine-linux-musl"},
		{"armel", "armv5-alpine-linux-musleabi"},
		{"armhf", "armv6-alpine-linux-musleabihf"},
		{"armv7", "armv7-alpine-linux-musleabihf"},
		{"loongarch64", "loongarch64-alpine-linux-musl"},
		{"ppc", "powerpc-alpine-linux-musl"}, {"ppc64", "powerpc64-alpine-linux-musl"},
		{"ppc64le", "powerpc64le-alpine-linux-musl"},
		{"riscv64", "riscv64-alpine-linux-musl"}, {"s390x", "s390x-alpine-linux-musl"},
		{"x86", "i586-alpine-linux-musl"}, {"x86_64", "x86_64-alpine-linux-musl"}};

	(void)sh;
	for (size_t i = 0; argv->n == 2 && i < ARRAY_SIZE(table); i++)
		if (streq(table[i].arch, argv->v[1])) {
			strbuf_addf(out, "%s\n", table[i].triplet);
			return 0;
		}
	return STATUS_UNKNOWN;
}

static int type(struct shell *sh, const struct strvec *argv, struct strbuf *out);

static const struct {
	const char *name;
	builtin *run;
} builtins[] = {
	{":", succeed},
	{"true", succeed},
	{"false", fail},
	{"[", do_test},
	{"test", do_test},
	{"echo", echo},
	{"printf", print_formatted},
	{"basename", base_name},
	{"dirname", dir_name},
	{"cat", cat},
	{"tr", translate},
	{"cut", cut},
	{"sed", shell_sed},
	{"arch_to_hostspec", arch_to_hostspec},
	{"type", type},
	/* these say or set something that no value depends on */
	{"msg", succeed},
	{"warning", succeed},
	{"error", succeed},
	{"set", succeed},
	{"umask", succeed},
	{"alias", succeed},
};

/* type -t of what is known here */
static int type(struct shell *sh, const struct strvec *argv, struct strbuf *out)
{
	if (argv->n != 3 || !streq(argv->v[1], "-t"))
		return STATUS_UNKNOWN;
	if (shell_function(sh->b, argv->v[2])) {
		strbuf_adds(out, "function\n");
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
		if (streq(builtins[i].name, argv->v[2])) {
			strbuf_adds(out, "builtin\n");
			return 0;
		}
	return STATUS_UNKNOWN;
}

bool shell_builtin(struct shell *sh, const struct strvec *argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++) {
		struct strbuf out = {0};

		if (!streq(builtins[i].name, argv->v[0]))
			continue;
		sh->status = builtins[i].run(sh, argv, &out);
		if (sh->out && out.len && shell_work(sh, out.len) &&
			out.len <= SHELL_VALUE_MAX - (sh->out->len < SHELL_VALUE_MAX
								     ? sh->out->len
								     : SHELL_VALUE_MAX))
			strbuf_add(sh->out, out.s, out.len);
		strbuf_free(&out);
		if (sh->status == STATUS_UNKNOWN && sh->unknown_out && !*sh->unknown_out)
			*sh->unknown_out = xasprintf("line %u: `%s` with these arguments is not "
						     "understood here",
				shell_line(sh), argv->v[0]);
		return true;
	}
	return false;
}
