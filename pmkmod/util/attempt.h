/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request for one file, which may be the rest of one; for download.c. */
#ifndef PMKMOD_ATTEMPT_H
#define PMKMOD_ATTEMPT_H

#include "pmkmod/util/curl_library.h"
#include "pmkmod/util/download.h"
#include "pmkmod/util/partial.h"

enum attempt_end {
	ATTEMPT_DONE, /* all bytes are there */
	ATTEMPT_AGAIN, /* what may pass */
	ATTEMPT_RESTART, /* what is there cannot be gone on with: empty it and ask again */
	ATTEMPT_ELSEWHERE, /* no use to ask this server again, but another one may have it */
	ATTEMPT_ABSENT, /* the same: 404, 410 */
	ATTEMPT_FAILED, /* no use to ask anybody */
};

/* Response headers of the answer under way (RFC 9110). */
struct answer {
	char etag[256], last_modified[64];
	uint64_t range_start, length; /* Content-Range; length of the whole, 0: not known */
	bool has_range;
};

struct attempt {
	const struct curl_api *api;
	const char *url;
	struct partial *part;
	uint64_t max_bytes; /* 0: none */
	CURL *h; /* NULL: none under way */
	struct curl_slist *headers;
	struct answer answer;
	uint64_t from; /* asked for what is behind so many bytes */
	uint64_t received;
	bool answered; /* the body has begun */
	int error; /* negative errno of what was done with it, or 0 */
	unsigned retry_after_s; /* what the server asks for, 0: nothing */
};

/* Ask for what `a->part` does not have yet. `api`, `url`, `part` and `max_bytes` are set. */
int attempt_begin(struct attempt *a, CURLM *multi, const struct download_limits *l, struct err *e);
/* It has ended with `code`: what came of it; `e` says why if it is not done. */
enum attempt_end attempt_finish(struct attempt *a, CURLM *multi, CURLcode code, struct err *e);
/* Stop it; fine if there is none. */
void attempt_stop(struct attempt *a, CURLM *multi);
/* How long the whole file is as far as its server says; 0: not known. */
uint64_t attempt_length(const struct attempt *a);

#endif
