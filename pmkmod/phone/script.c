// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The one script that runs as root on the phone. It needs busybox' tools and apk. Every line it
 * prints for us begins with the token. It changes nothing before apk has said, by --simulate, that
 * nothing but our packages would change.
 */
#include "pmkmod/phone/sideload.h"

#include <unistd.h>

#include "chroot/base/fs.h"

#define LINE_MAX_BYTES 4096
/* a kernel log is at most 2^25 bytes; of the part since modprobe this much is kept */
#define KEPT_MAX (4u << 20)
#define LIST_MAX 1024

/*
 * @T@: token, @K@: key file, @F@: package files, @M@: modules, @W@: mark for the kernel log,
 * @L@: seconds for loading
 */
static const char head[] = "PATH=$PATH:/usr/sbin:/sbin\n"
			   "LC_ALL=C\n"
			   "export PATH LC_ALL\n"
			   "umask 022\n"
			   "say() { sed \"s/^/@T@ $1 /\"; }\n"
			   "tell() { echo \"@T@ $*\"; }\n"
			   "stop() { tell end; exit 0; }\n"
			   "tell begin\n"
			   "cd \"${0%/*}\" || stop\n";

/* hidden files are no keys to apk; -n: a key that is there stays as it is */
static const char bring_key[] = "k=/etc/apk/keys\n"
				"if ! { cp '@K@' $k/.pmkmod.new && chmod 644 $k/.pmkmod.new &&\n"
				"		mv -n $k/.pmkmod.new $k/'@K@'; } >out 2>&1; then\n"
				"	rm -f $k/.pmkmod.new\n"
				"	say said <out\n"
				"	tell nokey\n"
				"	stop\n"
				"fi\n"
				"rm -f $k/.pmkmod.new\n";

/* @N@: one sed command a package of ours; @V@: the same for the installed database */
static const char functions[] = "a() { apk --wait 30 --no-network \"$@\" </dev/null; }\n"
				"only_ours() {\n"
				"	grep '^([0-9]*/[0-9]*) ' \"$1\" | sed@N@ >others\n"
				"	if [ -s others ]; then say surprise <others; return 1; fi\n"
				"}\n";

static const char install[] = "a add --simulate@F@ >out 2>&1\n"
			      "r=$?\n"
			      "if [ $r -ne 0 ]; then say said <out; tell added $r; stop; fi\n"
			      "only_ours out || stop\n"
			      "a add@F@ >out 2>&1\n"
			      "r=$?\n"
			      "say said <out\n"
			      "tell added $r\n"
			      "if [ $r -ne 0 ]; then stop; fi\n";

/*
 * The range is the version's paragraph in `apk policy`; a repository is a line of it with a slash
 * that is not the installed database.
 */
static const char unpin[] =
	"unpin() {\n"
	"	if apk policy \"$1\" </dev/null 2>/dev/null | sed -n \"/^  $2:\\$/,/^  [^ ]/p\" |\n"
	"		grep '^    .*/' | grep -qv 'apk/db/installed'; then\n"
	"		a add --simulate \"$1\" >out 2>&1 && only_ours out && a add \"$1\" >out 2>&1\n"
	"	fi\n"
	"	if grep -q \"^$1><\" /etc/apk/world; then tell pinned \"$1\"; fi\n"
	"}\n";

/*
 * within TENTHS FILE COMMAND...: what it says is in FILE, its status in FILE.status; false: it did
 * not end in time. What hangs in the kernel cannot be ended, only left behind. $t is what is left.
 */
static const char within[] =
	"within() {\n"
	"	t=$1 f=$2\n"
	"	shift 2\n"
	"	rm -f $f.status\n"
	"	(\n"
	"		\"$@\" &\n"
	"		echo $! >$f.pid\n"
	"		wait $!\n"
	"		echo $? >$f.status\n"
	"	) >$f 2>&1 </dev/null &\n"
	"	while [ ! -s $f.status ]; do\n"
	"		if [ $t -le 0 ]; then return 1; fi\n"
	"		if sleep 0.1 2>/dev/null; then t=$((t - 1)); else sleep 1; t=$((t - 10)); fi\n"
	"	done\n"
	"}\n"
	/* where the phone dies, apk's work shall be on its disk */
	"flush() { sync -f /lib/apk/db/installed || sync; }\n";

