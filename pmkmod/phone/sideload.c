// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/phone/sideload.h"

#include <fcntl.h>

#include "chroot/base/fs.h"
#include "chroot/base/hash.h"
#include "pmkmod/util/exit_codes.h"

#define ANSWER_MAX (64u << 20)
/* The script's own limits for all but loading: half a minute to write, then log and list. */
#define AROUND_LOADING_S 60

/* ---- before ---- */

static void add_folder(struct strvec *dirs, const char *top, const char *name)
{
	_cleanup_free_ char *path = name ? path_join(top, name) : xstrdup(top);

	if (fs_is_dir(path))
		strvec_add(dirs, path);
}

static int read_package(struct sideload *s, struct err *e)
{
	_cleanup_strvec_ struct strvec dirs = {0};
	int r;

	for (size_t i = 0; i < s->modules->n; i++)
		if (!phone_word_ok(s->modules->v[i]))
			return err_set(e, -EINVAL, "'%s' is not a module's name", s->modules->v[i]);
	add_folder(&dirs, s->keys_dir, NULL);
	if (s->work)
		add_folder(&dirs, s->work, "config_apk_keys");
	r = apk_keys_load(&s->keys, &dirs, e);
	s->packages.keys = s->keys;
	if (r == 0)
		r = phone_packages_add(&s->packages, s->apk, e);
	for (size_t i = 0; r == 0 && i < dirs.n && !s->key_path; i++) {
		_cleanup_free_ char *path = path_join(dirs.v[i], s->packages.v[0].key);

		if (fs_exists(path))
			s->key_path = steal_ptr(path);
	}
	return r;
}

/* Does pmbootstrap copy this key? It takes the first of config_abuild in the folder's own order. */
static bool is_pmbootstraps(const struct sideload *s, const char *key)
{
	_cleanup_free_ char *path = s->work ? xasprintf("%s/config_abuild/%s", s->work, key) : NULL;

	return path && fs_exists(path);
}

static int untrusted(struct err *e)
{
	if (e)
		e->exit_code = EXIT_UNTRUSTED;
	return -EKEYREJECTED;
}

static int check_trust(struct sideload *s, struct err *e)
{
	const char *key = s->packages.v[0].key;
	char hex[HASH_HEX_MAX];
	struct hash h;
	int r;

	if (!s->key_path)
		return err_set(e, untrusted(e), "the public key %s is not at hand", key);
	r = hash_file(AT_FDCWD, s->key_path, HASH_SHA256, &h, e);
	if (r < 0)
		return r;
	hash_hex(&h, hex);
	if (s->state.key_sum && streq(s->state.key_sum, hex))
		return 0;
	if (s->state.key_sum) {
		err_set(e, untrusted(e),
			"the phone has another key under the name /etc/apk/keys/%s, so that it would "
			"not take the package",
			key);
		return err_hint(e, "look at that key; if it is not needed, remove it on the phone");
	}
	if (!s->install_key) {
		err_set(e, untrusted(e), "the phone does not trust the key %s that signed %s", key,
			s->packages.v[0].pkg.name);
		return err_hint(e,
			"--install-key copies '%s' into the phone's /etc/apk/keys: whoever has the "
			"private half can then make packages that the phone installs",
			s->key_path);
	}
	s->bring_key = true;
	s->key_by_pmbootstrap = s->way != SIDELOAD_SSH && is_pmbootstraps(s, key);
	if (s->way != SIDELOAD_SSH && !s->key_by_pmbootstrap) {
		strvec_addf(&s->notes,
			"pmbootstrap would install its own key and not %s; pmkmod does it itself",
			key);
		s->way = SIDELOAD_SSH;
	}
	return 0;
}

/* May root's part be done? Without a terminal nobody can type a password. */
static int check_rights(const struct sideload *s, struct err *e)
{
	if (s->state.root || s->state.su)
		return 0;
	err_exit(e, EXIT_PHONE, -EPERM,
		"%s is not root on the phone, and there is no sudo, doas or run0", s->state.login);
	return err_hint(e, "--user root, if the phone allows that, or install one of them");
}

