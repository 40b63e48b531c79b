// SPDX-License-Identifier: GPL-3.0-or-later
/* Which words wait to be looked at again, and which for a decision. */
#include "chroot/apk/solve_priv.h"

void mark_dirty(struct solver *s, uint32_t word)
{
	struct word_state *st = ws(s, word);

	if (st->dirty || st->locked || (!st->wants && !st->recheck_if))
		return;
	st->dirty = true;
	u32vec_add(&s->dirty, word);
}

static void heap_push(const struct solver *s, struct u32vec *h, uint32_t word)
{
	uint32_t i = h->n;

	u32vec_add(h, word);
	for (; i && s->words[h->v[(i - 1) / 2]].rank < s->words[word].rank; i = (i - 1) / 2)
		h->v[i] = h->v[(i - 1) / 2];
	h->v[i] = word;
}

static uint32_t heap_pop(const struct solver *s, struct u32vec *h)
{
	uint32_t top = h->v[0], last = h->v[--h->n], i = 0, k;

	while ((k = 2 * i + 1) < h->n) {
		if (k + 1 < h->n && s->words[h->v[k + 1]].rank > s->words[h->v[k]].rank)
			k++;
		if (s->words[h->v[k]].rank <= s->words[last].rank)
			break;
		h->v[i] = h->v[k];
		i = k;
	}
	h->v[i] = last;
	return top;
}

/* Everybody who could still change the answer is decided, and there is one answer only. */
static bool is_ready(const struct word_state *st)
{
	return st->users_done && st->wants && st->has_auto && !st->has_options;
}

/* Queues keep stale members: what counts is st->queue. */
void enqueue(struct solver *s, uint32_t word, bool moved)
{
	struct word_state *st = ws(s, word);

	if (st->locked || st->queue == Q_READY)
		return;
	if (st->queue == Q_NONE && !st->wants && !st->has_if && !st->if_needed)
		return;
	if (is_ready(st)) {
		st->queue = Q_READY;
		u32vec_add(&s->ready, word);
	} else if (st->queue == Q_NONE || moved) {
		st->queue = st->has_auto ? Q_AUTO : Q_REST;
		heap_push(s, &s->heap[st->queue - Q_AUTO], word);
	}
}

uint32_t next_undecided(struct solver *s)
{
	while (s->ready_head < s->ready.n) {
		uint32_t w = s->ready.v[s->ready_head++];

		if (ws(s, w)->queue == Q_READY)
			return w;
	}
	for (enum queue q = Q_AUTO; q <= Q_REST; q++) {
		struct u32vec *h = &s->heap[q - Q_AUTO];

		while (h->n) {
			uint32_t w = heap_pop(s, h);

			if (ws(s, w)->queue == q)
				return w;
		}
	}
	return NONE;
}
