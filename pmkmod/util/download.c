// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/download.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/util/exit_codes.h"

/* libcurl pulls in some thirty libraries: a build that downloads nothing does not pay for them. */
struct curl_api {
	CURLcode (*global_init)(long);
	CURL *(*easy_init)(void);
	CURLcode (*setopt)(CURL *, CURLoption, ...);
	CURLcode (*perform)(CURL *);
	CURLcode (*getinfo)(CURL *, CURLINFO, ...);
	const char *(*strerror)(CURLcode);
	void (*cleanup)(CURL *);
};

static int load_curl(struct curl_api *api, struct err *e)
{
	static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
	const struct {
		const char *name;
		void *slot;
	} symbols[] = {{"curl_global_init", &api->global_init}, {"curl_easy_init", &api->easy_init},
		{"curl_easy_setopt", &api->setopt}, {"curl_easy_perform", &api->perform},
		{"curl_easy_getinfo", &api->getinfo}, {"curl_easy_strerror", &api->strerror},
		{"curl_easy_cleanup", &api->cleanup}};
	void *lib = NULL;

	for (size_t i = 0; !lib && i < ARRAY_SIZE(names); i++)
		lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return err_set(e, -ENOSYS,
			"downloading needs libcurl, which cannot be loaded (%s)\n"
			"install it: apt-get install libcurl4",
			dlerror());
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		void *p = dlsym(lib, symbols[i].name);

		if (!p)
			return err_set(e, -ENOSYS, "libcurl has no %s", symbols[i].name);
		memcpy(symbols[i].slot, &p, sizeof(p));
	}
	api->global_init(CURL_GLOBAL_DEFAULT);
	return 0;
}

struct sink {
	int fd;
	uint64_t written, max;
	int error; /* negative errno of writing, -EFBIG, or 0 */
};

static size_t on_data(char *data, size_t size, size_t n, void *user)
{
	struct sink *s = user;
	size_t len = size * n;

	if (s->max && s->written + len > s->max)
		s->error = -EFBIG;
	else
		s->error = fs_write_all(s->fd, data, len);
	if (s->error < 0)
		return 0;
	s->written += len;
	return len;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)user, (void)a, (void)b, (void)c, (void)d;
	return interrupted();
}

static int explain(const struct curl_api *api, CURL *h, CURLcode code, const struct sink *s,
	const char *url, const struct download_limits *l, struct err *e)
{
	long status = 0;

	api->getinfo(h, CURLINFO_RESPONSE_CODE, &status);
	if (e)
		e->exit_code = EXIT_NETWORK;
	if (interrupted())
		return err_set(e, -EINTR, "interrupted while downloading %s", url);
	if (s->error == -EFBIG && e)
		e->exit_code = EXIT_UNTRUSTED;
	if (s->error == -EFBIG)
		return err_set(e, -EFBIG, "%s is longer than the %llu bytes expected: not taken",
			url, (unsigned long long)l->max_bytes);
	if (s->error < 0) {
		if (e)
			e->exit_code = s->error == -ENOSPC ? EXIT_NO_SPACE : EXIT_GENERAL;
		return err_errno(e, s->error, "cannot write what %s gives", url);
	}
	if (code == CURLE_HTTP_RETURNED_ERROR)
		return err_set(e, status == 404 ? -ENOENT : -ENETUNREACH,
			"%s: the server answers %ld%s", url, status,
			status == 404 ? " (it does not have this file)" : "");
	return err_set(e, -ENETUNREACH,
		"cannot download %s: %s\n"
		"check the network, or the repositories of this channel in pmkmod.ini",
		url, api->strerror(code));
}

static int fetch_http(
	const char *url, struct sink *s, const struct download_limits *l, struct err *e)
{
	static struct curl_api api;
	CURL *h;
	CURLcode code;
	int r = 0;

	if (!api.perform) {
		struct curl_api loaded;

		r = load_curl(&loaded, e);
		if (r < 0)
			return r;
		api = loaded;
	}
	h = api.easy_init();
	if (!h)
		return err_set(e, -ENOMEM, "libcurl cannot be started");
	api.setopt(h, CURLOPT_URL, url);
	api.setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
	api.setopt(h, CURLOPT_MAXREDIRS, 5L);
	/* a redirect must not lead to file:// or worse */
	api.setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	api.setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	api.setopt(h, CURLOPT_FAILONERROR, 1L);
	api.setopt(h, CURLOPT_NOSIGNAL, 1L);
	api.setopt(h, CURLOPT_CONNECTTIMEOUT, (long)(l->timeout_s ? l->timeout_s : 60));
	api.setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
	api.setopt(h, CURLOPT_LOW_SPEED_TIME, (long)(l->timeout_s ? l->timeout_s : 60));
	api.setopt(h, CURLOPT_USERAGENT, "pmkmod/" PMKMOD_VERSION);
	api.setopt(h, CURLOPT_WRITEFUNCTION, on_data);
	api.setopt(h, CURLOPT_WRITEDATA, s);
	api.setopt(h, CURLOPT_NOPROGRESS, 0L);
	api.setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
	code = api.perform(h);
	if (code != CURLE_OK)
		r = explain(&api, h, code, s, url, l, e);
	api.cleanup(h);
	return r;
}

static int hex_value(char c)
{
	const char *digits = "0123456789abcdef";
	const char *p = c ? strchr(digits, c | 0x20) : NULL;

	return p ? (int)(p - digits) : -1;
}

char *file_url_path(const char *url)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	if (!starts_with(url, "file:///"))
		return NULL;
	for (const char *s = url + strlen("file://"); *s; s++) {
		int hi = *s == '%' ? hex_value(s[1]) : -1, lo = hi >= 0 ? hex_value(s[2]) : -1;

		if (lo >= 0) {
			strbuf_addc(&b, (char)(hi << 4 | lo));
			s += 2;
		} else {
			strbuf_addc(&b, *s);
		}
	}
	return strbuf_steal(&b);
}

static int fetch_file(const char *path, struct sink *s, struct err *e)
{
	_cleanup_close_ int in = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char buf[65536];
	ssize_t n;

	if (in < 0)
		return err_errno(e, -errno, "cannot open '%s'", path);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (on_data(buf, 1, (size_t)n, s) == 0)
			return s->error == -EFBIG
				       ? err_set(e, -EFBIG, "'%s' is longer than expected", path)
				       : err_errno(e, s->error, "cannot copy '%s'", path);
	return n < 0 ? err_errno(e, -errno, "cannot read '%s'", path) : 0;
}

int download(const char *url, const char *path, const struct download_limits *l, struct err *e)
{
	_cleanup_free_ char *tmp = xasprintf("%s.tmp.XXXXXX", path);
	_cleanup_free_ char *local = file_url_path(url);
	_cleanup_close_ int fd = mkostemp(tmp, O_CLOEXEC);
	struct sink s = {.fd = fd, .max = l->max_bytes};
	int r;

	if (fd < 0)
		return err_errno(e, -errno, "cannot create a file beside '%s'", path);
	r = local ? fetch_file(local, &s, e) : fetch_http(url, &s, l, e);
	if (r == 0 && (fchmod(fd, 0644) < 0 || rename(tmp, path) < 0))
		r = err_errno(e, -errno, "cannot keep '%s'", path);
	if (r < 0)
		unlink(tmp);
	return r;
}