static void describe(struct sideload *s)
{
	const char *su = s->state.root ? "as root" : s->state.su;
	_cleanup_strvec_ struct strvec argv = {0}, files = {0};
	_cleanup_free_ char *all = NULL, *modules = strvec_join(s->modules, " ");

	for (size_t i = 0; i < s->packages.n; i++)
		strvec_add(&files, path_base(s->packages.v[i].path));
	all = strvec_join(&files, " ");
	if (s->bring_key && !s->key_by_pmbootstrap)
		strvec_addf(&s->steps, "copy '%s' to /etc/apk/keys/%s (mv -n, %s)", s->key_path,
			s->packages.v[0].key, su);
	if (s->way == SIDELOAD_SSH) {
		strvec_addf(&s->steps, "scp %s into a folder of its own below /tmp of %s, port %s",
			all, s->phone.shown, s->phone.real_port ? s->phone.real_port : "22");
		strvec_addf(&s->steps,
			"apk --wait 30 --no-network add %s (%s; first with --simulate: nothing else may "
			"change)",
			all, su);
		strvec_addf(&s->steps, "remove that folder");
	} else {
		_cleanup_free_ char *line = NULL;

		sideload_pmb_argv(s, &argv);
		line = strvec_join(&argv, " ");
		strvec_addf(&s->steps, "%s", line);
	}
	strvec_addf(&s->steps,
		"replace the pin by checksum in /etc/apk/world by the name, if a repository of the "
		"phone's has %s",
		s->packages.v[0].pkg.name);
	strvec_addf(&s->steps, "modprobe %s (%s)", modules, su);
}

int sideload_prepare(struct sideload *s, struct err *e)
{
	_cleanup_free_ char *folder = xstrndup(s->apk, (size_t)(path_base(s->apk) - s->apk));
	int r = phone_open(&s->phone, s->config, e);

	s->packages.folder = folder;
	if (r == 0)
		r = sideload_find_pmbootstrap(s, e);
	if (r == 0)
		r = read_package(s, e);
	if (r == 0)
		r = sideload_choose(s, e);
	if (r == 0)
		r = phone_survey(&s->phone, s->packages.v[0].key, &s->state, e);
	if (r == 0)
		r = phone_check(&s->state, s->arch, s->release, &s->packages, e);
	if (r == 0)
		r = check_trust(s, e);
	if (r == 0)
		r = check_rights(s, e);
	s->packages.folder = NULL;
	if (r == 0)
		describe(s);
	return r;
}

void sideload_free(struct sideload *s)
{
	phone_close(&s->phone);
	phone_state_free(&s->state);
	apk_keys_free(s->keys);
	phone_packages_free(&s->packages);
	free(s->work);
	free(s->pmb_version);
	free(s->key_path);
	strvec_free(&s->steps);
	strvec_free(&s->notes);
	*s = (struct sideload){0};
}

/* ---- the phone's side ---- */

