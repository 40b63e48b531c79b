// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/attempt.h"

#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/util/exit_codes.h"

#define TIMEOUT_S 60

/* ---- what the server says of the file ---- */

static void keep(char *to, size_t size, const char *value)
{
	/* one that is cut is another one */
	snprintf(to, size, "%s", strlen(value) < size ? value : "");
}

/* "bytes 100-199/200", "bytes 100-199/\*" */
static void read_range(struct answer *a, const char *value)
{
	const char *slash = strchr(value, '/');
	char *end;

	if (strncasecmp(value, "bytes ", 6) != 0 || value[6] < '0' || value[6] > '9')
		return;
	a->range_start = strtoull(value + 6, &end, 10);
	a->has_range = *end == '-' && slash;
	a->length = a->has_range ? strtoull(slash + 1, NULL, 10) : 0;
}

static size_t on_header(char *data, size_t size, size_t n, void *user)
{
	struct attempt *a = user;
	_cleanup_free_ char *line = xstrndup(data, size * n);
	char *colon = strchr(line, ':');
	char *value;

	/* a redirect or 100 Continue was before it */
	if (starts_with(line, "HTTP/"))
		a->answer = (struct answer){0};
	if (!colon)
		return size * n;
	*colon = '\0';
	value = str_strip(colon + 1);
	if (strcasecmp(line, "ETag") == 0)
		keep(a->answer.etag, sizeof(a->answer.etag), value);
	else if (strcasecmp(line, "Last-Modified") == 0)
		keep(a->answer.last_modified, sizeof(a->answer.last_modified), value);
	else if (strcasecmp(line, "Content-Range") == 0)
		read_range(&a->answer, value);
	return size * n;
}

/* If-Range takes no weak ETag (RFC 9110, 13.1.5). */
static const char *validator(const struct answer *a)
{
	if (a->etag[0] == '"')
		return a->etag;
	return a->last_modified[0] ? a->last_modified : NULL;
}

/* The first bytes of a body: are they the rest, or the file from its beginning? */
static int begin_body(struct attempt *a)
{
	long status = 0;
	int r;

	a->api->getinfo(a->h, CURLINFO_RESPONSE_CODE, &status);
	a->answered = true;
	if (status == 206)
		return a->answer.has_range && a->answer.range_start == a->from ? 0 : -ESTALE;
	r = a->part->size ? partial_restart(a->part) : 0;
	partial_set_validator(a->part, validator(&a->answer));
	return r;
}

static size_t on_data(char *data, size_t size, size_t n, void *user)
{
	struct attempt *a = user;
	size_t len = size * n;

	if (!a->answered)
		a->error = begin_body(a);
	if (a->error == 0 && a->max_bytes && a->part->size + len > a->max_bytes)
		a->error = -EFBIG;
	if (a->error == 0)
		a->error = partial_write(a->part, data, len);
	if (a->error < 0)
		return 0;
	a->received += len;
	return len;
}

/* ---- asking ---- */

static void ask_for_rest(struct attempt *a)
{
	_cleanup_free_ char *range = xasprintf("%llu-", (unsigned long long)a->from);
	_cleanup_free_ char *if_range = NULL;

	/* not CURLOPT_RESUME_FROM: with it libcurl refuses the whole file, which If-Range may bring
	 */
	a->api->setopt(a->h, CURLOPT_RANGE, range);
	if (!a->part->validator)
		return;
	if_range = xasprintf("If-Range: %s", a->part->validator);
	a->headers = a->api->slist_append(NULL, if_range);
	a->api->setopt(a->h, CURLOPT_HTTPHEADER, a->headers);
}

int attempt_begin(struct attempt *a, CURLM *multi, const struct download_limits *l, struct err *e)
{
	const struct curl_api *api = a->api;
	long timeout = (long)(l->timeout_s ? l->timeout_s : TIMEOUT_S);
	CURL *h = a->h = api->easy_init();

	if (!h)
		return err_set(e, -ENOMEM, "libcurl cannot be started");
	a->answer = (struct answer){0};
	a->from = a->part->before = a->part->size;
	a->received = 0;
	a->answered = false;
	a->error = 0;
	a->retry_after_s = 0;
	api->setopt(h, CURLOPT_URL, a->url);
	api->setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
	api->setopt(h, CURLOPT_MAXREDIRS, 5L);
	/* a redirect must not lead to file:// or worse */
	api->setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	api->setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	api->setopt(h, CURLOPT_FAILONERROR, 1L);
	api->setopt(h, CURLOPT_NOSIGNAL, 1L);
	api->setopt(h, CURLOPT_CONNECTTIMEOUT, timeout);
	api->setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
	api->setopt(h, CURLOPT_LOW_SPEED_TIME, timeout);
	api->setopt(h, CURLOPT_USERAGENT, "pmkmod/" PMKMOD_VERSION);
	api->setopt(h, CURLOPT_HEADERFUNCTION, on_header);
	api->setopt(h, CURLOPT_HEADERDATA, a);
	api->setopt(h, CURLOPT_WRITEFUNCTION, on_data);
	api->setopt(h, CURLOPT_WRITEDATA, a);
	if (a->from)
		ask_for_rest(a);
	if (api->multi_add(multi, h) == CURLM_OK)
		return 0;
	attempt_stop(a, multi);
	return err_set(e, -ENOMEM, "libcurl does not take the download of %s", a->url);
}

