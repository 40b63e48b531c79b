// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/curl_library.h"

#include <dlfcn.h>

#include "chroot/base/str.h"

static struct curl_api loaded;

static const struct {
	const char *name;
	void *slot;
} symbols[] = {{"curl_global_init", &loaded.global_init}, {"curl_easy_init", &loaded.easy_init},
	{"curl_easy_setopt", &loaded.setopt}, {"curl_easy_getinfo", &loaded.getinfo},
	{"curl_easy_strerror", &loaded.strerror}, {"curl_easy_cleanup", &loaded.cleanup},
	{"curl_slist_append", &loaded.slist_append}, {"curl_slist_free_all", &loaded.slist_free},
	{"curl_multi_init", &loaded.multi_init}, {"curl_multi_add_handle", &loaded.multi_add},
	{"curl_multi_remove_handle", &loaded.multi_remove},
	{"curl_multi_perform", &loaded.multi_perform}, {"curl_multi_poll", &loaded.multi_poll},
	{"curl_multi_info_read", &loaded.multi_info_read},
	{"curl_multi_cleanup", &loaded.multi_cleanup}};

int curl_library(const struct curl_api **api, struct err *e)
{
	static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
	static bool ready;
	void *lib = NULL;

	*api = &loaded;
	if (ready)
		return 0;
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
	loaded.global_init(CURL_GLOBAL_DEFAULT);
	ready = true;
	return 0;
}