/* Make the folder with both scripts; *dir is its path on the phone. */
static int make_folder(struct sideload *s, const char *script, char **dir, struct err *e)
{
	char token[PHONE_TOKEN];
	_cleanup_free_ char *mark = NULL;
	_cleanup_strbuf_ struct strbuf in = {0}, answer = {0};
	_cleanup_strvec_ struct strvec lines = {0};
	struct phone_call call = {.command = "sh", .max = 65536};
	int status, r = phone_token(token, e);

	if (r < 0)
		return r;
	mark = xasprintf("%s dir ", token);
	strbuf_addf(&in,
		"umask 077\nd=$(mktemp -d /tmp/pmkmod.XXXXXX) || exit 1\n"
		"cat >\"$d/as-root\" <<'%s'\n%s%s\n"
		"cat >\"$d/go\" <<'%s'\nexec 2>&1\n",
		token, script, token, token);
	/* without a terminal a question could never be answered */
	if (s->state.root)
		strbuf_adds(&in, "exec sh \"${0%/*}/as-root\"\n");
	else if (streq(s->state.su, "run0"))
		strbuf_addf(&in, "exec run0 %ssh \"${0%%/*}/as-root\"\n",
			s->phone.interactive ? "" : "--no-ask-password ");
	else
		strbuf_addf(&in, "exec %s %ssh \"${0%%/*}/as-root\"\n", s->state.su,
			s->phone.interactive ? "" : "-n ");
	strbuf_addf(&in, "%s\necho \"%s$d\"\n", token, mark);
	call.input = in.s;
	r = phone_call(&s->phone, &call, &answer, &status, e);
	if (r < 0)
		return r;
	strvec_split(&lines, answer.s ? answer.s : "", "\r\n");
	for (size_t i = 0; i < lines.n; i++)
		if (starts_with(lines.v[i], mark) && phone_path_ok(lines.v[i] + strlen(mark)))
			*dir = xstrdup(lines.v[i] + strlen(mark));
	if (*dir)
		return 0;
	return err_exit(e, EXIT_SIDELOAD_FAILED, -EIO,
		"the phone %s cannot make a folder in /tmp (is it full?)", s->phone.shown);
}

static void remove_folder(struct sideload *s, const char *dir)
{
	_cleanup_free_ char *input = xasprintf("rm -rf '%s'\n", dir);
	_cleanup_strbuf_ struct strbuf out = {0};
	struct phone_call call = {.command = "sh", .input = input, .max = 65536};
	int status;

	phone_call(&s->phone, &call, &out, &status, NULL);
}

/* Put files and script onto the phone, run it as root, take the folder away. */
static int run_there(struct sideload *s, const char *script, const struct strvec *files,
	struct sideload_said *said, struct err *e)
{
	_cleanup_free_ char *dir = NULL, *command = NULL;
	struct phone_call call = {.max = ANSWER_MAX,
		.terminal = !s->state.root,
		.more_s = s->phone.timeout_s + AROUND_LOADING_S,
		.bytes = sideload_hear,
		.ctx = said};
	int status, r = make_folder(s, script, &dir, e);

	if (r < 0)
		return r;
	if (files->n)
		r = phone_copy(&s->phone, files, dir, e);
	if (r == 0) {
		command = xasprintf("sh %s/go", dir);
		call.command = command;
		r = phone_call(&s->phone, &call, NULL, &status, e);
		sideload_heard_all(said);
	}
	/* a phone that died has none any more, and would be waited for */
	if (r == 0 || !said->tried.n)
		remove_folder(s, dir);
	return r;
}

/* ---- what came of it ---- */

static int failed(struct err *e)
{
	if (e)
		e->exit_code = EXIT_SIDELOAD_FAILED;
	return -EIO;
}

static bool has_version(const struct sideload_said *said, const struct apk_pkg *p)
{
	_cleanup_free_ char *want = xasprintf("%s %s", p->name, p->version);

	return strvec_has(&said->versions, want);
}

/* The last line of apk's words that tells of an error. */
static char *apk_words(const struct sideload_said *said)
{
	_cleanup_strvec_ struct strvec lines = {0};

	strvec_split(&lines, said->words.s ? said->words.s : "", "\n");
	for (size_t i = 0; i < lines.n; i++)
		if (starts_with(lines.v[i], "ERROR:"))
			return xstrdup(lines.v[i]);
	return xstrdup(lines.n ? lines.v[lines.n - 1] : "it said nothing");
}

