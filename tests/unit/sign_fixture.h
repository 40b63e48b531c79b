/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of signatures share: keys, a scratch folder, the openssl program. */
#ifndef PMKMOD_SIGN_FIXTURE_H
#define PMKMOD_SIGN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/sign/parts.h"

#define KEYS "tests/unit/sign/"

static char dir[] = "/tmp/pmkmod-sign.XXXXXX";

static char *scratch(const char *name)
{
	return path_join(dir, name);
}

static struct sign_key *load(const char *name)
{
	_cleanup_free_ char *path = path_join(KEYS, name);
	struct err e = ERR_INIT;
	struct sign_key *k = NULL;

	if (sign_key_load(&k, path, &e) < 0)
		fail_msg("%s", e.text);
	return k;
}

static void write_scratch(const char *name, const void *s, size_t len)
{
	_cleanup_free_ char *path = scratch(name);

	assert_int_equal(fs_write_atomic(path, s, len, 0644, NULL), 0);
}

/* Run openssl in the scratch folder, which the keys are copied to. */
static int openssl(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int openssl(const char *fmt, ...)
{
	struct strbuf b = {0};
	va_list ap;
	int r;

	strbuf_addf(&b, "cp " KEYS "*.pem %s/ && cd %s && openssl ", dir, dir);
	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	strbuf_adds(&b, " >/dev/null 2>&1");
	r = system(b.s);
	strbuf_free(&b);
	return r;
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return fs_remove_tree(dir, NULL);
}

#endif
