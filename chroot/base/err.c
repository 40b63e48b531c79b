// SPDX-License-Identifier: GPL-3.0-or-later
#define ERR_IMPLEMENTATION
#include "chroot/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What a stranger named goes to a terminal: of control characters only the end of a line is left.
 */
static void __attribute__((format(printf, 3, 0)))
print(char *text, size_t size, const char *fmt, va_list ap)
{
	vsnprintf(text, size, fmt, ap);
	for (char *c = text; *c; c++)
		if (((unsigned char)*c < ' ' && *c != '\n' && *c != '\t') || *c == 0x7f)
			*c = '?';
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	e->code = code;
	va_start(ap, fmt);
	print(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return code;
}

int err_exit(struct err *e, int exit_code, int code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	e->code = code;
	e->exit_code = exit_code;
	va_start(ap, fmt);
	print(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return code;
}

static void append(struct err *e, const char *text)
{
	size_t used = strlen(e->text);

	snprintf(e->text + used, sizeof(e->text) - used, "%s", text);
}

int err_errno(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	e->code = code;
	va_start(ap, fmt);
	print(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	append(e, ": ");
	append(e, strerror(-code));
	return code;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX];
	va_list ap;

	if (!e)
		return -EIO;
	memcpy(old, e->text, sizeof(old));
	va_start(ap, fmt);
	print(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	append(e, ": ");
	append(e, old);
	return e->code;
}

int err_hint(struct err *e, const char *fmt, ...)
{
	char hint[ERR_TEXT_MAX];
	va_list ap;

	if (!e)
		return -EIO;
	va_start(ap, fmt);
	print(hint, sizeof(hint), fmt, ap);
	va_end(ap);
	append(e, "\n");
	append(e, hint);
	return e->code;
}

void err_clear(struct err *e)
{
	if (!e)
		return;
	e->code = 0;
	e->exit_code = 0;
	e->text[0] = '\0';
}