static int judge_install(const struct sideload *s, const struct sideload_said *said, struct err *e)
{
	const struct apk_pkg *p = &s->packages.v[0].pkg;
	_cleanup_free_ char *words = apk_words(said);

	if (!said->began) {
		err_set(e, failed(e), "%s did not become root on the phone: %s", s->state.login,
			said->last ? said->last : "nothing was said");
		return err_hint(e,
			s->phone.interactive
				? "may this account use %s?"
				: "run this in a terminal, where %s can ask for a password",
			s->state.su ? s->state.su : "it");
	}
	if (said->key_failed)
		return err_set(e, failed(e),
			"the key cannot be put into the phone's "
			"/etc/apk/keys: %s",
			words);
	if (said->surprises.n) {
		_cleanup_free_ char *all = strvec_join(&said->surprises, "; ");

		err_set(e, failed(e),
			"apk would have changed more than %s, so nothing was done: %s", p->name,
			all);
		return err_hint(e, "bring the phone into order first (apk fix, apk upgrade)");
	}
	if (said->added > 0) {
		err_set(e, failed(e), "the phone's apk did not take %s (exit status %d): %s",
			p->name, said->added, words);
		return strstr(words, "lock")
			       ? err_hint(e, "another apk runs on the phone; try later")
			       : -EIO;
	}
	for (size_t i = 0; i < s->packages.n; i++)
		if (!has_version(said, &s->packages.v[i].pkg))
			return err_set(e, failed(e),
				said->ended ? "the phone's apk reported success, but %s-%s is not "
					      "installed"
					    : "the connection broke before the phone said that "
					      "%s-%s is installed; look there: apk info -vv",
				s->packages.v[i].pkg.name, s->packages.v[i].pkg.version);
	return 0;
}

/* Was the phone heard no more because of what it was loading? */
static bool may_be_the_modules(const struct sideload_said *said, int r)
{
	return said->tried.n &&
	       (said->ended || r == -EPIPE || r == -EHOSTUNREACH || r == -ETIMEDOUT);
}

/* Nothing more was heard from the phone: what is known of it all the same. */
static int pass_on(const struct sideload *s, const struct sideload_said *said,
	const struct err *silence, struct err *e)
{
	const struct apk_pkg *p = &s->packages.v[0].pkg;

	if (e)
		*e = *silence;
	if (said->tried.n)
		err_hint(e, "%s-%s is installed; modprobe was called", p->name, p->version);
	else if (has_version(said, p))
		err_hint(e, "%s-%s is installed; its module was not loaded", p->name, p->version);
	else if (said->began)
		err_hint(e, "whether %s is installed is not known: apk info -e %s on the phone",
			p->name, p->name);
	return silence->code;
}

int sideload_run(struct sideload *s, struct sideload_result *out, struct err *e)
{
	_cleanup_(sideload_said_free) struct sideload_said said = {.added = -1};
	_cleanup_strvec_ struct strvec files = {0};
	_cleanup_free_ char *text = NULL;
	struct err silence = ERR_INIT;
	char mark[PHONE_TOKEN];
	bool own = s->way == SIDELOAD_SSH;
	struct sideload_script script = {.token = said.token,
		.mark = mark,
		.key = own && s->bring_key ? s->packages.v[0].key : NULL,
		.install = own,
		.packages = &s->packages,
		.modules = s->modules,
		.load_s = s->phone.timeout_s};
	int r = phone_token(said.token, e);

	*out = (struct sideload_result){0};
	if (r == 0)
		r = phone_token(mark, e);
	if (r == 0 && !own)
		r = sideload_by_pmbootstrap(s, e);
	if (r < 0)
		return r;
	for (size_t i = 0; own && i < s->packages.n; i++)
		strvec_add(&files, s->packages.v[i].path);
	if (script.key)
		strvec_add(&files, s->key_path);
	said.show = s->phone.interactive;
	text = sideload_script_text(&script);
	r = run_there(s, text, &files, &said, &silence);
	if (r < 0 && !may_be_the_modules(&said, r))
		return pass_on(s, &said, &silence, e);
	r = judge_install(s, &said, e);
	if (r < 0)
		return r;
	out->installed = true;
	out->pinned = said.pinned.n > 0;
	sideload_judge_load(s, &said, silence.code < 0 && !said.ended ? &silence : NULL, out);
	return 0;
}

void sideload_result_free(struct sideload_result *r)
{
	strvec_free(&r->was_loaded);
	free(r->lsmod);
	free(r->dmesg);
	free(r->failure);
	free(r->stack);
	refusal_free(&r->refusal);
	trouble_free(&r->trouble);
	strvec_free(&r->next);
	*r = (struct sideload_result){0};
}
