// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/export/hardware.h"

#include <ctype.h>

/* Nobody's modules have so many kinds; what is beyond is counted as "more". */
#define BUSES_MAX 32
#define BUS_NAME_MAX 24

struct bus {
	char name[BUS_NAME_MAX];
	size_t n;
};

bool hardware_alias(const char *alias)
{
	return strchr(alias, ':') && !starts_with(alias, "devname:");
}

/* "acpi*:PNP0C0A:*" is acpi's. Whatever else stands there is not shown. */
static void bus_of(const char *alias, char name[BUS_NAME_MAX])
{
	size_t n = 0;

	while (n < BUS_NAME_MAX - 1 && (isalnum((unsigned char)alias[n]) || alias[n] == '_'))
		n++;
	if (n && (alias[n] == ':' || alias[n] == '*'))
		snprintf(name, BUS_NAME_MAX, "%.*s", (int)n, alias);
	else
		snprintf(name, BUS_NAME_MAX, "other");
}

char *hardware_text(const struct strvec *aliases)
{
	struct bus buses[BUSES_MAX + 1] = {0};
	_cleanup_strbuf_ struct strbuf b = {0};
	size_t n = 0;

	for (size_t i = 0; i < aliases->n; i++) {
		char name[BUS_NAME_MAX];
		size_t k = 0;

		if (!hardware_alias(aliases->v[i]))
			continue;
		bus_of(aliases->v[i], name);
		while (k < n && !streq(buses[k].name, name))
			k++;
		if (k >= BUSES_MAX) {
			k = BUSES_MAX;
			snprintf(name, sizeof(name), "more");
		}
		if (k == n) {
			memcpy(buses[k].name, name, sizeof(name));
			n++;
		}
		buses[k].n++;
	}
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&b, "%s%s %zu", i ? ", " : "", buses[i].name, buses[i].n);
	return b.len ? strbuf_steal(&b) : NULL;
}
