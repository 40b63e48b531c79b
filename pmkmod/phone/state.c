// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The survey. Every line of the answer begins with a random token, so that greetings and whatever
 * else a login shell prints are not taken for it.
 */
#include "pmkmod/phone/phone.h"

#include "pmkmod/util/exit_codes.h"

/* An installed database has a few hundred bytes a package of the lines asked for. */
#define ANSWER_MAX (16u << 20)
#define PACKAGES_MAX 65536
#define LINE_LIST_MAX 65536

/* @T@: token, @K@: name of the key. Reads only; needs no rights. */
static const char survey[] =
	"PATH=$PATH:/usr/sbin:/sbin\n"
	"LC_ALL=C\n"
	"export PATH LC_ALL\n"
	"say() { sed \"s/^/@T@ $1 /\"; }\n"
	"echo '@T@ begin'\n"
	"id -u | say uid\n"
	"id -un | say login\n"
	"uname -m | say machine\n"
	"uname -r | say release\n"
	"for s in sudo doas run0; do\n"
	"	if command -v $s >/dev/null 2>&1; then echo \"@T@ su $s\"; break; fi\n"
	"done\n"
	"if command -v apk >/dev/null 2>&1; then\n"
	"	echo '@T@ apk'\n"
	"	apk --print-arch 2>/dev/null </dev/null | say arch\n"
	"fi\n"
	"sed -n 's/^\\([PVp]:\\)/@T@ db \\1/p' /lib/apk/db/installed 2>/dev/null\n"
	"sed -n 's/^/@T@ world /p' /etc/apk/world 2>/dev/null\n"
	"ls -1 /etc/apk/keys 2>/dev/null | say key\n"
	"[ -z '@K@' ] || sha256sum '/etc/apk/keys/@K@' 2>/dev/null | say keysum\n"
	"lsmod 2>/dev/null </dev/null | say module\n"
	"echo '@T@ end'\n";

char *phone_survey_script(const char *token, const char *key)
{
	const struct {
		const char *name, *text;
	} t[] = {{"@T@", token}, {"@K@", key && phone_word_ok(key) ? key : ""}};
	struct strbuf b = {0};
	const char *s = survey;

	while (*s) {
		size_t i = 0;

		while (i < ARRAY_SIZE(t) && !starts_with(s, t[i].name))
			i++;
		if (i < ARRAY_SIZE(t)) {
			strbuf_adds(&b, t[i].text);
			s += strlen(t[i].name);
		} else {
			strbuf_addc(&b, *s++);
		}
	}
	return strbuf_steal(&b);
}

/* ---- the answer ---- */

struct reading {
	struct phone_state *s;
	bool ended;
};

static void once(char **slot, const char *text)
{
	if (!*slot && phone_word_ok(text))
		*slot = xstrdup(text);
}

static void on_uid(struct reading *r, const char *t)
{
	r->s->root = streq(t, "0");
}
static void on_login(struct reading *r, const char *t)
{
	once(&r->s->login, t);
}
static void on_machine(struct reading *r, const char *t)
{
	once(&r->s->machine, t);
}
static void on_release(struct reading *r, const char *t)
{
	once(&r->s->release, t);
}
static void on_arch(struct reading *r, const char *t)
{
	once(&r->s->arch, t);
}
static void on_apk(struct reading *r, const char *t)
{
	(void)t;
	r->s->apk = true;
}

/* It becomes a command: only what the script itself can have said. */
static void on_su(struct reading *r, const char *t)
{
	static const char *const known[] = {"sudo", "doas", "run0"};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(t, known[i]) && !r->s->su)
			r->s->su = xstrdup(t);
}

static void on_db(struct reading *r, const char *t)
{
	struct phone_state *s = r->s;
	struct phone_pkg *p = s->n_pkgs ? &s->pkgs[s->n_pkgs - 1] : NULL;

	if (t[0] == '\0' || t[1] != ':')
		return;
	if (*t == 'P' && s->n_pkgs < PACKAGES_MAX && phone_word_ok(t + 2)) {
		s->pkgs = xrealloc(s->pkgs, s->n_pkgs + 1, sizeof(*s->pkgs));
		s->pkgs[s->n_pkgs++] = (struct phone_pkg){.name = xstrdup(t + 2)};
	} else if (*t == 'V' && p && phone_word_ok(t + 2)) {
		once(&p->version, t + 2);
	} else if (*t == 'p' && p && p->provides.n == 0) {
		/* a list it cannot read is one that provides nothing */
		if (apk_deps_parse(&p->provides, t + 2, NULL) < 0)
			apk_deps_free(&p->provides);
	}
}

