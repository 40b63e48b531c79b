// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Stamps. Size and time of modification can be kept by who edits a file; the time of the last
 * change of the inode cannot. A folder's changes when a name in it comes or goes.
 */
#include "pmkmod/pmaports/tree.h"

#include <sys/stat.h>
#include <time.h>

#define SECOND 1000000000LL
/* coarsest clock of a file system in use (FAT's) */
#define TICK (2 * SECOND)

static int64_t nanoseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * SECOND + t->tv_nsec;
}

/* The state of a file as text, "-" if there is none. Returns when it changed. */
static int64_t state_of(const char *path, char out[96])
{
	struct stat st;

	if (stat(path, &st) < 0) {
		snprintf(out, 96, "-");
		return 0;
	}
	snprintf(out, 96, "%llx.%llx.%llx.%llx.%llx", (unsigned long long)st.st_dev,
		(unsigned long long)st.st_ino,
		(unsigned long long)(S_ISDIR(st.st_mode) ? 0 : st.st_size),
		(unsigned long long)nanoseconds(&st.st_mtim),
		(unsigned long long)nanoseconds(&st.st_ctim));
	return nanoseconds(&st.st_ctim);
}

void stamps_add(struct stamps *s, const char *path)
{
	char state[96];
	int64_t changed;

	if (s->off)
		return;
	changed = state_of(path, state);
	strbuf_add(&s->text, path, strlen(path) + 1);
	strbuf_add(&s->text, state, strlen(state) + 1);
	s->n++;
	if (changed > s->newest)
		s->newest = changed;
}

void stamps_append(struct stamps *s, const struct stamps *more)
{
	if (more->text.len)
		strbuf_add(&s->text, more->text.s, more->text.len);
	s->n += more->n;
	if (more->newest > s->newest)
		s->newest = more->newest;
}

void stamps_free(struct stamps *s)
{
	strbuf_free(&s->text);
	*s = (struct stamps){0};
}

bool stamps_hold(const char *text, size_t len, size_t n)
{
	const char *end = text + len;
	char state[96];

	for (size_t i = 0; i < n; i++) {
		const char *was = memchr(text, '\0', (size_t)(end - text));

		if (!was || !memchr(was + 1, '\0', (size_t)(end - was - 1)))
			return false;
		state_of(text, state);
		if (!streq(state, was + 1))
			return false;
		text = was + 1 + strlen(was + 1) + 1;
	}
	return text == end;
}

int64_t stamps_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return nanoseconds(&t);
}

bool stamps_settled(const struct stamps *s, int64_t started)
{
	return s->newest < started - TICK;
}
