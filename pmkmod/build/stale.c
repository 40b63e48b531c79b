// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/stale.h"

#include "chroot/apk/apk_read.h"
#include "pmkmod/build/cell.h"
#include "pmkmod/device/from_pmaports.h"
#include "pmkmod/export/summary.h"

const char *const stale_names[] = {
	[STALE_FITS] = "fits",
	[STALE_NEWER] = "newer-kernel",
	[STALE_REBUILT] = "rebuilt-kernel",
	[STALE_PMAPORTS] = "newer-in-pmaports",
	[STALE_UNKNOWN] = "unknown",
};

struct search {
	struct context *x;
	struct aports_tree aports;
	/* the repositories of one channel and architecture: packages are sorted by them */
	const char *channel, *arch; /* NULL: none are open */
	struct repo_set repos;
	char *problem; /* why they cannot be used; NULL: they can */
};

/* ---- which ones ---- */

/* Is it for the kernel of one of the devices? */
static bool wanted(const struct published *p, const struct device *devices, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (streq(devices[i].channel.name, p->channel) &&
			streq(devices[i].arch->alpine, p->arch) &&
			streq(devices[i].kernel, p->kernel))
			return true;
	return n == 0;
}

static bool same_name(const struct published *a, const struct published *b)
{
	return streq(a->channel, b->channel) && streq(a->arch, b->arch) &&
	       streq(a->package, b->package);
}

/* Of each name the first: that is the one for the newest kernel. Parts are built with the whole. */
static void choose(struct stale_list *out, const struct device *devices, size_t n)
{
	const struct published_list *l = &out->published;

	out->v = xcalloc(l->n + 1, sizeof(*out->v));
	for (size_t i = 0; i < l->n; i++)
		if (!l->v[i].part && (i == 0 || !same_name(&l->v[i - 1], &l->v[i])) &&
			wanted(&l->v[i], devices, n))
			out->v[out->n++].p = &l->v[i];
}

static bool has_any(const struct stale_list *l, const struct device *d)
{
	for (size_t i = 0; i < l->n; i++)
		if (wanted(l->v[i].p, d, 1))
			return true;
	return false;
}

static int choose_for(
	struct stale_list *out, struct context *x, const struct strvec *names, struct err *e)
{
	struct device *devices = xcalloc(names->n + 1, sizeof(*devices));
	size_t n = 0;
	int r = 0;

	for (; r == 0 && n < names->n; n += r == 0)
		r = device_load(&devices[n], x->config, names->v[n], e);
	if (r == 0) {
		choose(out, devices, n);
		for (size_t i = 0; i < n; i++)
			if (!has_any(out, &devices[i]))
				strvec_add(&out->unpublished, devices[i].name);
	}
	for (size_t i = 0; i < n; i++)
		device_free(&devices[i]);
	free(devices);
	return r;
}

/* ---- the newest kernels ---- */

static void close_repos(struct search *s)
{
	if (s->channel && !s->problem)
		repos_close(&s->repos);
	free(s->problem);
	s->problem = NULL;
	s->channel = s->arch = NULL;
}

static int try_open(struct search *s, const struct published *p, struct err *e)
{
	const struct arch_info *arch = arch_by_name(p->arch);
	struct channel ch;
	int r;

	if (!arch)
		return err_set(e, -EINVAL, "'%s' is no architecture pmkmod knows", p->arch);
	r = channel_load(&ch, s->x->config, p->channel, e);
	if (r < 0)
		return r;
	r = repos_open(&s->repos, s->x, &ch, arch, NULL, e);
	if (r == 0 && (r = repos_parse(&s->repos, e)) < 0)
		repos_close(&s->repos);
	channel_free(&ch);
	return r;
}

/* Only -EINTR is an error: what is wrong with a channel is said of its packages. */
static int open_repos(struct search *s, const struct published *p, struct err *e)
{
	struct err why = ERR_INIT;
	int r;

	if (s->channel && streq(s->channel, p->channel) && streq(s->arch, p->arch))
		return 0;
	close_repos(s);
	r = try_open(s, p, &why);
	if (r == -EINTR)
		return err_set(e, r, "%s", why.text);
	s->channel = p->channel;
	s->arch = p->arch;
	s->problem = r < 0 ? xstrdup(why.text) : NULL;
	return 0;
}

static bool is_newer(const char *version, const char *than)
{
	return version && apk_version_valid(version) &&
	       (!than || apk_version_compare(version, than, false) == APK_VER_GT);
}

/* What pmaports' aport of the kernel makes; NULL: it has none, or is of another channel. Borrowed.
 */
