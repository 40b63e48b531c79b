// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "chroot/base/str.h"

#define REWRITE_INTERVAL 0.1
#define STAGE_WIDTH 9

double monotonic_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void progress_init(struct progress *p, bool quiet)
{
	const char *term = getenv("TERM");

	*p = (struct progress){.quiet = quiet,
		.terminal = isatty(STDERR_FILENO) && term && !streq(term, "dumb"),
		.timing.began = monotonic_seconds()};
}

static size_t columns(void)
{
	struct winsize w;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

/* Rewrite the current line; it must not wrap, or the next rewrite would leave a trace. */
static void rewrite(const struct progress *p, const char *text)
{
	size_t room = columns() - STAGE_WIDTH - 2;

	fprintf(stderr, "\r\033[K%-*s %.*s", STAGE_WIDTH, p->stage, (int)room, text);
	fflush(stderr);
}

__attribute__((format(printf, 1, 0))) static char *print(const char *fmt, va_list ap)
{
	struct strbuf b = {0};

	strbuf_vaddf(&b, fmt, ap);
	return strbuf_steal(&b);
}

/* Is there anybody who wants the text? */
static bool heard(const struct progress *p)
{
	return p->tell || !p->quiet;
}

static void tell(
	const struct progress *p, enum progress_kind kind, const char *text, double seconds)
{
	const struct progress_event ev = {
		.kind = kind, .stage = p->stage, .text = text, .seconds = seconds};

	if (p->tell)
		p->tell(p->tell_ctx, &ev);
}

void progress_stage(struct progress *p, const char *stage, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	p->stage = stage;
	p->started = p->shown = monotonic_seconds();
	if (!heard(p))
		return;
	va_start(ap, fmt);
	text = print(fmt, ap);
	va_end(ap);
	tell(p, PROGRESS_STAGE, text, 0);
	if (p->terminal && !p->quiet)
		rewrite(p, text);
}

void progress_detail(struct progress *p, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	double now = monotonic_seconds();
	va_list ap;

	if (p->quiet || !p->terminal || !p->stage || now - p->shown < REWRITE_INTERVAL)
		return;
	p->shown = now;
	va_start(ap, fmt);
	text = print(fmt, ap);
	va_end(ap);
	rewrite(p, text);
}

void progress_done(struct progress *p, const char *fmt, ...)
{
	double took = monotonic_seconds() - p->started;
	_cleanup_free_ char *text = NULL;
	va_list ap;

	if (heard(p) && p->stage) {
		va_start(ap, fmt);
		text = print(fmt, ap);
		va_end(ap);
		tell(p, PROGRESS_DONE, text, took);
		if (!p->quiet)
			fprintf(stderr, "%s%-*s %s (%.1f s)\n", p->terminal ? "\r\033[K" : "",
				STAGE_WIDTH, p->stage, text, took);
	}
	if (p->stage)
		timing_stage(&p->timing, p->stage, took);
	p->stage = NULL;
}

void progress_failed(struct progress *p)
{
	double took = monotonic_seconds() - p->started;

	if (p->stage)
		tell(p, PROGRESS_FAILED, NULL, took);
	if (!p->quiet && p->stage)
		fprintf(stderr, "%s%-*s failed (%.1f s)\n", p->terminal ? "\r\033[K" : "",
			STAGE_WIDTH, p->stage, took);
	if (p->stage)
		timing_stage(&p->timing, p->stage, took);
	p->failed = p->stage;
	p->stage = NULL;
}

void progress_cell(struct progress *p, const char *hash)
{
	tell(p, PROGRESS_CELL, hash, 0);
}

void progress_note(struct progress *p, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	if (!heard(p))
		return;
	va_start(ap, fmt);
	text = print(fmt, ap);
	va_end(ap);
	tell(p, PROGRESS_NOTE, text, 0);
	if (p->quiet)
		return;
	if (p->terminal && p->stage)
		fprintf(stderr, "\r\033[K");
	fprintf(stderr, "note: %s\n", text);
}
