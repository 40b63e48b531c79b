// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/download.h"

#include <fcntl.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/util/attempt.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/mirrors.h"
#include "pmkmod/util/progress.h"

#define WAIT_MAX 30.0 /* seconds, whatever the server or the back-off says */
#define GRACE 5.0 /* seconds for which earlier files are waited for when one has failed */
#define POLL_MS 100 /* a signal that comes just before the call is noticed so late */

enum state { PENDING, WAITING, RUNNING, DONE, FAILED, STOPPED };

/* One file. A round is to ask each place that may have it once. */
struct job {
	struct download *d;
	enum state state;
	struct strvec places; /* URLs, in the order of this round */
	size_t at; /* the one that is asked */
	unsigned rounds; /* that are behind */
	unsigned tries; /* how often d->url itself was asked */
	bool passing; /* something that went wrong in this round may pass */
	bool whole_again; /* it was fetched anew since what was pieced together was wrong */
	double wait; /* seconds, what servers asked for in this round */
	double not_before;
	struct partial part;
	struct attempt a;
	uint64_t received;
	struct err why; /* what was wrong at d->url */
};

struct batch {
	const struct curl_api *api;
	CURLM *multi;
	const struct download_limits *l;
	const char *what;
	struct job *jobs;
	size_t n;
	size_t next; /* the first that was not begun */
	size_t failed; /* the first that failed, n: none has */
	double failed_at; /* when the first did */
	double shown;
};

/* ---- one file ---- */

/* Is it known what it must be? Then it can be pieced together. */
static bool is_fixed(const struct job *j)
{
	return j->d->verify && !j->d->moving;
}

static void finish(struct job *j, enum state state)
{
	j->state = state;
	partial_close(&j->part, true);
	strvec_free(&j->places);
}

/* What is there of the others stays, but the rest is not waited for. */
static void fail(struct batch *b, struct job *j)
{
	size_t i = (size_t)(j - b->jobs);

	finish(j, FAILED);
	if (j->d->failure)
		*j->d->failure = j->why;
	if (j->d->failure || i >= b->failed)
		return;
	if (b->failed == b->n)
		b->failed_at = monotonic_seconds();
	b->failed = i;
	for (size_t k = i + 1; k < b->n; k++)
		if (b->jobs[k].state == RUNNING || b->jobs[k].state == WAITING) {
			attempt_stop(&b->jobs[k].a, b->multi);
			finish(&b->jobs[k], STOPPED);
		}
}

static int open_curl(struct batch *b, struct err *e)
{
	int r = b->multi ? 0 : curl_library(&b->api, e);

	if (r == 0 && !b->multi)
		b->multi = b->api->multi_init();
	return r < 0 || b->multi ? r : err_set(e, -ENOMEM, "libcurl cannot be started");
}

static void ask(struct batch *b, struct job *j)
{
	if (open_curl(b, &j->why) < 0) {
		fail(b, j);
		return;
	}
	j->a.api = b->api;
	j->a.url = j->places.v[j->at];
	j->a.part = &j->part;
	j->a.max_bytes = j->d->max_bytes ? j->d->max_bytes : b->l->max_bytes;
	j->state = RUNNING;
	if (streq(j->a.url, j->d->url))
		j->tries++;
	/* what was left can be of a file that was longer; what has no hash must not be pieced */
	if (!is_fixed(j) || (j->a.max_bytes && j->part.size > j->a.max_bytes))
		partial_restart(&j->part);
	if (attempt_begin(&j->a, b->multi, b->l, &j->why) < 0)
		fail(b, j);
}

/* Begin another round, or, with `same`, ask the same place again, in a while. */
static void ask_later(struct batch *b, struct job *j, bool same)
{
	double backoff = b->l->backoff_ms / 1000.0;

	for (unsigned i = 0; i < j->rounds && backoff < WAIT_MAX; i++)
		backoff *= 2;
	if (backoff < j->wait)
		backoff = j->wait;
	j->not_before = monotonic_seconds() + (backoff < WAIT_MAX ? backoff : WAIT_MAX);
	j->rounds++;
	j->wait = 0;
	j->state = WAITING;
	if (same)
		return;
	j->at = 0;
	j->passing = false;
	strvec_reset(&j->places);
	mirrors_places(b->l->mirrors, j->d->url, &j->places);
}

