// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/phone/phone.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/util/process.h"
#include "pmkmod/util/exit_codes.h"

#define CONNECT_S 10
#define CONFIG_MAX 262144
/* An idle connection whose pmkmod was killed ends by itself. */
#define PERSIST_S 30

/* ---- where to ---- */

static int bad_name(const char *key, const char *value, const char *what, struct err *e)
{
	return err_exit(
		e, EXIT_USAGE, -EINVAL, "phone.%s is '%s', which is no %s", key, value, what);
}

static bool made_of(const char *s, const char *more)
{
	for (; *s; s++)
		if (!(*s >= 'a' && *s <= 'z') && !(*s >= 'A' && *s <= 'Z') &&
			!(*s >= '0' && *s <= '9') && !strchr(more, *s))
			return false;
	return true;
}

static int read_names(struct phone *p, struct config *c, struct err *e)
{
	unsigned long long port = 0, timeout = 0;
	const char *host = config_get(c, "phone", "host");
	const char *given = config_get(c, "phone", "port");

	p->host = xstrdup(host ? host : "172.16.42.1");
	p->user = xstrdup(config_get(c, "phone", "user"));
	if (*p->host == '-' || !made_of(p->host, ".:-_%")) {
		bad_name("host", p->host, "host name or address", e);
		return err_hint(e,
			"a name, or an address without brackets; --user names the account, --port the "
			"port");
	}
	if (p->user && (*p->user == '-' || !made_of(p->user, "._-")))
		return bad_name("user", p->user, "account's name", e);
	if (config_number(c, "phone", "port", 0, &port, NULL) < 0 || port > 65535 ||
		(given && *given && !port))
		return bad_name("port", given, "port (1 to 65535)", e);
	if (config_number(c, "phone", "timeout", 0, &timeout, NULL) < 0 || timeout > 86400)
		return bad_name("timeout", config_get(c, "phone", "timeout"),
			"number of seconds (at most a day)", e);
	if (port)
		p->port = xasprintf("%llu", port);
	p->timeout_s = timeout ? (unsigned)timeout : 120;
	p->shown = p->user ? xasprintf("%s@%s", p->user, p->host) : xstrdup(p->host);
	return 0;
}

/* ---- what ssh makes of it ---- */

struct ssh_config {
	char *connect_timeout, *alive_interval, *control_path;
};

static void config_line(struct phone *p, struct ssh_config *s, const char *line)
{
	const struct {
		const char *word;
		char **slot;
	} t[] = {{"hostname ", &p->real_host}, {"user ", &p->real_user}, {"port ", &p->real_port},
		{"connecttimeout ", &s->connect_timeout},
		{"serveraliveinterval ", &s->alive_interval}, {"controlpath ", &s->control_path}};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (starts_with(line, t[i].word) && !*t[i].slot)
			*t[i].slot = xstrdup(line + strlen(t[i].word));
}

static void add_where(const struct phone *p, struct strvec *argv, bool scp)
{
	if (p->port) {
		strvec_add(argv, scp ? "-P" : "-p");
		strvec_add(argv, p->port);
	}
	if (p->user && !scp) {
		strvec_add(argv, "-l");
		strvec_add(argv, p->user);
	}
}

static int no_ssh(struct err *e)
{
	if (e)
		e->exit_code = EXIT_PHONE;
	return err_hint(
		e, "It is in Debian's package openssh-client, in Alpine's openssh-client-default");
}

