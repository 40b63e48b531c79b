// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What came of loading, and what the phone needs if its kernel did not stand it. A module whose
 * start was ended stays in the kernel in the state "coming" (kernel/module/main.c): no modprobe
 * takes it away.
 */
#include "pmkmod/phone/sideload.h"

#include "pmkmod/kernel/name_index.h"

/* The largest number of a signal is 64. */
#define SIGNALLED(status) ((status) > 128 && (status) <= 128 + 64)

struct judging {
	const struct sideload *s;
	const struct sideload_said *said;
	const struct err *silence;
	struct sideload_result *out;
	struct strbuf lsmod, why;
	bool killed; /* a modprobe was */
};

/* ---- each module ---- */

/* Exit status of its modprobe; -1: it did not come back. */
static int status_of(const struct sideload_said *said, const char *module)
{
	size_t n = strlen(module);

	for (size_t i = 0; i < said->statuses.n; i++)
		if (starts_with(said->statuses.v[i], module) && said->statuses.v[i][n] == ' ')
			return atoi(said->statuses.v[i] + n + 1);
	return -1;
}

/* The row of lsmod for `module`; NULL: it is not loaded. Caller frees. */
static char *row_of(const struct sideload_said *said, const char *module)
{
	_cleanup_strvec_ struct strvec lines = {0};

	strvec_split(&lines, said->lsmod.s ? said->lsmod.s : "", "\n");
	for (size_t i = 0; i < lines.n; i++) {
		_cleanup_free_ char *name = xstrndup(lines.v[i], strcspn(lines.v[i], " "));

		if (module_name_eq(name, module))
			return xstrdup(lines.v[i]);
	}
	return NULL;
}

/* ssh's reason in one line, as what follows a sentence; caller frees. */
static char *reason_of(const struct err *silence)
{
	return silence ? xasprintf(" (%.*s)", (int)strcspn(silence->text, "\n"), silence->text)
		       : xstrdup("");
}

/* Of a modprobe that did not come back. */
static void say_missing(struct judging *j, const char *module)
{
	_cleanup_free_ char *reason = reason_of(j->silence);

	if (!strvec_has(&j->said->tried, module))
		strbuf_addf(&j->why, "modprobe %s was not called any more\n", module);
	else if (j->said->hung)
		strbuf_addf(&j->why,
			"modprobe %s did not end within %u seconds (phone.timeout): the module's "
			"start hangs in the kernel, where it cannot be ended\n",
			module, j->s->phone.timeout_s);
	else if (j->out->lost)
		strbuf_addf(&j->why,
			"the phone %s stopped answering while the module %s was being loaded%s\n",
			j->s->phone.shown, module, reason);
	else
		strbuf_addf(&j->why, "modprobe %s did not come back\n", module);
}

static void judge_module(struct judging *j, const char *module)
{
	_cleanup_free_ char *row = row_of(j->said, module);
	const struct strvec *before = &j->s->state.loaded;
	int status = status_of(j->said, module);

	if (row)
		strbuf_addf(&j->lsmod, "%s\n", row);
	if (status < 0)
		say_missing(j, module);
	else if (SIGNALLED(status))
		strbuf_addf(&j->why, "modprobe %s was killed by signal %d\n", module, status - 128);
	else if (status > 0)
		strbuf_addf(&j->why, "modprobe %s failed (exit status %d)\n", module, status);
	else if (!row && !j->out->lost)
		strbuf_addf(&j->why, "modprobe %s reported success, but lsmod does not show it\n",
			module);
	j->killed |= SIGNALLED(status);
	for (size_t i = 0; i < before->n; i++)
		if (row && module_name_eq(before->v[i], module))
			strvec_add(&j->out->was_loaded, module);
}

/* ---- the kernel ---- */

static void judge_kernel(struct judging *j)
{
	struct trouble *t = &j->out->trouble;
	_cleanup_free_ char *where = NULL;

	/* without the mark the lines may be older than the module */
	if (j->said->marked || j->said->hung || j->killed)
		trouble_text(t, j->said->dmesg.s);
	where = trouble_where(t);
	if (t->kind >= TROUBLE_OOPS)
		strbuf_addf(&j->why, "the kernel said: %s%s%s\n", t->first, where ? " -- in " : "",
			where ? where : "");
	if (j->out->lost && j->said->after) {
		_cleanup_free_ char *reason = reason_of(j->silence);

		strbuf_addf(&j->why,
			"the phone %s stopped answering right after the module was loaded%s\n",
			j->s->phone.shown, reason);
	}
}

