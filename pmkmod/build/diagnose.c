// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/diagnose.h"

#include "chroot/base/fs.h"
#include "pmkmod/build/diagnose_parts.h"
#include "pmkmod/build/job.h"
#include "pmkmod/util/command_output.h"
#include "pmkmod/util/exit_codes.h"

#define WORDS_MAX 600 /* of an error that is shown */
#define SOURCE_MAX 200

/* ---- showing ---- */

/* Nothing that came from a build may control the terminal, and none of it is endless. */
static char *shown(const char *text, size_t max)
{
	struct strbuf b = {0};
	size_t left = strlen(text), n;
	unsigned code;

	for (; left && b.len < max; text += n, left -= n) {
		n = utf8_length(text, left, &code);
		if (!n || code < 0x20 || code == 0x7f || (code >= 0x80 && code < 0xa0) ||
			(code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e)) {
			strbuf_addc(&b, n && code == '\t' ? ' ' : '?');
			n = n ? n : 1;
		} else {
			strbuf_add(&b, text, n);
		}
	}
	if (left)
		strbuf_adds(&b, "...");
	return strbuf_steal(&b);
}

static void show(char **text, size_t max)
{
	char *clean;

	if (!*text)
		return;
	clean = shown(*text, max);
	free(*text);
	*text = clean;
}

static void show_all(struct diagnosis *d)
{
	char **const texts[] = {
		&d->step, &d->error, &d->file, &d->source, &d->own_file, &d->detail, &d->remedy};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		show(texts[i], texts[i] == &d->source ? SOURCE_MAX : WORDS_MAX);
	for (size_t i = 0; i < d->also.n; i++)
		show(&d->also.v[i], WORDS_MAX);
}

/* ---- where it is ---- */

static char *folder_at(const struct log_lines *l, size_t at)
{
	size_t len = 0;
	const char *s = log_folder(l, at, &len);

	return s ? xstrndup(s, len) : NULL;
}

struct own_files {
	const struct diagnose_input *in;
	const char *folder;
};

static bool is_own(void *ctx, const char *file)
{
	const struct own_files *o = ctx;
	struct source_place p;
	bool own;

	source_place_find(&p, o->in, file, o->folder);
	own = p.own && (!o->in->source_dir || p.host);
	source_place_free(&p);
	return own;
}

/* "path/Makefile:2: *** words.  Stop.": make's own way to say where. */
static void split_make(struct diagnosis *d, const char *line, char **file)
{
	static const char stop[] = ".  Stop.";
	const char *stars = strstr(line, ": *** "), *s = stars;

	if (!stars)
		return;
	free(d->error);
	d->error = xstrdup(stars + strlen(": *** "));
	if (ends_with(d->error, stop))
		d->error[strlen(d->error) - strlen(stop)] = '\0';
	while (s > line && s[-1] >= '0' && s[-1] <= '9')
		s--;
	if (s == stars || s < line + 2 || s[-1] != ':')
		return;
	d->line = (unsigned)strtoul(s, NULL, 10);
	*file = xstrndup(line, (size_t)(s - 1 - line));
}

/* A tool's name before the message is no file. */
static bool is_file(const struct message *m)
{
	return m->line || memchr(m->file, '/', m->file_len) || memchr(m->file, '.', m->file_len);
}

static void take_words(
	const struct log_lines *l, const struct log_error *e, struct diagnosis *d, char **file)
{
	const char *line = l->v[e->at];

	if (!e->is_message) {
		d->error = xstrdup(line);
		split_make(d, line, file);
	} else if (is_file(&e->message)) {
		d->error = xstrdup(e->message.words);
		d->line = e->message.line;
		d->column = e->message.column;
		*file = xstrndup(e->message.file, e->message.file_len);
	} else {
		d->error = xstrdup(line + strspn(line, " \t"));
	}
}

static void find_place(struct explaining *x, const char *file, struct source_place *p)
{
	_cleanup_free_ char *folder = folder_at(x->lines, x->error->at);
	struct own_files own = {x->in, folder};
	struct diagnosis *d = x->d;
	const char *code;

	source_place_find(p, x->in, file, folder);
	d->file = xstrdup(p->shown);
	x->host = p->host;
	if (p->host)
		d->source = source_line(p->host, d->line);
	if (!d->source && (code = log_code(x->lines, x->error->at))) {
		_cleanup_free_ char *copy = xstrdup(code);

		d->source = xstrdup(str_strip(copy));
	}
	if (!p->own && d->line && x->error->is_message) {
		_cleanup_free_ char *name = NULL;
		struct source_place mine = {0};

		log_own_place(x->lines, x->error, is_own, &own, &name, &d->own_line);
		if (name) {
			source_place_find(&mine, x->in, name, folder);
			d->own_file = xstrdup(mine.shown);
		}
		source_place_free(&mine);
	}
}