static int ask_ssh(struct phone *p, struct ssh_config *s, struct err *e)
{
	_cleanup_strvec_ struct strvec argv = {0}, lines = {0};
	_cleanup_strbuf_ struct strbuf out = {0}, words = {0};
	struct process run = {.argv = &argv, .timeout_s = CONNECT_S, .max = CONFIG_MAX};
	int status, r;

	strvec_add(&argv, "ssh");
	strvec_add(&argv, "-G");
	add_where(p, &argv, false);
	strvec_add(&argv, "--");
	strvec_add(&argv, p->host);
	r = process_run(&run, &out, &words, &status, e);
	if (r == -ENOENT)
		return no_ssh(e);
	if (r < 0)
		return r;
	if (status != 0) {
		_cleanup_free_ char *why = phone_clean(words.s ? words.s : "", words.len);

		return err_exit(e, EXIT_PHONE, -EINVAL,
			"ssh does not understand its configuration: %s", why);
	}
	strvec_split(&lines, out.s ? out.s : "", "\n");
	for (size_t i = 0; i < lines.n; i++)
		config_line(p, s, lines.v[i]);
	return 0;
}

static void add_option(struct phone *p, const char *name, const char *value)
{
	strvec_add(&p->options, "-o");
	strvec_addf(&p->options, "%s=%s", name, value);
}

static bool is_set(const char *v)
{
	return v && !streq(v, "none") && !streq(v, "0");
}

/* A folder of ours with a short name, since a socket's path may have 107 bytes. */
static int share_connection(struct phone *p, struct err *e)
{
	char dir[] = "/tmp/pmkmod-ssh.XXXXXX";
	char persist[16];
	_cleanup_free_ char *path = NULL;

	if (!mkdtemp(dir))
		return err_errno(e, -errno, "cannot create a folder in /tmp");
	p->socket_dir = xstrdup(dir);
	path = path_join(dir, "s");
	snprintf(persist, sizeof(persist), "%d", PERSIST_S);
	add_option(p, "ControlMaster", "auto");
	add_option(p, "ControlPath", path);
	add_option(p, "ControlPersist", persist);
	return 0;
}

static int set_options(struct phone *p, const struct ssh_config *s, struct err *e)
{
	if (!is_set(s->connect_timeout))
		add_option(p, "ConnectTimeout", "10");
	if (!is_set(s->alive_interval)) {
		add_option(p, "ServerAliveInterval", "5");
		add_option(p, "ServerAliveCountMax", "4");
	}
	/* nothing of this machine is the phone's business */
	add_option(p, "ForwardAgent", "no");
	add_option(p, "ForwardX11", "no");
	add_option(p, "ClearAllForwardings", "yes");
	/* a command that the user's configuration has for this host would stand before ours */
	add_option(p, "RemoteCommand", "none");
	if (!p->interactive)
		add_option(p, "BatchMode", "yes");
	return is_set(s->control_path) ? 0 : share_connection(p, e);
}

int phone_open(struct phone *p, struct config *c, struct err *e)
{
	struct ssh_config s = {0};
	int r;

	*p = (struct phone){.interactive = isatty(STDIN_FILENO) && isatty(STDERR_FILENO)};
	r = read_names(p, c, e);
	if (r == 0)
		r = ask_ssh(p, &s, e);
	if (r == 0)
		r = set_options(p, &s, e);
	free(s.connect_timeout);
	free(s.alive_interval);
	free(s.control_path);
	if (r < 0)
		phone_close(p);
	return r;
}

static void ssh_argv(const struct phone *p, struct strvec *argv)
{
	strvec_add(argv, "ssh");
	strvec_add_all(argv, &p->options);
	add_where(p, argv, false);
}

void phone_close(struct phone *p)
{
	if (p->socket_dir) {
		_cleanup_strvec_ struct strvec argv = {0};
		_cleanup_free_ char *socket = path_join(p->socket_dir, "s");
		struct process run = {.argv = &argv, .timeout_s = CONNECT_S, .max = CONFIG_MAX};
		int status;

		ssh_argv(p, &argv);
		strvec_add(&argv, "-O");
		strvec_add(&argv, "exit");
		strvec_add(&argv, "--");
		strvec_add(&argv, p->host);
		if (fs_exists(socket))
			process_run(&run, NULL, NULL, &status, NULL);
		fs_remove_tree(p->socket_dir, NULL);
	}
	free(p->host);
	free(p->user);
	free(p->port);
	free(p->shown);
	free(p->real_host);
	free(p->real_user);
	free(p->real_port);
	free(p->socket_dir);
	free(p->said);
	strvec_free(&p->options);
	*p = (struct phone){0};
}