static bool may_try_again(const struct batch *b, const struct job *j)
{
	return j->rounds < b->l->retries && !mirrors_given_up(b->l->mirrors, j->d->url);
}

/* The place that was asked does not give it: whoever is next? */
static void ask_next(struct batch *b, struct job *j)
{
	if (b->l->mirrors)
		mirrors_failed(b->l->mirrors, j->a.url);
	if (++j->at < j->places.n) {
		ask(b, j);
	} else if (j->passing && may_try_again(b, j)) {
		ask_later(b, j, false);
	} else {
		if (j->passing)
			mirrors_give_up(b->l->mirrors, j->d->url);
		if (j->tries > 1) {
			size_t n = strcspn(j->why.text, "\n");
			_cleanup_free_ char *text = xasprintf("%.*s (tried %u times)%s", (int)n,
				j->why.text, j->tries, j->why.text + n);

			err_set(&j->why, j->why.code, "%s", text);
		}
		if (j->places.n > 1)
			err_hint(&j->why,
				"its mirrors (fetch.mirrors* in pmkmod.ini) do not give it either");
		fail(b, j);
	}
}

static void tell_mirror(struct batch *b, const struct job *j)
{
	if (streq(j->a.url, j->d->url) || !b->l->progress || !j->why.code ||
		!mirrors_tell(b->l->mirrors, j->d->url))
		return;
	progress_note(b->l->progress, "%.*s; %s is used instead", (int)strcspn(j->why.text, "\n"),
		j->why.text, j->a.url);
}

/* All bytes are there: are they the right ones? */
static void complete(struct batch *b, struct job *j)
{
	struct err why = ERR_INIT;
	int r = j->d->verify ? j->d->verify(j->d->ctx, j->part.path, &why) : 0;

	/* it is looked at again in the next run */
	if (interrupted())
		return;
	if (r == 0 && partial_complete(&j->part, j->d->path, &why) < 0) {
		j->why = why;
		fail(b, j);
	} else if (r == 0) {
		tell_mirror(b, j);
		finish(j, DONE);
	} else if (j->part.before && !j->whole_again) {
		/* the file on the server may be another one now, or the disk was full */
		j->whole_again = true;
		partial_restart(&j->part);
		ask(b, j);
	} else {
		partial_restart(&j->part);
		if (streq(j->a.url, j->d->url) || !j->why.code)
			j->why = why;
		ask_next(b, j);
	}
}

/* A server that says no length, and is cut: what came is the beginning of a package or an archive.
 */
