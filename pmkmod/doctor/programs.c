// SPDX-License-Identifier: GPL-3.0-or-later
/* Libraries that are loaded when they are needed, programs of the host, and the clock. */
#include <sys/stat.h>
#include <time.h>

#include "pmkmod/boot/boot_parts.h"
#include "pmkmod/doctor/doctor.h"
#include "pmkmod/util/archive_library.h"
#include "pmkmod/util/curl_library.h"
#include "pmkmod/util/process.h"

static void examine_curl(struct doctor *d)
{
	const struct curl_api *api;
	struct err e = ERR_INIT;
	struct point *p;

	if (curl_library(&api, &e) == 0) {
		point_add(d, POINT_OK, "libcurl", "downloads", "it can be loaded");
		return;
	}
	p = point_add(
		d, POINT_LACKS, "libcurl", "downloads", "%.*s", (int)strcspn(e.text, "\n"), e.text);
	point_mend_take(p, host_install(&d->host, WARE_CURL, NULL));
}

static void examine_archive(struct doctor *d)
{
	static const char use[] = "sources that are archives or packages";
	struct err e = ERR_INIT;
	struct point *p;

	if (archive_library_load(&e) == 0) {
		point_add(d, POINT_OK, "libarchive", use, "it can be loaded");
		return;
	}
	p = point_add(d, POINT_NOTE, "libarchive", use, "%.*s", (int)strcspn(e.text, "\n"), e.text);
	point_mend_take(p, host_install(&d->host, WARE_ARCHIVE, NULL));
}

static void examine_program(struct doctor *d, const char *program, const char *use, enum ware w,
	const struct arch_info *a)
{
	_cleanup_free_ char *path = program_on_path(program);
	struct point *p;

	if (path) {
		point_add(d, POINT_OK, program, use, "%s", path);
		return;
	}
	p = point_add(d, POINT_NOTE, program, use, "it is not on PATH");
	point_mend_take(p, host_install(&d->host, w, a));
}

/* A board for each architecture; several share a program. */
static void examine_systems(struct doctor *d)
{
	_cleanup_strvec_ struct strvec seen = {0};

	for (size_t i = 0; i < d->n_needed; i++) {
		const struct arch_info *a = d->needed[i];
		const struct board *b = board_for(a);

		if (!b || strvec_has(&seen, b->program))
			continue;
		strvec_add(&seen, b->program);
		examine_program(d, b->program, "`pmkmod boot` alone", WARE_QEMU_SYSTEM, a);
	}
}

static void examine_pmbootstrap(struct doctor *d)
{
	static const char use[] = "devices, mirrors and keys; optional";
	const char *command = config_get(d->x->config, "pmbootstrap", "command");
	_cleanup_free_ char *path = command ? program_on_path(command) : NULL;
	struct point *p;

	if (path) {
		point_add(d, POINT_OK, "pmbootstrap", use, "%s", path);
		return;
	}
	p = point_add(d, POINT_NOTE, "pmbootstrap", use,
		"it is not on PATH; [pmbootstrap] of pmkmod.ini can say what it knows");
	point_mend(p, "git clone https://gitlab.postmarketos.org/postmarketOS/pmbootstrap.git");
}

/* The compilers of toolchain.native = host, whose builds are made with what this machine has. */
static void examine_compilers(struct doctor *d)
{
	for (size_t i = 0; d->x->native_host && i < d->n_needed; i++) {
		const struct arch_info *a = d->needed[i];
		_cleanup_free_ char *key = xasprintf("host_cross_%s", a->alpine);
		const char *prefix =
			arch_runs_natively(a) ? "" : config_get(d->x->config, "toolchain", key);
		_cleanup_free_ char *gcc = xasprintf("%sgcc", prefix ? prefix : "");
		_cleanup_free_ char *path = prefix ? program_on_path(gcc) : NULL;

		if (path)
			point_add(d, POINT_OK, gcc, "toolchain.native = host", "%s", path);
		else if (prefix)
			point_mend(point_add(d, POINT_LACKS, gcc, "toolchain.native = host",
					   "it is not on PATH"),
				"pmkmod -o toolchain.native=layer ..., or install %s", gcc);
		else
			point_mend(point_add(d, POINT_LACKS, key, "toolchain.native = host",
					   "toolchain.%s of pmkmod.ini names no compiler", key),
				"pmkmod -o toolchain.native=layer ...");
	}
}

/* Certificates of servers are not valid before the program was made, on a clock that starts at 1970
 * say. A day is left to those who copy files between machines. */
static void examine_clock(struct doctor *d)
{
	static const char use[] = "certificates of servers, times in packages";
	struct stat st;
	time_t now = time(NULL);
	char text[32];
	struct tm tm;

	if (stat("/proc/self/exe", &st) < 0)
		return;
	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm);
	if (now + 86400 >= st.st_mtime) {
		point_add(d, POINT_OK, "clock", use, "%s", text);
		return;
	}
	point_mend_take(
		point_add(d, POINT_NOTE, "clock", use, "%s is before pmkmod itself was made", text),
		host_as_root(&d->host, "date -s 'YYYY-MM-DD HH:MM'"));
}

void examine_programs(struct doctor *d)
{
	examine_curl(d);
	examine_archive(d);
	examine_program(d, "patch", "recipes and aports with patches", WARE_PATCH, NULL);
	examine_program(d, "git", "sources that are git repositories", WARE_GIT, NULL);
	examine_program(d, "ssh", "`pmkmod sideload` and `phone` alone", WARE_SSH, NULL);
	examine_program(d, "scp", "`pmkmod sideload` alone", WARE_SSH, NULL);
	examine_systems(d);
	examine_pmbootstrap(d);
	examine_compilers(d);
	examine_clock(d);
}