/* ---- why ssh failed ---- */

static const char gone[] =
	"is the phone still on, and its cable in? If so, what sshd did is in its log "
	"(/var/log/messages, or journalctl -u sshd)";

/* OpenSSH's own words (sshconnect.c, ssh.c, packet.c), the telling ones first. */
static const struct {
	const char *words;
	int code;
	const char *sentence;
	const char *hint; /* %s: [host]:port as ssh-keygen takes it; NULL: none */
} troubles[] = {
	{"REMOTE HOST IDENTIFICATION HAS CHANGED", -EKEYREJECTED,
		"the host key is not the one that ssh knows: this is another phone at that address, the "
		"phone was installed anew, or somebody is in between",
		"if you installed the phone anew, forget the old key: ssh-keygen -R '%s'"},
	{"Host key verification failed", -EKEYREJECTED,
		"ssh does not know this phone's host key yet, and nobody can be asked here",
		"connect once by hand with ssh, compare the fingerprint it shows, and say yes (%s)"},
	{"Permission denied", -EACCES, "the login was refused",
		"put your public key onto the phone (ssh-copy-id), or run this in a terminal, where ssh "
		"can ask for the password; --user names another account"},
	{"Too many authentication failures", -EACCES, "the login was refused",
		"ssh offered more keys than the phone tries; name the right one in ~/.ssh/config"},
	{"Connection refused", -EHOSTUNREACH, "nothing listens there",
		"is sshd running on the phone (service sshd start), and is --port right?"},
	{"Could not resolve hostname", -EHOSTUNREACH, "there is no host of that name",
		"--host takes a name or an address; 172.16.42.1 is what a phone on USB usually has"},
	{"No route to host", -EHOSTUNREACH, "there is no way to that address",
		"is the phone on, plugged in, and its USB network up? (172.16.42.1 is its usual "
		"address; --host names another)"},
	{"Network is unreachable", -EHOSTUNREACH, "there is no way to that address",
		"is the phone plugged in, and its USB network up? (--host names another address)"},
	{"timed out", -EHOSTUNREACH, "it does not answer",
		"is the phone on, plugged in, and its USB network up? (172.16.42.1 is its usual "
		"address; --host names another)"},
	{"no matching", -EPROTONOSUPPORT, "both sides have no cipher or key type in common",
		"bring the older of the two sshs up to date, or allow what it has in ~/.ssh/config"},
	{"closed by", -EPIPE, "the phone closed the connection", gone},
	{"Connection reset", -EPIPE, "the phone closed the connection", gone},
	{"Broken pipe", -EPIPE, "the connection broke", gone},
};

/* ssh's last line that says something; caller frees. */
static char *last_words(const struct strbuf *words)
{
	_cleanup_strvec_ struct strvec lines = {0};

	strvec_split(&lines, words->s ? words->s : "", "\r\n");
	return lines.n ? phone_clean(lines.v[lines.n - 1], strlen(lines.v[lines.n - 1]))
		       : xstrdup("it said nothing");
}

static int explain(const struct phone *p, const struct strbuf *words, struct err *e)
{
	_cleanup_free_ char *last = last_words(words);
	bool usual = !p->real_port || streq(p->real_port, "22");
	_cleanup_free_ char *known = xasprintf(usual ? "%s" : "[%s]:%s",
		p->real_host ? p->real_host : p->host, p->real_port ? p->real_port : "");
	_cleanup_free_ char *at = usual ? xstrdup("") : xasprintf(", port %s", p->real_port);
	const char *text = words->s ? words->s : "";

	if (e)
		e->exit_code = EXIT_PHONE;
	for (size_t i = 0; i < ARRAY_SIZE(troubles); i++) {
		if (!strstr(text, troubles[i].words))
			continue;
		err_set(e, troubles[i].code, "the phone %s%s: %s (ssh: %s)", p->shown, at,
			troubles[i].sentence, last);
		if (troubles[i].hint && strstr(troubles[i].hint, "%s")) {
			const char *h = troubles[i].hint, *s = strstr(h, "%s");

			err_hint(e, "%.*s%s%s", (int)(s - h), h, known, s + 2);
		} else if (troubles[i].hint) {
			err_hint(e, "%s", troubles[i].hint);
		}
		return troubles[i].code;
	}
	return err_set(e, -EPIPE, "the phone %s%s: ssh failed: %s", p->shown, at, last);
}