static const char *in_pmaports(const struct search *s, const struct published *p)
{
	const struct pmaports_device *devices;
	const char *newest = NULL;
	size_t n;

	if (!s->aports.tree || !s->aports.channel || !streq(s->aports.channel, p->channel))
		return NULL;
	devices = pmaports_devices(s->aports.tree, &n);
	for (size_t i = 0; i < n; i++) {
		if (!devices[i].arch || !streq(devices[i].arch->alpine, p->arch))
			continue;
		for (size_t k = 0; k < devices[i].n_kernels; k++) {
			const struct pmaports_kernel *kernel = &devices[i].kernels[k];
			const char *name = kernel->made_by ? kernel->made_by : kernel->package;

			if (name && streq(name, p->kernel) && is_newer(kernel->version, newest))
				newest = kernel->version;
		}
	}
	return newest;
}

/* Is the kernel of that version another build than the one the package was held against? */
static bool is_rebuilt(const struct repo_set *repos, const struct published *p)
{
	_cleanup_free_ char *path = summary_path(p->package), *text = NULL;
	struct package_summary s;
	struct hash built_for = {0};
	bool there = false, same = false;
	size_t len;

	if (apk_read_file(p->apk, path, SUMMARY_MAX, &text, &len, NULL) < 0 ||
		summary_parse(&s, path, text, len, NULL) < 0)
		return false;
	if (s.kernel_identity)
		apk_identity_parse(&built_for, s.kernel_identity);
	summary_free(&s);
	if (built_for.alg == HASH_NONE)
		return false;
	for (size_t i = 0; i < repos->n_repos; i++)
		for (size_t k = 0; k < repos->repos[i].n_pkgs; k++) {
			const struct apk_pkg *a = &repos->repos[i].pkgs[k];

			if (!streq(a->name, p->kernel) || !streq(a->version, p->kernel_version))
				continue;
			there = true;
			same = same || hash_eq(&a->identity, &built_for);
		}
	return there && !same;
}

/* ---- judging ---- */

static void say(struct stale_item *it, enum stale_state state, const char *newest, char *why)
{
	it->state = state;
	it->newest = xstrdup(newest);
	it->why = why;
}

static void judge(struct search *s, struct stale_item *it)
{
	const struct published *p = it->p;
	const struct apk_pkg *k = s->problem ? NULL : repos_newest(&s->repos, p->kernel);
	const char *repo = k ? k->version : NULL, *pm = in_pmaports(s, p);

	if (is_newer(repo, p->kernel_version))
		say(it, STALE_NEWER, repo,
			xasprintf("it is for %s %s alone (it depends on %s=%s), and the "
				  "repositories of channel %s have %s: a phone that upgrades is "
				  "without it",
				p->kernel, p->kernel_version, p->kernel, p->kernel_version,
				p->channel, repo));
	else if (is_newer(pm, p->kernel_version) && is_newer(pm, repo))
		say(it, STALE_PMAPORTS, pm,
			xasprintf("it is for %s %s alone, and pmaports has %s, which the "
				  "repositories of channel %s do not have yet (`pmbootstrap build "
				  "%s` makes it)",
				p->kernel, p->kernel_version, pm, p->channel, p->kernel));
	else if (s->problem)
		say(it, STALE_UNKNOWN, pm,
			xasprintf("the repositories of channel %s cannot be asked: %s", p->channel,
				s->problem));
	else if (!k)
		say(it, STALE_UNKNOWN, pm,
			xasprintf("none of the repositories of channel %s has %s", p->channel,
				p->kernel));
	else if (is_rebuilt(&s->repos, p))
		say(it, STALE_REBUILT, repo,
			xasprintf("%s %s is another build than the one it was made for: nobody has "
				  "looked whether the module fits that one",
				p->kernel, p->kernel_version));
	else
		say(it, STALE_FITS, repo,
			xasprintf("it is for %s %s, and there is no newer one", p->kernel,
				p->kernel_version));
}

static int judge_all(struct search *s, struct stale_list *l, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->n; i++) {
		struct stale_item *it = &l->v[i];
		struct cell_result cell;

		r = open_repos(s, it->p, e);
		if (r < 0)
			break;
		judge(s, it);
		if (cell_find(s->x, it->p->apk, &cell)) {
			it->device = steal_ptr(cell.device);
			it->asked = steal_ptr(cell.asked);
			cell_result_free(&cell);
		}
	}
	close_repos(s);
	return r;
}

int stale_find(
	struct stale_list *out, struct context *x, const struct strvec *devices, struct err *e)
{
	struct search s = {.x = x};
	int r;

	*out = (struct stale_list){0};
	r = published_read(&out->published, x, e);
	if (r < 0)
		return r;
	/* it also defines the channel that pmbootstrap is on; without pmaports that is all there is
	 */
	aports_tree_load(&s.aports, x->config, x->cache, NULL, NULL);
	r = choose_for(out, x, devices, e);
	if (r == 0)
		r = judge_all(&s, out, e);
	aports_tree_free(&s.aports);
	if (r < 0)
		stale_free(out);
	return r;
}

void stale_free(struct stale_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].newest);
		free(l->v[i].why);
		free(l->v[i].device);
		free(l->v[i].asked);
	}
	free(l->v);
	strvec_free(&l->unpublished);
	published_free(&l->published);
	*l = (struct stale_list){0};
}