static void add_line(struct strvec *l, const char *t)
{
	if (l->n < LINE_LIST_MAX)
		strvec_take(l, phone_clean(t, strlen(t)));
}

static void on_world(struct reading *r, const char *t)
{
	add_line(&r->s->world, t);
}
static void on_key(struct reading *r, const char *t)
{
	add_line(&r->s->keys, t);
}

static void on_keysum(struct reading *r, const char *t)
{
	_cleanup_free_ char *sum = xstrndup(t, strcspn(t, " "));

	if (strlen(sum) == 64 && sum[strspn(sum, "0123456789abcdef")] == '\0')
		once(&r->s->key_sum, sum);
}

/* lsmod's rows; its heading reads "Module  Size  Used by" */
static void on_module(struct reading *r, const char *t)
{
	_cleanup_free_ char *name = xstrndup(t, strcspn(t, " \t"));

	if (phone_word_ok(name) && !streq(name, "Module"))
		add_line(&r->s->loaded, name);
}

static void on_end(struct reading *r, const char *t)
{
	(void)t;
	r->ended = true;
}

static const struct {
	const char *word;
	void (*use)(struct reading *r, const char *text);
} sections[] = {
	{"uid", on_uid},
	{"login", on_login},
	{"machine", on_machine},
	{"release", on_release},
	{"su", on_su},
	{"apk", on_apk},
	{"arch", on_arch},
	{"db", on_db},
	{"world", on_world},
	{"key", on_key},
	{"keysum", on_keysum},
	{"module", on_module},
	{"end", on_end},
};

static void one_line(struct reading *r, char *line)
{
	size_t n = strcspn(line, " ");
	const char *rest = line[n] ? line + n + 1 : line + n;

	line[n] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (streq(sections[i].word, line))
			sections[i].use(r, rest);
}

static int check_whole(const struct reading *r, struct err *e)
{
	if (!r->ended)
		return err_set(e, -EBADMSG,
			"the phone did not answer what it was asked (is there a shell, sed and id?)");
	if (!r->s->release || !r->s->machine || !r->s->login)
		return err_set(e, -EBADMSG, "the phone does not say what kernel it runs");
	return 0;
}

int phone_state_parse(
	struct phone_state *s, const char *token, const char *text, size_t len, struct err *e)
{
	struct reading r = {.s = s};
	size_t n = strlen(token);
	const char *end = text + len;
	int c;

	*s = (struct phone_state){0};
	for (const char *at = text; at < end && !r.ended;) {
		const char *nl = memchr(at, '\n', (size_t)(end - at)), *stop = nl ? nl : end;
		_cleanup_free_ char *line = xstrndup(at, (size_t)(stop - at));

		if (starts_with(line, token) && line[n] == ' ')
			one_line(&r, str_strip(line + n + 1));
		at = nl ? nl + 1 : end;
	}
	c = check_whole(&r, e);
	if (c < 0)
		phone_state_free(s);
	return c;
}

int phone_survey(struct phone *p, const char *key, struct phone_state *out, struct err *e)
{
	char token[PHONE_TOKEN];
	_cleanup_free_ char *script = NULL;
	_cleanup_strbuf_ struct strbuf answer = {0};
	struct phone_call call = {.command = "sh", .max = ANSWER_MAX};
	int status, r = phone_token(token, e);

	*out = (struct phone_state){0};
	if (r < 0)
		return r;
	script = phone_survey_script(token, key);
	call.input = script;
	r = phone_call(p, &call, &answer, &status, e);
	if (r < 0)
		return r;
	r = phone_state_parse(out, token, answer.s ? answer.s : "", answer.len, e);
	if (r == 0)
		return 0;
	if (e)
		e->exit_code = EXIT_PHONE;
	err_prefix(e, "the phone %s", p->shown);
	return p->said ? err_hint(e, "it said: %s", p->said) : r;
}

const struct phone_pkg *phone_installed(const struct phone_state *s, const char *name)
{
	for (size_t i = 0; i < s->n_pkgs; i++)
		if (streq(s->pkgs[i].name, name))
			return &s->pkgs[i];
	return NULL;
}

void phone_state_free(struct phone_state *s)
{
	free(s->release);
	free(s->machine);
	free(s->arch);
	free(s->login);
	free(s->su);
	free(s->key_sum);
	for (size_t i = 0; i < s->n_pkgs; i++) {
		free(s->pkgs[i].name);
		free(s->pkgs[i].version);
		apk_deps_free(&s->pkgs[i].provides);
	}
	free(s->pkgs);
	strvec_free(&s->world);
	strvec_free(&s->keys);
	strvec_free(&s->loaded);
	*s = (struct phone_state){0};
}
