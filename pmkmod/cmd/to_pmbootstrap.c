// SPDX-License-Identifier: GPL-3.0-or-later
/* What `build` does last: the package into pmbootstrap's work folder, if the porter wants that. */
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pmkmod/build/run.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/export/work.h"
#include "pmkmod/pmbootstrap/pmbootstrap.h"
#include "pmkmod/util/exit_codes.h"

extern char **environ;

enum wish { WISH_NO, WISH_AUTO, WISH_YES };

static int read_wish(struct context *x, enum wish *w, struct err *e)
{
	static const char *const words[] = {"no", "auto", "yes"};
	const char *v = config_get(x->config, "publish", "pmbootstrap");

	*w = WISH_AUTO;
	for (size_t i = 0; v && i < ARRAY_SIZE(words); i++)
		if (streq(v, words[i])) {
			*w = (enum wish)i;
			return 0;
		}
	return v ? usage_error(e, "publish.pmbootstrap is '%s', but must be auto, yes or no", v)
		 : 0;
}

int publish_wish_check(struct context *x, struct err *e)
{
	enum wish w;

	return read_wish(x, &w, e);
}

/*
 * The channels whose folders pmbootstrap looks into. -ENOENT: pmbootstrap is not used for this
 * channel, with the reason.
 */
static int find_channels(
	struct work_request *q, const struct pmbootstrap *pmb, const struct plan *p, struct err *e)
{
	struct pmaports_channel ch;
	int r;

	if (pmbootstrap_work(pmb, NULL) == PMB_WORK_NONE)
		return err_set(e, -ENOENT, "there is no pmbootstrap work folder '%s'", pmb->work);
	r = pmaports_channel_name(&ch, pmb, e);
	if (r < 0)
		return r;
	if (!streq(ch.name, p->device.channel.name))
		r = err_set(e, -ENOENT,
			"pmbootstrap is on channel %s, but this module is for channel %s", ch.name,
			p->device.channel.name);
	strvec_add(&q->channels, ch.name);
	if (ch.systemd_repo)
		strvec_addf(&q->channels, "systemd-%s", ch.name);
	pmaports_channel_free(&ch);
	return r;
}

static char *shell_words(const struct strvec *argv)
{
	struct strbuf b = {0};

	for (size_t i = 0; i < argv->n; i++) {
		const char *s = argv->v[i];
		bool plain =
			*s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789_-./=:,@+%~")];

		strbuf_adds(&b, i ? " " : "");
		if (plain)
			strbuf_adds(&b, s);
		else
			strbuf_add_quoted(&b, s);
	}
	return strbuf_steal(&b);
}

/* With our terminal: it may ask for a password. */
static int run(const struct strvec *argv, struct err *e)
{
	pid_t pid;
	int st = 0, r = posix_spawn(&pid, argv->v[0], NULL, NULL, argv->v, environ);

	if (r)
		return err_errno(e, -r, "cannot run '%s'", argv->v[0]);
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		if (interrupted())
			kill(pid, SIGTERM); /* what has root's rights got the terminal's signal
					       itself */
	if (interrupted())
		return err_set(e, -EINTR, "interrupted");
	if (WIFEXITED(st) && WEXITSTATUS(st) == 0)
		return 0;
	if (e)
		e->exit_code = WIFEXITED(st) && WEXITSTATUS(st) < 128 ? WEXITSTATUS(st) : 0;
	return err_set(e, -EIO, "'%s' ended with %s %d: see above", argv->v[0],
		WIFEXITED(st) ? "exit code" : "signal",
		WIFEXITED(st) ? WEXITSTATUS(st) : WTERMSIG(st));
}

static int with_more_rights(struct context *x, const struct work_request *q, enum wish wish,
	const struct work_owner *owner, struct err *e)
{
	_cleanup_strvec_ struct strvec argv = {0};
	_cleanup_free_ char *shown = NULL;
	bool root = geteuid() == 0;
	int r = work_command(q, root, &argv, e);

	shown = shell_words(&argv);
	if (r < 0) {
		err_prefix(e, "the work folder belongs to uid %u", (unsigned)owner->uid);
		return argv.n ? err_hint(e, "what has to be run with its or root's rights is: %s",
					shown)
			      : r;
	}
	if (!root && wish == WISH_AUTO) {
		progress_note(&x->progress,
			"pmbootstrap does not have it yet, for its work folder belongs to uid %u: "
			"--publish-pmbootstrap runs `%s`",
			(unsigned)owner->uid, shown);
		return 0;
	}
	if (!root)
		progress_note(&x->progress, "running, for the work folder belongs to uid %u: %s",
			(unsigned)owner->uid, shown);
	return run(&argv, e);
}

static int publish_there(
	struct context *x, struct work_request *q, enum wish wish, bool *there, struct err *e)
{
	_cleanup_strvec_ struct strvec notes = {0};
	struct work_owner owner;
	int r = work_find_owner(q->work, &owner, e);

	if (r < 0)
		return r;
	*there = work_is_published(q);
	if (*there)
		return 0;
	/* root gives its rights up for this, and must therefore be another process */
	if (geteuid() == owner.uid && owner.uid != 0)
		r = work_publish_as_owner(q, &notes, e);
	else
		r = with_more_rights(x, q, wish, &owner, e);
	for (size_t i = 0; i < notes.n; i++)
		progress_note(&x->progress, "%s", notes.v[i]);
	*there = r == 0 && work_is_published(q);
	if (r == 0 && !*there && wish == WISH_YES)
		r = err_set(e, -EIO,
			"nothing has failed, but the package is not in '%s/packages' (or that cannot be "
			"seen)",
			q->work);
	return r;
}

static int make_request(struct work_request *q, const struct pmbootstrap *pmb, const struct plan *p,
	const struct cell_result *r, struct err *e)
{
	int err = find_channels(q, pmb, p, e);

	q->work = pmb->work;
	q->arch = p->device.arch->alpine;
	strvec_add(&q->apks, r->apk);
	cell_parts(r, &q->apks);
	if (r->meta)
		strvec_add(&q->apks, r->meta);
	strvec_take(&q->keys, plan_keys_dir(p->x));
	return err < 0 ? err : work_check_name(r->package, &pmb->aports, e);
}

int publish_to_pmbootstrap(
	struct context *x, const struct plan *p, const struct cell_result *result, struct err *e)
{
	_cleanup_(work_request_free) struct work_request q = {0};
	struct err why = ERR_INIT, *first = e ? e : &why;
	struct pmbootstrap pmb;
	enum wish wish;
	bool there = false, asked = false;
	int r = read_wish(x, &wish, first);

	if (r < 0 || wish == WISH_NO)
		return r;
	r = pmbootstrap_load(&pmb, x->config, first);
	if (r < 0)
		return wish == WISH_YES ? r : (err_clear(first), 0);
	r = make_request(&q, &pmb, p, result, first);
	if (r == 0) {
		asked = true;
		r = publish_there(x, &q, wish, &there, first);
	}
	if (there)
		for (size_t i = 0; i < q.channels.n; i++)
			printf("pmbootstrap %s/packages/%s/%s\n", q.work, q.channels.v[i], q.arch);
	pmbootstrap_free(&pmb);
	/* who did not ask for it need not have pmbootstrap; but what went wrong is told */
	if (r < 0 && wish == WISH_AUTO && r != -EINTR) {
		if (asked || r == -EINVAL)
			progress_note(
				&x->progress, "not published for pmbootstrap: %s", first->text);
		err_clear(first);
		return 0;
	}
	return r < 0 ? err_prefix(first, "the package is built, but not published for pmbootstrap")
		     : 0;
}
