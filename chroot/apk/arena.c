// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/apk/arena.h"

#include <stdalign.h>

#define CHUNK_SIZE (256U << 10)

struct arena {
	void **blocks; /* everything to free */
	size_t n, cap;
	char *chunk; /* the present one, with `left` bytes at its end */
	size_t left;
};

struct arena *arena_new(void)
{
	return xcalloc(1, sizeof(struct arena));
}

void arena_adopt(struct arena *a, void *p)
{
	if (a->n == a->cap) {
		a->cap = a->cap ? 2 * a->cap : 16;
		a->blocks = xrealloc(a->blocks, a->cap, sizeof(*a->blocks));
	}
	a->blocks[a->n++] = p;
}

void *arena_alloc(struct arena *a, size_t size)
{
	char *p;

	if (size > SIZE_MAX / 2)
		abort();
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (size > CHUNK_SIZE / 4) {
		p = xrealloc(NULL, size, 1);
		arena_adopt(a, p);
		return p;
	}
	if (size > a->left) {
		a->chunk = xrealloc(NULL, CHUNK_SIZE, 1);
		a->left = CHUNK_SIZE;
		arena_adopt(a, a->chunk);
	}
	p = a->chunk;
	a->chunk += size;
	a->left -= size;
	return p;
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++)
		free(a->blocks[i]);
	free(a->blocks);
	free(a);
}
