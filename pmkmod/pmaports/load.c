// SPDX-License-Identifier: GPL-3.0-or-later
/* The whole tree: walk, read devices, read their kernels, keep it all; on all processors. */
#include "pmkmod/pmaports/pmaports.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/base/hash.h"
#include "pmkmod/pmaports/tree.h"
#include "pmkmod/util/exit_codes.h"

#define CACHE_MAX (64u << 20)
#define THREADS_MAX 8

/* ---- many small jobs ---- */

struct jobs {
	void (*run)(void *user, size_t i);
	void *user;
	size_t n;
	atomic_size_t next;
};

static void *work(void *p)
{
	struct jobs *j = p;

	for (;;) {
		size_t i = atomic_fetch_add(&j->next, 1);

		if (i >= j->n)
			return NULL;
		j->run(j->user, i);
	}
}

static void run_jobs(void (*run)(void *user, size_t i), void *user, size_t n)
{
	struct jobs j = {.run = run, .user = user, .n = n};
	pthread_t threads[THREADS_MAX];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t started = 0;

	/* a few are done before a thread has started */
	while (n > 16 && started < THREADS_MAX && (long)started + 1 < cpus &&
		pthread_create(&threads[started], NULL, work, &j) == 0)
		started++;
	work(&j);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

/* ---- devices ---- */

struct loading {
	struct walk walk;
	const struct aport_dir **dirs; /* the devices wanted, sorted by name */
	struct read_device *devices;
	size_t n_devices;
	struct read_kernel *kernels; /* each once for each architecture */
	struct device_kernel **asked; /* what asked for it first */
	size_t n_kernels;
	struct read_kernel **kernel_of; /* for all kernels of all devices, in order */
	size_t n_choices;
	struct stamps stamps;
};

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct aport_dir *const *)a)->name,
		(*(const struct aport_dir *const *)b)->name);
}

static void choose_devices(struct loading *l, const char *only)
{
	_cleanup_free_ char *name = only ? xasprintf(DEVICE_PREFIX "%s", only) : NULL;

	l->dirs = xcalloc(l->walk.n_devices + 1, sizeof(*l->dirs));
	for (size_t i = 0; i < l->walk.n_devices; i++)
		if (!name || streq(l->walk.devices[i].name, name))
			l->dirs[l->n_devices++] = &l->walk.devices[i];
	if (l->n_devices)
		qsort(l->dirs, l->n_devices, sizeof(*l->dirs), by_name);
	l->devices = xcalloc(l->n_devices + 1, sizeof(*l->devices));
}

static void read_one_device(void *user, size_t i)
{
	struct loading *l = user;

	read_device(&l->devices[i], l->dirs[i]);
}

/* ---- kernels ---- */

/* Devices share kernels: each (package, architecture) is read once. */
static void collect_kernels(struct loading *l)
{
	_cleanup_names_ struct name_index seen = {0};
	_cleanup_strvec_ struct strvec keys = {0};
	uint32_t *number;

	for (size_t i = 0; i < l->n_devices; i++)
		l->n_choices += l->devices[i].n_kernels;
	l->kernels = xcalloc(l->n_choices + 1, sizeof(*l->kernels));
	l->asked = xcalloc(l->n_choices + 1, sizeof(struct device_kernel *));
	l->kernel_of = xcalloc(l->n_choices + 1, sizeof(struct read_kernel *));
	for (size_t i = 0, choice = 0; i < l->n_devices; i++)
		for (size_t k = 0; k < l->devices[i].n_kernels; k++, choice++) {
			struct device_kernel *dk = &l->devices[i].kernels[k];

			if (dk->package) {
				strvec_addf(&keys, "%s %s", dk->package, dk->arch);
				number = name_index_add(
					&seen, keys.v[keys.n - 1], (uint32_t)l->n_kernels);
				l->kernel_of[choice] = &l->kernels[*number];
				if (*number < l->n_kernels)
					continue;
			}
			l->kernel_of[choice] = &l->kernels[l->n_kernels];
			l->asked[l->n_kernels++] = dk;
		}
}

