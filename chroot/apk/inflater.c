// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/apk/inflater.h"

#include <pthread.h>
#include <signal.h>

/*
 * Blocks are large against the cost of a wake-up and small against the processor's cache. There are
 * many for a package that is inflated long before it is read; a reader that keeps up has the same
 * few used again and again.
 */
#define BLOCK_SIZE 131072
#define BLOCKS 192

struct inflater {
	struct member *m;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under the lock */
	size_t filled, emptied; /* blocks so far; the difference is what waits */
	bool done, stop;
	int failed; /* valid when done */
	struct err why; /* likewise */
	struct block {
		uint8_t *bytes;
		size_t len;
	} queue[BLOCKS]; /* between emptied and filled, modulo BLOCKS */
	uint8_t *spare[BLOCKS]; /* blocks that nobody uses, the last one given back on top */
	size_t n_spare;
	/* the reader's alone */
	const uint8_t *p;
	size_t left;
	bool holding;
};

/* An empty block, waited for; NULL when there is no need for one any more. */
static uint8_t *wait_for_room(struct inflater *f)
{
	uint8_t *bytes = NULL;

	pthread_mutex_lock(&f->lock);
	while (f->filled - f->emptied == BLOCKS && !f->stop)
		pthread_cond_wait(&f->changed, &f->lock);
	if (!f->stop)
		bytes = f->n_spare ? f->spare[--f->n_spare] : xrealloc(NULL, 1, BLOCK_SIZE);
	pthread_mutex_unlock(&f->lock);
	return bytes;
}

static void hand_over(struct inflater *f, uint8_t *bytes, size_t len, int r)
{
	pthread_mutex_lock(&f->lock);
	if (len)
		f->queue[f->filled++ % BLOCKS] = (struct block){bytes, len};
	else
		free(bytes);
	f->done = r < 0 || len < BLOCK_SIZE;
	f->failed = r;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void *run(void *arg)
{
	struct inflater *f = arg;
	size_t len = BLOCK_SIZE;
	uint8_t *bytes;
	int r = 0;

	while (r == 0 && len == BLOCK_SIZE && (bytes = wait_for_room(f))) {
		r = member_read(f->m, bytes, BLOCK_SIZE, &len, &f->why);
		hand_over(f, bytes, len, r);
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
	for (; f->emptied < f->filled; f->emptied++)
		free(f->queue[f->emptied % BLOCKS].bytes);
	while (f->n_spare)
		free(f->spare[--f->n_spare]);
	free(f);
}

int inflater_start(struct inflater **out, struct member *m, struct err *e)
{
	struct inflater *f = xcalloc(1, sizeof(*f));
	int r;

	f->m = m;
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
		f->spare[f->n_spare++] = f->queue[f->emptied++ % BLOCKS].bytes;
		pthread_cond_signal(&f->changed);
	}
	while (f->filled == f->emptied && !f->done)
		pthread_cond_wait(&f->changed, &f->lock);
	f->holding = f->filled != f->emptied;
	if (f->holding) {
		f->p = f->queue[f->emptied % BLOCKS].bytes;
		f->left = f->queue[f->emptied % BLOCKS].len;
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