/* ---- what to do ---- */

/* Why the phone may crash at each start; NULL: it will not. Caller frees. */
static char *at_start(const struct sideload *s)
{
	if (s->autoload)
		return xasprintf("the package's %s has it loaded at each start", s->autoload);
	return s->by_hardware ? xstrdup("its aliases of hardware have it loaded at each start, "
					"where there is that hardware")
			      : NULL;
}

static void advise_survivor(struct judging *j, const char *package, const char *why_again)
{
	struct strvec *next = &j->out->next;

	if (why_again)
		strvec_addf(next,
			"first take the module away, by `apk del %s` on the phone: %s, and the phone "
			"might crash again and again while it starts",
			package, why_again);
	strvec_addf(next,
		"start the phone anew before anything else is tried on it: what did not come to its "
		"end left the module half loaded and may hold locks, so that neither modprobe nor "
		"modprobe -r of it works until then");
	if (!why_again)
		strvec_addf(next, "`apk del %s` on the phone takes the module away", package);
}

static void advise_lost(struct judging *j, const char *package, const char *why_again)
{
	_cleanup_free_ char *modules = strvec_join(j->s->modules, ",");
	struct strvec *next = &j->out->next;

	strvec_addf(next,
		"its kernel probably panicked, unless the module only broke its network: if it does "
		"not start anew by itself, hold its power button for ten seconds or longer");
	strvec_addf(next,
		"what the kernel said last may then be in /sys/fs/pstore (console-ramoops-0, "
		"dmesg-ramoops-0; systemd moves it to /var/lib/systemd/pstore), if it has "
		"CONFIG_PSTORE_RAM and memory set apart for it; a phone without power forgets it");
	if (why_again)
		strvec_addf(next,
			"%s, so the phone might crash again and again while it starts: "
			"module_blacklist=%s on the kernel's command line keeps it out",
			why_again, modules);
	strvec_addf(next, "`apk del %s` on the phone takes the module away", package);
}

static void advise(struct judging *j)
{
	const struct apk_pkg *p = &j->s->packages.v[0].pkg;
	_cleanup_free_ char *why_again = at_start(j->s);

	if (!j->out->hung && !j->out->lost && !j->killed && j->out->trouble.kind < TROUBLE_OOPS)
		return;
	strvec_addf(&j->out->next, "%s-%s is installed on the phone; %s", p->name, p->version,
		j->out->lost ? "whether its module is loaded is not known"
			     : "its module is not to be used as it is");
	(j->out->lost ? advise_lost : advise_survivor)(j, p->name, why_again);
}

/* ---- the whole ---- */

void sideload_judge_load(struct sideload *s, struct sideload_said *said, const struct err *silence,
	struct sideload_result *out)
{
	struct judging j = {.s = s, .said = said, .silence = silence, .out = out};
	bool crashed;

	out->hung = said->hung;
	out->lost = !said->ended && said->tried.n && !said->hung;
	for (size_t i = 0; i < s->modules->n; i++)
		judge_module(&j, s->modules->v[i]);
	judge_kernel(&j);
	advise(&j);
	out->loaded = j.why.len == 0;
	crashed = out->next.n > 0;
	/* a crash is no refusal, whatever else the log says */
	out->refused = !out->loaded && !crashed &&
		       refusal_find(&out->refusal, said->dmesg.s, said->modprobe.s);
	if (j.why.len && said->modprobe.s)
		strbuf_adds(&j.why, said->modprobe.s);
	trouble_cut(&out->trouble, &said->dmesg);
	out->lsmod = strbuf_steal(&j.lsmod);
	out->dmesg = strbuf_steal(&said->dmesg);
	out->stack = said->stack.len ? strbuf_steal(&said->stack) : NULL;
	if (j.why.len)
		out->failure = strbuf_steal(&j.why);
	strbuf_free(&j.why);
}