bool diagnose_log(
	const char *text, size_t len, const struct diagnose_input *in, struct diagnosis *out)
{
	struct source_place place = {0};
	_cleanup_free_ char *file = NULL;
	struct log_lines lines;
	struct log_error error;
	struct explaining x = {.in = in, .lines = &lines, .error = &error, .d = out};
	bool found;

	*out = (struct diagnosis){.stage = xstrdup(in->stage), .log = xstrdup(in->log_path)};
	log_lines_read(&lines, text, len, in->warnings_of_modpost);
	found = log_find_error(&lines, in->warnings_of_modpost, &error);
	if (found) {
		if (in->release)
			x.version = kernel_version_code(in->release);
		out->step = steal_ptr(lines.command);
		out->more = error.more;
		out->gave_up = error.failed < lines.n;
		take_words(&lines, &error, out, &file);
		if (file)
			find_place(&x, file, &place);
		diagnose_explain(&x);
		show_all(out);
	}
	source_place_free(&place);
	log_lines_free(&lines);
	return found;
}

/* ---- without a log ---- */

static enum cause cause_of_exit_code(int exit_code)
{
	static const struct {
		int exit_code;
		enum cause cause;
	} t[] = {{EXIT_USAGE, CAUSE_USAGE}, {EXIT_UNKNOWN_NAME, CAUSE_UNKNOWN_NAME},
		{EXIT_PATCH_PATH, CAUSE_PATCH_PATH}, {EXIT_PATCH_FAILED, CAUSE_PATCH_FAILED},
		{EXIT_NO_MODULE, CAUSE_NO_MODULE}, {EXIT_BUILD_FAILED, CAUSE_UNKNOWN},
		{EXIT_MISSING_DEPEND, CAUSE_MISSING_DEPEND}, {EXIT_NO_HEADERS, CAUSE_NO_HEADERS},
		{EXIT_UNTRUSTED, CAUSE_UNTRUSTED}, {EXIT_NETWORK, CAUSE_NETWORK},
		{EXIT_CONFLICT, CAUSE_CONFLICT}, {EXIT_SANDBOX, CAUSE_SANDBOX},
		{EXIT_NO_SPACE, CAUSE_NO_SPACE}, {EXIT_NO_FIT, CAUSE_NO_FIT},
		{EXIT_TIMEOUT, CAUSE_TIME_LIMIT}, {EXIT_EXCLUDED, CAUSE_EXCLUDED}};

	if (exit_code > 128)
		return CAUSE_INTERRUPTED;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (t[i].exit_code == exit_code)
			return t[i].cause;
	return CAUSE_GENERAL;
}

void diagnose_exit_code(
	int exit_code, const char *text, const struct diagnose_input *in, struct diagnosis *out)
{
	enum cause cause = cause_of_exit_code(exit_code);

	*out = (struct diagnosis){.stage = xstrdup(in->stage),
		.log = xstrdup(in->log_path),
		.error = xstrndup(text, strcspn(text, "\n")),
		.cause = &diagnosis_causes[cause],
		.remedy = xstrdup(diagnosis_causes[cause].remedy)};
}

bool diagnosis_is_emulator_crash(const struct diagnosis *d)
{
	return d->cause == &diagnosis_causes[CAUSE_EMULATOR_CRASH];
}

void diagnosis_free(struct diagnosis *d)
{
	free(d->stage);
	free(d->step);
	free(d->error);
	free(d->file);
	free(d->source);
	free(d->own_file);
	free(d->detail);
	strvec_free(&d->also);
	free(d->remedy);
	free(d->log);
	*d = (struct diagnosis){0};
}

/* ---- hints ---- */

static void hint_place(const struct diagnosis *d, struct err *e)
{
	if (d->file && d->line)
		err_hint(e, "first error: %s:%u: %s", d->file, d->line, d->error);
	else if (d->file)
		err_hint(e, "first error: %s: %s", d->file, d->error);
	else
		err_hint(e, "first error: %s", d->error);
	if (d->source && *d->source)
		err_hint(e, "the line: %s", d->source);
	if (d->own_file && d->own_line)
		err_hint(e, "which comes from: %s:%u", d->own_file, d->own_line);
	else if (d->own_file)
		err_hint(e, "which comes from: %s", d->own_file);
}

int diagnosis_hint(const struct diagnosis *d, struct err *e)
{
	if (d->cause) {
		hint_place(d, e);
		if (d->detail)
			err_hint(e, "cause: %s (%s): %s", d->cause->title, d->cause->id, d->detail);
		else
			err_hint(e, "cause: %s (%s)", d->cause->title, d->cause->id);
		for (size_t i = 0; i < d->also.n; i++)
			err_hint(e, "also: %s", d->also.v[i]);
		if (d->remedy)
			err_hint(e, "remedy: %s", d->remedy);
	}
	if (d->log)
		err_hint(e, "the whole log: %s", d->log);
	return e ? e->code : 0;
}

int diagnose_file(const struct diagnose_input *in, struct diagnosis *out, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;

	if (!in->log_path || fs_read(in->log_path, COMMAND_LOG_MAX * 2, &text, &len, NULL) < 0)
		*out = (struct diagnosis){
			.stage = xstrdup(in->stage), .log = xstrdup(in->log_path)};
	else
		diagnose_log(text, len, in, out);
	return diagnosis_hint(out, e);
}

int diagnose_hint(struct err *e, const char *log_path)
{
	struct diagnose_input in = {.log_path = log_path, .of_kernel = true};
	struct diagnosis d;
	int r = diagnose_file(&in, &d, e);

	diagnosis_free(&d);
	return r;
}