void attempt_stop(struct attempt *a, CURLM *multi)
{
	if (!a->h)
		return;
	/* a resolver that waits for its answer is not waited for */
	a->api->setopt(a->h, CURLOPT_QUICK_EXIT, interrupted() ? 1L : 0L);
	a->api->multi_remove(multi, a->h);
	a->api->cleanup(a->h);
	a->api->slist_free(a->headers);
	a->h = NULL;
	a->headers = NULL;
}

uint64_t attempt_length(const struct attempt *a)
{
	curl_off_t length = -1;

	if (a->answer.length || !a->h || !a->answered)
		return a->answer.length;
	a->api->getinfo(a->h, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	return length > 0 ? (uint64_t)length + (a->answer.has_range ? a->from : 0) : 0;
}

/* ---- what came of it ---- */

static enum attempt_end of_status(const struct attempt *a, long status, struct err *e)
{
	static const long passing[] = {408, 425, 429, 500, 502, 503, 504};

	if (status == 416 && a->from)
		return ATTEMPT_RESTART;
	if (status == 404 || status == 410) {
		err_set(e, -ENOENT, "%s: the server answers %ld (it does not have this file)",
			a->url, status);
		return ATTEMPT_ABSENT;
	}
	err_set(e, -ENETUNREACH, "%s: the server answers %ld", a->url, status);
	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		if (status == passing[i])
			return ATTEMPT_AGAIN;
	return status >= 500 ? ATTEMPT_ELSEWHERE : ATTEMPT_FAILED;
}

static enum attempt_end of_network(const struct attempt *a, CURLcode code, struct err *e)
{
	static const CURLcode passing[] = {CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST,
		CURLE_COULDNT_CONNECT, CURLE_PARTIAL_FILE, CURLE_OPERATION_TIMEDOUT,
		CURLE_SSL_CONNECT_ERROR, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR,
		CURLE_HTTP2, CURLE_HTTP2_STREAM};

	err_set(e, -ENETUNREACH,
		"cannot download %s: %s\n"
		"check the network, or the repositories of this channel in pmkmod.ini",
		a->url, a->api->strerror(code));
	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		if (code == passing[i])
			return ATTEMPT_AGAIN;
	return ATTEMPT_ELSEWHERE;
}

/* Of our own doing: too long, no space. */
static enum attempt_end of_error(const struct attempt *a, struct err *e)
{
	if (a->error == -EFBIG)
		err_exit(e, EXIT_UNTRUSTED, -EFBIG,
			"%s is longer than the %llu bytes expected: not taken", a->url,
			(unsigned long long)a->max_bytes);
	else {
		err_errno(e, a->error, "cannot write what %s gives", a->url);
		if (e)
			e->exit_code = a->error == -ENOSPC || a->error == -EDQUOT ? EXIT_NO_SPACE
										  : EXIT_GENERAL;
	}
	return ATTEMPT_FAILED;
}

/* The end of an answer that libcurl has nothing against. */
static enum attempt_end of_whole(struct attempt *a, struct err *e)
{
	/* a file that is empty now */
	if (!a->answered && a->from)
		a->error = partial_restart(a->part);
	if (a->error < 0)
		return of_error(a, e);
	if (a->answer.length <= a->part->size)
		return ATTEMPT_DONE;
	err_set(e, -ENETUNREACH, "cannot download %s: the server sent only a part of it", a->url);
	return ATTEMPT_AGAIN;
}

enum attempt_end attempt_finish(struct attempt *a, CURLM *multi, CURLcode code, struct err *e)
{
	curl_off_t wait = 0;
	long status = 0;
	enum attempt_end end;

	err_clear(e);
	a->api->getinfo(a->h, CURLINFO_RESPONSE_CODE, &status);
	a->api->getinfo(a->h, CURLINFO_RETRY_AFTER, &wait);
	a->retry_after_s = wait > 0 && wait < 86400 ? (unsigned)wait : 0;
	if (a->error == -ESTALE && a->from)
		end = ATTEMPT_RESTART;
	else if (a->error == -ESTALE)
		end = of_network(a, CURLE_WEIRD_SERVER_REPLY, e);
	else if (a->error < 0)
		end = of_error(a, e);
	else if (code == CURLE_OK)
		end = of_whole(a, e);
	else if (code == CURLE_HTTP_RETURNED_ERROR)
		end = of_status(a, status, e);
	else
		end = of_network(a, code, e);
	attempt_stop(a, multi);
	if (e && e->code && !e->exit_code)
		e->exit_code = EXIT_NETWORK;
	return end;
}