/* A module that made the kernel end its modprobe leaves nothing to load others into. */
static const char load[] = "within 300 out flush\n"
			   "echo 'pmkmod: @W@' 2>/dev/null >/dev/kmsg\n"
			   "t=@L@0\n"
			   "for m in@M@; do\n"
			   "	tell loading $m\n"
			   "	if ! within $t out modprobe $m; then\n"
			   "		tell hung $m\n"
			   "		say modprobe <out\n"
			   "		cat /proc/$(cat out.pid)/stack 2>/dev/null | say stack\n"
			   "		break\n"
			   "	fi\n"
			   "	s=$(cat out.status)\n"
			   "	say modprobe <out\n"
			   "	tell status $m $s\n"
			   "	if [ $s -gt 128 ]; then break; fi\n"
			   "done\n"
			   "tell after\n"
			   "within 100 log dmesg\n"
			   "if grep -q '@W@' log; then\n"
			   "	tell marked\n"
			   "	sed '1,/@W@/d' log | say dmesg\n"
			   "else\n"
			   "	tail -n 40 log | say dmesg\n"
			   "fi\n"
			   "within 100 rows lsmod\n"
			   "say lsmod <rows\n"
			   "tell end\n";

static void put(struct strbuf *b, const char *text, const struct sideload_script *s)
{
	_cleanup_strbuf_ struct strbuf files = {0}, modules = {0}, ours = {0};
	_cleanup_free_ char *limit = xasprintf("%u", s->load_s);

	for (size_t i = 0; i < s->packages->n; i++) {
		strbuf_addf(&files, " './%s'", path_base(s->packages->v[i].path));
		strbuf_addf(&ours, " -e '/ %s (/d'", s->packages->v[i].pkg.name);
	}
	for (size_t i = 0; i < s->modules->n; i++)
		strbuf_addf(&modules, " '%s'", s->modules->v[i]);
	while (*text) {
		const struct {
			char letter;
			const char *is;
		} t[] = {{'T', s->token}, {'K', s->key}, {'F', files.s}, {'M', modules.s},
			{'N', ours.s}, {'W', s->mark}, {'L', limit}};
		const char *is = NULL;

		if (text[0] == '@' && text[1] && text[2] == '@')
			for (size_t i = 0; i < ARRAY_SIZE(t); i++)
				if (t[i].letter == text[1])
					is = t[i].is;
		if (is) {
			strbuf_adds(b, is);
			text += 3;
		} else {
			strbuf_addc(b, *text++);
		}
	}
}

char *sideload_script_text(const struct sideload_script *s)
{
	struct strbuf b = {0};

	put(&b, head, s);
	if (s->key)
		put(&b, bring_key, s);
	put(&b, functions, s);
	if (s->install)
		put(&b, install, s);
	put(&b, unpin, s);
	for (size_t i = 0; i < s->packages->n; i++) {
		const struct apk_pkg *p = &s->packages->v[i].pkg;

		strbuf_addf(&b,
			"sed -n '/^P:%s$/,/^$/s/^V:/%s version %s /p' /lib/apk/db/installed\n"
			"unpin '%s' '%s'\n",
			p->name, s->token, p->name, p->name, p->version);
	}
	put(&b, within, s);
	put(&b, load, s);
	return strbuf_steal(&b);
}

/* ---- what it says ---- */

static void add_text(struct sideload_said *s, struct strbuf *b, const char *text)
{
	_cleanup_free_ char *clean = phone_clean(text, strlen(text));

	if (s->kept + strlen(clean) > KEPT_MAX)
		return;
	s->kept += strlen(clean) + 1;
	strbuf_adds(b, clean);
	strbuf_addc(b, '\n');
}

static void add_item(struct strvec *l, const char *text)
{
	if (l->n < LIST_MAX)
		strvec_take(l, phone_clean(text, strlen(text)));
}

static void on_begin(struct sideload_said *s, const char *t)
{
	(void)t;
	s->began = true;
}
static void on_said(struct sideload_said *s, const char *t)
{
	add_text(s, &s->words, t);
}
static void on_nokey(struct sideload_said *s, const char *t)
{
	(void)t;
	s->key_failed = true;
}
static void on_surprise(struct sideload_said *s, const char *t)
{
	add_item(&s->surprises, t);
}

static void on_added(struct sideload_said *s, const char *t)
{
	char *end;
	long v = strtol(t, &end, 10);

	if (end != t && *end == '\0' && v >= 0 && v < 256)
		s->added = (int)v;
}

