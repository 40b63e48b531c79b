// SPDX-License-Identifier: GPL-3.0-or-later
/* The first thing that went wrong in a kbuild log, in words a porter can act on. */
#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/util/command_output.h"

static const struct {
	const char *sign, *remedy;
} remedies[] = {
	{"Exec format error",
		"a helper program of the kernel's headers is of another architecture: "
		"the headers package must be built for the phone's"},
	{"fixdep: not found", "the headers package lacks kbuild's helper programs for the phone"},
	{"Segmentation fault",
		"a program crashed under qemu-user; try again, or without `--emulate "
		"full`"},
	{"Killed", "the machine ran out of memory; try fewer jobs with -o toolchain.jobs=1"},
	{"No space left on device", "free some space below paths.state and paths.cache"},
	{"implicit declaration of function",
		"the source is written for another kernel version than the phone's; look for a newer "
		"or older release of the module"},
	{"has no member named",
		"the source is written for another kernel version than the phone's; look for a newer "
		"or older release of the module"},
	{"No rule to make target 'modules'", "the Makefile of the source is not a kbuild file"},
};

static const char *find_remedy(const char *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
		if (strstr(line, remedies[i].sign))
			return remedies[i].remedy;
	return NULL;
}

/* "path/file.c:12:34: error: words", also without column and with "fatal error". */
static bool compiler_error(const char *line, struct diagnosis *out)
{
	const char *error = strstr(line, ": error: ");
	const char *words, *s, *end;

	if (!error)
		error = strstr(line, ": fatal error: ");
	if (!error)
		return false;
	words = strstr(error, "error: ") + strlen("error: ");
	end = error;
	/* cut the column: of the last two ":number" only the first is the line */
	for (s = end; s > line && s[-1] >= '0' && s[-1] <= '9'; s--)
		;
	if (s > line + 1 && s[-1] == ':' && s < end) {
		const char *t;

		for (t = s - 1; t > line && t[-1] >= '0' && t[-1] <= '9'; t--)
			;
		if (t > line && t[-1] == ':' && t < s - 1)
			end = s - 1;
	}
	out->where = xstrndup(line, (size_t)(end - line));
	out->what = xstrdup(words);
	return true;
}

static bool starts_with_any(const char *line, const char *const *words)
{
	for (; *words; words++)
		if (starts_with(line, *words))
			return true;
	return false;
}

/* Lines of tools other than the compiler. */
static bool tool_error(const char *line, struct diagnosis *out)
{
	static const char *const begins[] = {"ERROR: ", "FATAL: ", "error: ", NULL};
	static const char *const holds[] = {"Exec format error", ": not found",
		"Error: ", "undefined reference", "command not found", "Segmentation fault",
		"No space left on device",
		/* kconfig */ ": can't open file ", NULL};
	bool found = starts_with_any(line, begins);

	for (const char *const *h = holds; !found && *h; h++)
		found = strstr(line, *h) != NULL;
	if (found)
		out->what = xstrdup(line);
	return found;
}

/* "path/Makefile:2: *** words.  Stop.": make itself, or $(error) */
static bool makefile_error(const char *line, struct diagnosis *out)
{
	static const char stop[] = ".  Stop.";
	const char *stars = strstr(line, ": *** "), *s = stars;
	char *end;

	while (s && s > line && s[-1] >= '0' && s[-1] <= '9')
		s--;
	if (!s || s == stars || s == line || s[-1] != ':')
		return false;
	out->where = xstrndup(line, (size_t)(stars - line));
	out->what = xstrdup(stars + strlen(": *** "));
	end = strstr(out->what, stop);
	if (end && !end[sizeof(stop) - 1])
		*end = '\0';
	return true;
}

/* "make[2]: *** [target] Error 1": what is left when nobody said more. */
static bool make_error(const char *line, struct diagnosis *out)
{
	const char *stars = strstr(line, ": *** ");

	if (!starts_with(line, "make") || !stars)
		return false;
	out->what = xstrdup(stars + strlen(": *** "));
	return true;
}

static bool first_match(const struct strvec *lines, bool (*match)(const char *, struct diagnosis *),
	struct diagnosis *out)
{
	for (size_t i = 0; i < lines->n; i++)
		if (match(lines->v[i], out)) {
			out->remedy = xstrdup(find_remedy(lines->v[i]));
			return true;
		}
	return false;
}

/* Inside the sandbox the source is at JOB_SOURCE: the porter knows it by its own place. */
static void make_relative(struct diagnosis *d)
{
	static const char prefix[] = JOB_SOURCE "/";

	if (d->where && starts_with(d->where, prefix)) {
		char *rest = xstrdup(d->where + sizeof(prefix) - 1);

		free(d->where);
		d->where = rest;
	}
}

bool diagnose_log(const char *text, struct diagnosis *out)
{
	_cleanup_strvec_ struct strvec lines = {0};

	*out = (struct diagnosis){0};
	strvec_split(&lines, text, "\r\n");
	if (!first_match(&lines, compiler_error, out) && !first_match(&lines, tool_error, out) &&
		!first_match(&lines, makefile_error, out) && !first_match(&lines, make_error, out))
		return false;
	make_relative(out);
	return true;
}

void diagnosis_free(struct diagnosis *d)
{
	free(d->where);
	free(d->what);
	free(d->remedy);
	*d = (struct diagnosis){0};
}

int diagnose_hint(struct err *e, const char *log_path)
{
	_cleanup_free_ char *log = NULL;
	struct diagnosis d = {0};

	if (fs_read(log_path, COMMAND_LOG_MAX * 2, &log, NULL, NULL) == 0 &&
		diagnose_log(log, &d)) {
		if (d.where)
			err_hint(e, "first error: %s: %s", d.where, d.what);
		else
			err_hint(e, "first error: %s", d.what);
		if (d.remedy)
			err_hint(e, "remedy: %s", d.remedy);
	}
	diagnosis_free(&d);
	return err_hint(e, "the whole log: %s", log_path);
}
