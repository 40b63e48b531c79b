/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libcurl, loaded on first use: it pulls in some thirty libraries, and a build that downloads
 * nothing does not pay for them.
 */
#ifndef PMKMOD_CURL_LIBRARY_H
#define PMKMOD_CURL_LIBRARY_H

#include <curl/curl.h>

#include "chroot/base/err.h"

struct curl_api {
	CURLcode (*global_init)(long);
	CURL *(*easy_init)(void);
	CURLcode (*setopt)(CURL *, CURLoption, ...);
	CURLcode (*getinfo)(CURL *, CURLINFO, ...);
	const char *(*strerror)(CURLcode);
	void (*cleanup)(CURL *);
	struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
	void (*slist_free)(struct curl_slist *);
	CURLM *(*multi_init)(void);
	CURLMcode (*multi_add)(CURLM *, CURL *);
	CURLMcode (*multi_remove)(CURLM *, CURL *);
	CURLMcode (*multi_perform)(CURLM *, int *);
	CURLMcode (*multi_poll)(CURLM *, struct curl_waitfd *, unsigned, int, int *);
	CURLMsg *(*multi_info_read)(CURLM *, int *);
	CURLMcode (*multi_cleanup)(CURLM *);
};

/* The functions, which stay for good; -ENOSYS: libcurl is not there, or is too old (7.66). */
int curl_library(const struct curl_api **api, struct err *e);

#endif