/* ---- talking ---- */

static int too_slow(const struct phone *p, int r, struct err *e)
{
	if (e && r == -ETIMEDOUT)
		e->exit_code = EXIT_TIMEOUT;
	else if (e && r != -EINTR && !e->exit_code)
		e->exit_code = EXIT_PHONE;
	err_prefix(e, "the phone %s", p->shown);
	return r == -ETIMEDOUT ? err_hint(e, "phone.timeout of pmkmod.ini allows more (seconds)")
			       : r;
}

int phone_call(struct phone *p, const struct phone_call *call, struct strbuf *out, int *status,
	struct err *e)
{
	_cleanup_strvec_ struct strvec argv = {0};
	_cleanup_strbuf_ struct strbuf words = {0};
	struct process run = {.argv = &argv,
		.input = call->input,
		.terminal = p->interactive,
		/* who types a password takes the time it takes */
		.timeout_s = (p->interactive ? p->timeout_s * 5 : p->timeout_s) + call->more_s,
		.max = call->max,
		.bytes = call->bytes,
		.ctx = call->ctx};
	int r;

	ssh_argv(p, &argv);
	/* a terminal there is for asking; without one here it would only echo */
	strvec_add(&argv, call->terminal && p->interactive ? "-t" : "-T");
	strvec_add(&argv, "--");
	strvec_add(&argv, p->host);
	strvec_add(&argv, call->command);
	r = process_run(&run, out, &words, status, e);
	if (r < 0)
		return too_slow(p, r, e);
	free(p->said);
	p->said = words.len ? last_words(&words) : NULL;
	return *status == 255 ? explain(p, &words, e) : 0;
}

int phone_copy(struct phone *p, const struct strvec *files, const char *folder, struct err *e)
{
	_cleanup_strvec_ struct strvec argv = {0};
	_cleanup_strbuf_ struct strbuf words = {0};
	struct process run = {.argv = &argv,
		.terminal = p->interactive,
		.timeout_s = p->interactive ? p->timeout_s * 5 : p->timeout_s,
		.max = CONFIG_MAX};
	bool v6 = strchr(p->host, ':') != NULL;
	int status, r;

	strvec_add(&argv, "scp");
	strvec_add(&argv, "-q");
	strvec_add_all(&argv, &p->options);
	add_where(p, &argv, true);
	strvec_add(&argv, "--");
	strvec_add_all(&argv, files);
	strvec_addf(&argv, "%s%s%s%s%s:%s/", p->user ? p->user : "", p->user ? "@" : "",
		v6 ? "[" : "", p->host, v6 ? "]" : "", folder);
	r = process_run(&run, NULL, &words, &status, e);
	if (r == -ENOENT)
		return no_ssh(e);
	if (r < 0)
		return too_slow(p, r, e);
	if (status == 0)
		return 0;
	explain(p, &words, e);
	return err_prefix(e, "cannot copy files onto the phone");
}

int phone_token(char out[PHONE_TOKEN], struct err *e)
{
	uint8_t b[(PHONE_TOKEN - 1) / 2];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return err_errno(e, -errno, "cannot get random bytes");
	for (size_t i = 0; i < sizeof(b); i++)
		snprintf(out + 2 * i, 3, "%02x", b[i]);
	return 0;
}