static void on_version(struct sideload_said *s, const char *t)
{
	add_item(&s->versions, t);
}
static void on_pinned(struct sideload_said *s, const char *t)
{
	add_item(&s->pinned, t);
}
static void on_loading(struct sideload_said *s, const char *t)
{
	add_item(&s->tried, t);
}
static void on_hung(struct sideload_said *s, const char *t)
{
	(void)t;
	s->hung = true;
}
static void on_stack(struct sideload_said *s, const char *t)
{
	add_text(s, &s->stack, t);
}
static void on_after(struct sideload_said *s, const char *t)
{
	(void)t;
	s->after = true;
}
static void on_marked(struct sideload_said *s, const char *t)
{
	(void)t;
	s->marked = true;
}
static void on_modprobe(struct sideload_said *s, const char *t)
{
	add_text(s, &s->modprobe, t);
}
static void on_status(struct sideload_said *s, const char *t)
{
	add_item(&s->statuses, t);
}
static void on_lsmod(struct sideload_said *s, const char *t)
{
	add_text(s, &s->lsmod, t);
}
static void on_dmesg(struct sideload_said *s, const char *t)
{
	add_text(s, &s->dmesg, t);
}
static void on_end(struct sideload_said *s, const char *t)
{
	(void)t;
	s->ended = true;
}

static const struct {
	const char *word;
	void (*use)(struct sideload_said *s, const char *text);
} sections[] = {
	{"begin", on_begin},
	{"said", on_said},
	{"nokey", on_nokey},
	{"surprise", on_surprise},
	{"added", on_added},
	{"version", on_version},
	{"pinned", on_pinned},
	{"loading", on_loading},
	{"hung", on_hung},
	{"stack", on_stack},
	{"after", on_after},
	{"marked", on_marked},
	{"modprobe", on_modprobe},
	{"status", on_status},
	{"lsmod", on_lsmod},
	{"dmesg", on_dmesg},
	{"end", on_end},
};

static void our_line(struct sideload_said *s, char *text)
{
	size_t n = strcspn(text, " ");
	char *rest = text[n] ? text + n + 1 : text + n;

	text[n] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (streq(sections[i].word, text))
			sections[i].use(s, rest);
}

static void show(const struct sideload_said *s, const char *text, const char *end)
{
	_cleanup_free_ char *clean = phone_clean(text, strlen(text));

	if (!s->show)
		return;
	fs_write_all(STDERR_FILENO, clean, strlen(clean));
	fs_write_all(STDERR_FILENO, end, strlen(end));
}

static void other_line(struct sideload_said *s, const char *line)
{
	show(s, s->mid_line ? "" : line, "\n");
	if (!*line)
		return;
	free(s->last);
	s->last = phone_clean(line, strlen(line));
}

static void end_line(struct sideload_said *s)
{
	size_t n = strlen(s->token);
	char *line, *ours;

	strbuf_addc(&s->line, '\0');
	line = s->line.s;
	for (size_t end = strlen(line); end && line[end - 1] == '\r'; end--)
		line[end - 1] = '\0';
	/* what asked for a password may have left the cursor in front of our first line */
	ours = strstr(line, s->token);
	if (ours && ours[n] == ' ')
		our_line(s, ours + n + 1);
	else if (*line || s->mid_line)
		other_line(s, line);
	s->mid_line = false;
	strbuf_reset(&s->line);
}

/* A question has no line end, so what cannot become a line of ours is shown at once. */
static void show_question(struct sideload_said *s)
{
	const char *line = s->line.s;

	if (!s->show || s->mid_line || s->began || !s->line.len ||
		strncmp(line, s->token, s->line.len) == 0)
		return;
	show(s, line, "");
	s->mid_line = true;
}

void sideload_hear(void *said, const char *data, size_t len)
{
	struct sideload_said *s = said;

	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n')
			end_line(s);
		else if (s->line.len < LINE_MAX_BYTES && data[i] != '\0')
			strbuf_addc(&s->line, data[i]);
	}
	show_question(s);
}

void sideload_heard_all(struct sideload_said *s)
{
	if (s->line.len)
		end_line(s);
}

void sideload_said_free(struct sideload_said *s)
{
	strbuf_free(&s->line);
	strbuf_free(&s->words);
	strvec_free(&s->versions);
	strvec_free(&s->surprises);
	strvec_free(&s->pinned);
	strvec_free(&s->tried);
	strbuf_free(&s->modprobe);
	strbuf_free(&s->stack);
	strbuf_free(&s->lsmod);
	strbuf_free(&s->dmesg);
	strvec_free(&s->statuses);
	free(s->last);
	*s = (struct sideload_said){0};
}
