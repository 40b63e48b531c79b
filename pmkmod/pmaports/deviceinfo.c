// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * deviceinfo, by the rules of pmbootstrap's parser: lines that begin with "deviceinfo_" count, cut
 * at the first '='; all double quotes are dropped; nothing is expanded; the last line wins. It
 * opens the file in text mode, so that CR LF and CR end a line, too.
 */
#include "pmkmod/pmaports/pmaports.h"

#define PREFIX "deviceinfo_"
#define KEYS_MAX 10000

/* Drop the quotes and the blanks around, in place. */
static char *value_of(char *raw)
{
	char *out = raw;

	for (const char *in = raw; *in; in++)
		if (*in != '"')
			*out++ = *in;
	*out = '\0';
	return str_strip(raw);
}

static int take_line(struct deviceinfo *d, char *line, unsigned number, struct err *e)
{
	char *eq = strchr(line, '=');

	if (!eq)
		return err_set(e, -EINVAL, "line %u: '%.60s' has no '='", number, line);
	if (d->n >= KEYS_MAX)
		return err_set(e, -EINVAL, "it has more than %d keys", KEYS_MAX);
	*eq = '\0';
	if ((d->n & (d->n - 1)) == 0) {
		size_t room = d->n ? 2 * d->n : 1;

		d->keys = xrealloc(d->keys, room, sizeof(*d->keys));
		d->values = xrealloc(d->values, room, sizeof(*d->values));
	}
	d->keys[d->n] = line + strlen(PREFIX);
	d->values[d->n++] = value_of(eq + 1);
	return 0;
}

int deviceinfo_parse(struct deviceinfo *d, const char *text, size_t len, struct err *e)
{
	char *line, *next;
	unsigned number = 0;
	int r = 0;

	*d = (struct deviceinfo){0};
	if (memchr(text, '\0', len))
		return err_set(e, -EINVAL, "it has a NUL byte in it: that is no deviceinfo");
	d->text = xstrndup(text, len);
	for (line = d->text; r == 0 && *line; line = next) {
		next = line + strcspn(line, "\r\n");
		if (*next == '\r' && next[1] == '\n')
			*next++ = '\0';
		if (*next)
			*next++ = '\0';
		number++;
		if (starts_with(line, PREFIX))
			r = take_line(d, line, number, e);
	}
	if (r < 0)
		deviceinfo_free(d);
	return r;
}

static const char *find(const struct deviceinfo *d, const char *key)
{
	for (size_t i = d->n; i-- > 0;)
		if (streq(d->keys[i], key))
			return d->values[i];
	return NULL;
}

const char *deviceinfo_get(const struct deviceinfo *d, const char *key, const char *variant)
{
	_cleanup_free_ char *suffixed = variant ? xasprintf("%s_%s", key, variant) : NULL;
	const char *found = NULL;

	/* deviceinfo_dtb_main_line is that of the kernel main-line */
	for (char *c = suffixed; c && *c; c++)
		if (*c == '-')
			*c = '_';
	if (suffixed)
		found = find(d, suffixed);
	return found ? found : find(d, key);
}

void deviceinfo_free(struct deviceinfo *d)
{
	free(d->text);
	free(d->keys);
	free(d->values);
	*d = (struct deviceinfo){0};
}
