// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/apk/inflater.h"

#include <pthread.h>
#include <signal.h>

/* Blocks are large against the cost of a wake-up and small against the processor's cache. */
#define BLOCK_SIZE 131072
#define BLOCKS 8

struct inflater {
	struct member *m;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under the lock */
	size_t filled, emptied; /* blocks so far; the difference is what waits in the ring */
	bool done, stop;
	int failed; /* valid when done */
	struct err why; /* likewise */
	size_t len[BLOCKS]; /* a block between emptied and filled belongs to the reader */
	uint8_t *ring;
	/* the reader's alone */
	const uint8_t *p;
	size_t left;
	bool holding;
};

/* Wait for an empty block; false when there is no need for one any more. */
static bool wait_for_room(struct inflater *f)
{
	bool go;

	pthread_mutex_lock(&f->lock);
	while (f->filled - f->emptied == BLOCKS && !f->stop)
		pthread_cond_wait(&f->changed, &f->lock);
	go = !f->stop;
	pthread_mutex_unlock(&f->lock);
	return go;
}

static void hand_over(struct inflater *f, size_t len, int r)
{
	pthread_mutex_lock(&f->lock);
	f->len[f->filled % BLOCKS] = len;
	if (len)
		f->filled++;
	f->done = r < 0 || len < BLOCK_SIZE;
	f->failed = r;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void *run(void *arg)
{
	struct inflater *f = arg;
	size_t len = BLOCK_SIZE;
	int r = 0;

	while (r == 0 && len == BLOCK_SIZE && wait_for_room(f)) {
		uint8_t *block = f->ring + f->filled % BLOCKS * BLOCK_SIZE;

		r = member_read(f->m, block, BLOCK_SIZE, &len, &f->why);
		hand_over(f, len, r);
	}
	return NULL;
}

/* Signals are for the threads that know what to do about them: this one starts with all blocked. */
static int start_thread(struct inflater *f)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&f->thread, NULL, run, f);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

static void free_inflater(struct inflater *f)
{
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	free(f->ring);
	free(f);
}

int inflater_start(struct inflater **out, struct member *m, struct err *e)
{
	struct inflater *f = xcalloc(1, sizeof(*f));
	int r;

	f->m = m;
	f->ring = xrealloc(NULL, BLOCKS, BLOCK_SIZE);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	r = start_thread(f);
	if (r < 0) {
		free_inflater(f);
		return err_errno(e, r, "cannot start a thread to unpack %s", m->shown);
	}
	*out = f;
	return 0;
}

/* Give the block just read back and get the next one: 1, 0 at the end, or what the thread met. */
static int next_block(struct inflater *f, struct err *e)
{
	int r;

	pthread_mutex_lock(&f->lock);
	if (f->holding) {
		f->emptied++;
		pthread_cond_signal(&f->changed);
	}
	while (f->filled == f->emptied && !f->done)
		pthread_cond_wait(&f->changed, &f->lock);
	f->holding = f->filled != f->emptied;
	if (f->holding) {
		f->p = f->ring + f->emptied % BLOCKS * BLOCK_SIZE;
		f->left = f->len[f->emptied % BLOCKS];
	}
	r = f->holding ? 1 : f->failed;
	if (r < 0)
		err_set(e, r, "%s", f->why.text);
	pthread_mutex_unlock(&f->lock);
	return r;
}

int inflater_take(void *ctx, size_t want, const uint8_t **p, size_t *got, struct err *e)
{
	struct inflater *f = ctx;
	int r = 1;

	*got = 0;
	if (!f->left)
		r = next_block(f, e);
	if (r <= 0)
		return r;
	*got = want < f->left ? want : f->left;
	*p = f->p;
	f->p += *got;
	f->left -= *got;
	return 0;
}

void inflater_stop(struct inflater *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	free_inflater(f);
}
