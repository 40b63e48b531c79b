// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/apk/arena.h"

#include <stdalign.h>
#include <sys/mman.h>

#define CHUNK_MIN (64U << 10)
#define HUGE_PAGE (2U << 20)

struct arena {
	void **blocks; /* everything to free */
	size_t n, cap;
	char *chunk; /* the present one, with `left` bytes at its end */
	size_t left, chunk_size;
};

/*
 * Reading an index writes to every page of some twenty megabytes once; most of its time would go
 * into that many page faults. Huge pages are advice: without them it is just slower.
 */
static void *big_block(size_t size)
{
	void *p;

	if (size < HUGE_PAGE)
		return xrealloc(NULL, size, 1);
	size = (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
	p = aligned_alloc(HUGE_PAGE, size);
	if (!p)
		abort();
	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

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
	if (size > CHUNK_MIN / 4) {
		p = big_block(size);
		arena_adopt(a, p);
		return p;
	}
	if (size > a->left) {
		a->chunk_size = a->chunk_size < HUGE_PAGE ? 2 * a->chunk_size : HUGE_PAGE;
		a->chunk_size = a->chunk_size ? a->chunk_size : CHUNK_MIN;
		a->chunk = big_block(a->chunk_size);
		a->left = a->chunk_size;
		arena_adopt(a, a->chunk);
	}
	p = a->chunk;
	a->chunk += size;
	a->left -= size;
	return p;
}

void arena_reserve(struct strbuf *b, size_t size)
{
	if (b->s || size > SIZE_MAX / 2)
		abort();
	b->s = big_block(size + 2);
	b->s[0] = '\0';
	b->cap = size + 2;
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