static void read_one_kernel(void *user, size_t i)
{
	struct loading *l = user;

	read_kernel(&l->kernels[i], &l->walk, l->asked[i]->package, l->asked[i]->arch);
}

static void set_no_kernel(struct read_kernel *k, const char *why, const char *remedy)
{
	judgement_free(&k->judged);
	k->judged = (struct judgement){
		.verdict = VERDICT_NO_KERNEL, .why = xstrdup(why), .remedy = xstrdup(remedy)};
}

static void missing_kernels(struct loading *l)
{
	struct read_kernel **missing = xcalloc(l->n_kernels + 1, sizeof(struct read_kernel *));
	size_t n = 0;

	for (size_t i = 0; i < l->n_kernels; i++)
		if (l->kernels[i].missing)
			missing[n++] = &l->kernels[i];
	settle_missing(missing, n, &l->walk, &l->stamps);
	for (size_t i = 0; i < n; i++) {
		struct read_kernel *k = missing[i];
		_cleanup_free_ char *why = xasprintf(
			"the kernel package %s is neither in pmaports nor one of Alpine's%s%s",
			k->package, k->renamed ? "; its name is most likely now " : "",
			k->renamed ? k->renamed : "");

		if (!k->judged.why)
			set_no_kernel(k, why,
				"if the device has that or another kernel now, name it: --kernel NAME, or "
				"`kernel = NAME` in a device profile");
	}
	free(missing);
}

/* What is wrong with the device itself comes before what its kernel would be. */
static void device_problems(struct loading *l)
{
	for (size_t i = 0, choice = 0; i < l->n_devices; i++) {
		const struct read_device *d = &l->devices[i];

		for (size_t k = 0; k < d->n_kernels; k++, choice++) {
			struct read_kernel *kernel = l->kernel_of[choice];

			/* a kernel without a package is this device's alone */
			if (d->kernels[k].package || kernel->judged.why)
				continue;
			set_no_kernel(kernel,
				d->problem ? d->problem
					   : "this choice is to have no kernel package",
				"name its kernel: --kernel NAME, or `kernel = NAME` in a device profile");
		}
	}
}

/* ---- all together ---- */

static int nothing_found(const struct pmaports_query *q, const struct walk *w, struct err *e)
{
	_cleanup_free_ char *folders = q->folders->n ? strvec_join(q->folders, ", ") : NULL;

	err_exit(e, EXIT_USAGE, -ENOENT, "there are no devices (device/*/device-*) in %s",
		folders ? folders : "any folder: none is named");
	if (w->notes.n)
		err_hint(e, "%s", w->notes.v[0]);
	return err_hint(e,
		"a checkout of pmaports is made by `pmbootstrap init`, or by git clone; name another "
		"with -o pmbootstrap.aports=DIR");
}

static void loading_free(struct loading *l)
{
	for (size_t i = 0; i < l->n_devices; i++)
		read_device_free(&l->devices[i]);
	for (size_t i = 0; i < l->n_kernels; i++)
		read_kernel_free(&l->kernels[i]);
	free(l->devices);
	free(l->dirs);
	free(l->kernels);
	free(l->asked);
	free(l->kernel_of);
	stamps_free(&l->stamps);
	walk_free(&l->walk);
}

/* Most names that are asked for are not in pmaports, if the porter has profiles. */
static bool has_device(const struct strvec *folders, const char *name)
{
	_cleanup_strvec_ struct strvec names = {0};

	pmaports_names(folders, &names);
	return strvec_has(&names, name);
}

/* Another kernel than the device's own, if there is such a one. */
static void add_wanted(struct loading *l, const char *package)
{
	if (!walk_kernel(&l->walk, package) && !pmaports_is_alpine(package))
		return;
	for (size_t i = 0; i < l->n_devices; i++)
		read_device_offer(&l->devices[i], package);
}