static bool is_cut(const struct job *j)
{
	static const char *const begins[] = {"\x1f\x8b", "BZh",
		"\xfd"
		"7zXZ",
		"PK\3\4"};
	_cleanup_close_ int fd = open(j->part.path, O_RDONLY | O_CLOEXEC);
	char head[8] = "";

	if (!is_fixed(j) || j->part.size >= j->d->size || fd < 0 ||
		read(fd, head, sizeof(head) - 1) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(begins); i++)
		if (strncmp(head, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

static void ended(struct batch *b, struct job *j, CURLcode code)
{
	struct err why;
	enum attempt_end end = attempt_finish(&j->a, b->multi, code, &why);
	bool own = streq(j->a.url, j->d->url);

	j->received += j->a.received;
	if (end == ATTEMPT_DONE && is_cut(j)) {
		end = ATTEMPT_AGAIN;
		err_exit(&why, EXIT_NETWORK, -ENETUNREACH, "%s ended after %llu of %llu bytes",
			j->a.url, (unsigned long long)j->part.size, (unsigned long long)j->d->size);
	}
	if (own || j->a.error < 0)
		j->why = why;
	if (j->a.error == -EFBIG && j->d->verify) {
		/* not what the index says: another place may have the right one */
		partial_restart(&j->part);
		ask_next(b, j);
	} else if (end == ATTEMPT_DONE) {
		complete(b, j);
	} else if (end == ATTEMPT_RESTART) {
		partial_restart(&j->part);
		ask(b, j);
	} else if (j->a.error < 0 || (own && end == ATTEMPT_FAILED) ||
		   (own && end == ATTEMPT_ABSENT && !is_fixed(j))) {
		/* our own trouble, or an answer that there is no doubt of */
		partial_restart(&j->part);
		fail(b, j);
	} else if (end == ATTEMPT_AGAIN) {
		j->passing = true;
		if (j->wait < j->a.retry_after_s)
			j->wait = j->a.retry_after_s;
		/* one that gave something is better than one that would begin anew */
		if (is_fixed(j) && j->a.received && may_try_again(b, j))
			ask_later(b, j, true);
		else
			ask_next(b, j);
	} else {
		ask_next(b, j);
	}
}

/* ---- all files ---- */

static void begin(struct batch *b, struct job *j)
{
	_cleanup_free_ char *local = file_url_path(j->d->url);
	uint64_t max = j->d->max_bytes ? j->d->max_bytes : b->l->max_bytes;

	j->part = (struct partial)PARTIAL_INIT;
	if (is_fixed(j) && fs_exists(j->d->path)) {
		j->state = DONE;
		return;
	}
	mirrors_places(b->l->mirrors, j->d->url, &j->places);
	if (partial_open(&j->part, j->d->path, is_fixed(j) && !local, &j->why) < 0) {
		fail(b, j);
	} else if (local) {
		int r = partial_copy(&j->part, local, max, &j->why);

		if (r == 0 && j->d->verify)
			r = j->d->verify(j->d->ctx, j->part.path, &j->why);
		if (r == 0)
			r = partial_complete(&j->part, j->d->path, &j->why);
		if (r < 0)
			fail(b, j);
		else
			finish(j, DONE);
	} else if (j->d->size && j->part.size == j->d->size) {
		/* it was killed between the last byte and the name */
		j->a.url = j->places.v[0];
		j->state = RUNNING;
		complete(b, j);
	} else {
		ask(b, j);
	}
}

static size_t active(const struct batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->next; i++)
		n += b->jobs[i].state == RUNNING || b->jobs[i].state == WAITING;
	return n;
}

/* Is there anything left that decides what download_all() says? */
static bool going_on(const struct batch *b)
{
	if (b->failed == b->n)
		return b->next < b->n || active(b) > 0;
	/* the first of the list that fails is told, but nobody waits long to hear it */
	if (monotonic_seconds() - b->failed_at > GRACE)
		return false;
	for (size_t i = 0; i < b->failed; i++)
		if (b->jobs[i].state == WAITING || b->jobs[i].state == RUNNING)
			return true;
	return false;
}

/* Begin what can be begun; how many milliseconds until more can be? */
static int begin_more(struct batch *b)
{
	double now = monotonic_seconds(), wait = POLL_MS / 1000.0;
	size_t parallel = b->l->parallel ? b->l->parallel : 1;

	for (size_t i = 0; i < b->next; i++) {
		struct job *j = &b->jobs[i];

		if (j->state == WAITING && j->not_before <= now)
			ask(b, j);
		else if (j->state == WAITING && j->not_before - now < wait)
			wait = j->not_before - now;
	}
	while (b->failed == b->n && b->next < b->n && active(b) < parallel) {
		b->next++;
		begin(b, &b->jobs[b->next - 1]);
	}
	return (int)(wait * 1000) + 1;
}

static void show(struct batch *b)
{
	_cleanup_strbuf_ struct strbuf text = {0};
	uint64_t have = 0, all = 0;
	double again = 0;
	size_t done = 0;
	bool known = true, running = false;

	if (!b->l->progress || monotonic_seconds() - b->shown < POLL_MS / 1000.0)
		return;
	b->shown = monotonic_seconds();
	for (size_t i = 0; i < b->n; i++) {
		const struct job *j = &b->jobs[i];
		uint64_t length = j->d->size ? j->d->size : attempt_length(&j->a);

		done += j->state == DONE;
		have += j->state == DONE ? length : j->part.size;
		all += length;
		known = known && length;
		running = running || j->state == RUNNING;
		if (j->state == WAITING && (again == 0 || again > j->not_before))
			again = j->not_before;
	}
	if (b->n > 1)
		strbuf_addf(&text, "%zu of %zu %s, ", done, b->n, b->what);
	else
		strbuf_addf(&text, "%s, ", path_base(b->jobs[0].d->url));
	download_show_bytes(&text, have, known ? all : 0);
	if (!running && again > b->shown + 1)
		strbuf_addf(&text, ", tried again in %.0f s", again - b->shown);
	progress_detail(b->l->progress, "%s", text.s);
}

/* false: none has */
static bool take_ended(struct batch *b)
{
	bool any = false;
	CURLMsg *m;
	int left;

	while ((m = b->api->multi_info_read(b->multi, &left))) {
		CURLcode code = m->data.result;
		const CURL *h = m->easy_handle;

		any = true;
		for (size_t i = 0; i < b->next; i++)
			if (b->jobs[i].a.h == h) {
				ended(b, &b->jobs[i], code);
				break;
			}
	}
	return any;
}

static void transfer(struct batch *b)
{
	while (!interrupted()) {
		int wait = begin_more(b), running;

		if (!going_on(b))
			return;
		/* none was needed for files of this machine */
		if (!b->multi)
			continue;
		b->api->multi_perform(b->multi, &running);
		show(b);
		/* where one has ended, another one can begin */
		if (!take_ended(b))
			b->api->multi_poll(b->multi, NULL, 0, wait, NULL);
	}
}

static void sweep(const struct download *v, size_t n)
{
	_cleanup_free_ char *last = NULL;

	for (size_t i = 0; i < n; i++) {
		char *dir = xstrndup(v[i].path, (size_t)(path_base(v[i].path) - v[i].path));

		if (*dir && (!last || !streq(dir, last)))
			partial_sweep(dir);
		free(last);
		last = dir;
	}
}

static int tell(const struct batch *b, struct err *e)
{
	const struct job *j;

	if (interrupted()) {
		size_t i = 0;

		while (i + 1 < b->next && b->jobs[i].state == DONE)
			i++;
		return err_exit(e, EXIT_NETWORK, -EINTR, "interrupted while downloading %s",
			b->jobs[i].d->url);
	}
	if (b->failed == b->n)
		return 0;
	j = &b->jobs[b->failed];
	if (e)
		*e = j->why;
	if (e && j->d->name)
		err_prefix(e, "%s", j->d->name);
	return j->why.code;
}

int download_all(struct download *v, size_t n, const char *what, const struct download_limits *l,
	struct download_stats *stats, struct err *e)
{
	struct batch b = {.l = l, .what = what, .n = n, .failed = n};
	double started = monotonic_seconds();
	int r;

	if (!n)
		return 0;
	b.jobs = xcalloc(n, sizeof(*b.jobs));
	for (size_t i = 0; i < n; i++)
		b.jobs[i].d = &v[i];
	sweep(v, n);
	transfer(&b);
	r = tell(&b, e);
	for (size_t i = 0; i < b.next; i++) {
		struct job *j = &b.jobs[i];

		if (j->a.h)
			j->received += j->a.received;
		attempt_stop(&j->a, b.multi);
		if (j->state == RUNNING || j->state == WAITING)
			finish(j, STOPPED);
		if (stats) {
			stats->bytes += j->received;
			stats->files += j->received > 0 && j->state == DONE;
		}
	}
	if (b.multi)
		b.api->multi_cleanup(b.multi);
	free(b.jobs);
	if (stats)
		stats->seconds += monotonic_seconds() - started;
	return r;
}

int download(const char *url, const char *path, const struct download_limits *l, struct err *e)
{
	struct download d = {.url = url, .path = path};

	return download_all(&d, 1, "files", l, NULL, e);
}

void download_show_bytes(struct strbuf *b, uint64_t bytes, uint64_t of)
{
	static const char *const units[] = {"KiB", "MiB", "GiB"};
	double unit = 1024, most = (double)(of > bytes ? of : bytes);
	size_t u = 0;

	for (; u + 1 < ARRAY_SIZE(units) && most >= unit * 1024; u++)
		unit *= 1024;
	if (of)
		strbuf_addf(b, "%.*f of ", most < unit * 100, (double)bytes / unit);
	strbuf_addf(b, "%.*f %s", most < unit * 100, (double)(of ? of : bytes) / unit, units[u]);
}
