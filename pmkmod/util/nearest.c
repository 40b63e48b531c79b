// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/nearest.h"

#define WORD_MAX 128

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment distance: insert, delete, replace, swap neighbours. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	size_t n = strnlen(a, WORD_MAX), m = strnlen(b, WORD_MAX);

	for (size_t j = 0; j <= m; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned cost = a[i - 1] != b[j - 1];

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
	}
	return rows[n % 3][m];
}

struct candidate {
	const char *name;
	unsigned score;
};

static int by_score(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->score != y->score)
		return x->score < y->score ? -1 : 1;
	return strcmp(x->name, y->name);
}

size_t nearest_names(const char *word, const struct strvec *names, const char **out, size_t max)
{
	struct candidate *c = xcalloc(names->n, sizeof(*c));
	size_t n = 0, len = strlen(word);

	for (size_t i = 0; i < names->n; i++) {
		unsigned d = distance(word, names->v[i]);

		if (len >= 3 && strcasestr(names->v[i], word))
			d = 1;
		if (d <= 2 + len / 4)
			c[n++] = (struct candidate){names->v[i], d};
	}
	if (n)
		qsort(c, n, sizeof(*c), by_score);
	if (n > max)
		n = max;
	for (size_t i = 0; i < n; i++)
		out[i] = c[i].name;
	free(c);
	return n;
}