/* Read everything into a block; *settled: it may be kept. */
static int read_tree(
	struct strbuf *block, bool *settled, const struct pmaports_query *q, struct err *e)
{
	struct loading l = {0};
	struct reading r;
	int64_t started = stamps_now();

	if (!q->only || has_device(q->folders, q->only))
		walk_folders(&l.walk, q->folders, q->systemd, !q->only);
	if (!l.walk.n_devices && !q->only) {
		nothing_found(q, &l.walk, e);
		loading_free(&l);
		return -ENOENT;
	}
	choose_devices(&l, q->only);
	run_jobs(read_one_device, &l, l.n_devices);
	/* few recipes need a shell; it is asked when the threads are gone */
	for (size_t i = 0; i < l.n_devices; i++)
		if (l.devices[i].gave_up)
			read_device_asking(&l.devices[i]);
	if (q->only && q->kernel)
		add_wanted(&l, q->kernel);
	collect_kernels(&l);
	run_jobs(read_one_kernel, &l, l.n_kernels);
	for (size_t i = 0; i < l.n_kernels; i++)
		if (l.kernels[i].gave_up)
			read_kernel_asking(&l.kernels[i], &l.walk);
	missing_kernels(&l);
	device_problems(&l);
	stamps_append(&l.stamps, &l.walk.stamps);
	for (size_t i = 0; i < l.n_devices; i++)
		stamps_append(&l.stamps, &l.devices[i].stamps);
	for (size_t i = 0; i < l.n_kernels; i++)
		stamps_append(&l.stamps, &l.kernels[i].stamps);
	*settled = q->cache && !q->only && stamps_settled(&l.stamps, started);
	r = (struct reading){l.devices, l.kernel_of, l.n_devices};
	store_encode(block, &r, &l.walk, &l.stamps, *settled);
	loading_free(&l);
	return 0;
}

/* The cache file of a query; NULL: it is not kept. */
static char *cache_path(const struct pmaports_query *q)
{
	_cleanup_free_ char *folders = NULL, *name = NULL;
	char hex[HASH_HEX_MAX];
	struct hash h;

	/* one device is read faster than its tree's cache */
	if (!q->cache || q->only)
		return NULL;
	folders = strvec_join(q->folders, "\n");
	name = xasprintf("%s\n%s", q->systemd ? "systemd" : "", folders);
	hash_buf(HASH_SHA256, name, strlen(name), &h);
	hash_hex(&h, hex);
	hex[32] = '\0';
	return xasprintf("%s/pmaports/%s", q->cache, hex);
}

static bool load_cached(struct pmaports **out, const char *path)
{
	char *block;
	size_t len;

	if (!path || fs_read_regular(path, CACHE_MAX, &block, &len, NULL) < 0 ||
		store_decode(out, block, len, true) < 0)
		return false;
	fs_note_use(path);
	return true;
}

bool pmaports_cache_whole(const char *path)
{
	_cleanup_free_ char *block = NULL;
	size_t len;

	return fs_read_regular(path, CACHE_MAX, &block, &len, NULL) == 0 && store_whole(block, len);
}

/* A cache that cannot be written is not worth a word. */
static void save(const char *path, const struct strbuf *block)
{
	_cleanup_free_ char *dir = xstrndup(path, (size_t)(path_base(path) - path));

	if (fs_mkdirs(dir, 0700, NULL) == 0)
		fs_write_atomic(path, block->s, block->len, 0600, NULL);
}

int pmaports_load(struct pmaports **out, const struct pmaports_query *q, struct err *e)
{
	_cleanup_free_ char *path = cache_path(q);
	struct strbuf block = {0};
	bool settled = false;
	size_t len;
	int r;

	if (load_cached(out, path))
		return 0;
	r = read_tree(&block, &settled, q, e);
	if (r < 0)
		return r;
	if (path && settled)
		save(path, &block);
	len = block.len;
	r = store_decode(out, strbuf_steal(&block), len, false);
	return r < 0 ? err_set(e, r, "what was read of pmaports contradicts itself") : 0;
}
