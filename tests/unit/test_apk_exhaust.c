// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Indexes and packages made to exhaust: lines without an end, a million of everything, loops of a
 * hundred thousand packages. Each case runs in a child, whose time and memory are measured; without
 * sanitizers and valgrind both are bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "chroot/apk/apk_solve.h"
#include "tests/unit/apk_craft.h"

#define ID "C:Q1qUqP5cyxm6YcTAhz05Hph5gvu9M=\n"
#define MILLION 1000000
#define LOOP 100000
#define SMALL_LOOP 4000

#ifdef __SANITIZE_ADDRESS__
#define BOUNDED false
#else
#define BOUNDED true
#endif

/* ---- measuring ---- */

struct bounds {
	unsigned seconds, mib;
};

/* `what` in a child of its own; it ends by fail_msg() or returns. */
static void measured(
	const char *name, struct bounds b, void (*what)(const void *arg), const void *arg)
{
	struct timespec start, end;
	struct rusage ru;
	double seconds;
	int status;
	pid_t pid;

	fflush(NULL);
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid = fork();
	if (pid == 0) {
		what(arg);
		_exit(0);
	}
	assert_int_equal(wait4(pid, &status, 0, &ru), pid);
	clock_gettime(CLOCK_MONOTONIC, &end);
	seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
	print_message("%s: %.2f s, %ld MiB\n", name, seconds, ru.ru_maxrss / 1024);
	if (status)
		fail_msg("%s: ended with status 0x%x", name, status);
	if (BOUNDED && (seconds > b.seconds || ru.ru_maxrss / 1024 > b.mib))
		fail_msg("%s: took %.2f s and %ld MiB, allowed are %u s and %u MiB", name, seconds,
			ru.ru_maxrss / 1024, b.seconds, b.mib);
}

/* In the child cmocka's own assertions would run on as a second parent. */
#define demand(condition, ...)                                                                     \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "# " __VA_ARGS__);                                         \
			fprintf(stderr, " (%s)\n", #condition);                                    \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

/* ---- making ---- */

static void repeat(struct strbuf *b, const char *text, size_t times)
{
	size_t n = strlen(text);

	b->s = xrealloc(b->s, b->len + n * times + 1, 1);
	for (size_t i = 0; i < times; i++)
		memcpy(b->s + b->len + i * n, text, n);
	b->len += n * times;
	b->s[b->len] = '\0';
	b->cap = b->len + 1;
}

/* As a gzip member, of `before`, `times` times `piece`, `after` and tar's padding, without ever
 * having it as a whole: after a full flush deflate's output can be repeated. */
static void gzip_repeated(struct strbuf *out, const struct strbuf *before,
	const struct strbuf *piece, size_t times, const char *after)
{
	char tail[2 * CRAFT_BLOCK] = "";
	static const char head[10] = {31, (char)139, 8, 0, 0, 0, 0, 0, 2, 3};
	uLong crc = crc32(0, (const Bytef *)before->s, (uInt)before->len);
	uLong crc_piece = crc32(0, (const Bytef *)piece->s, (uInt)piece->len);
	_cleanup_free_ Bytef *room = xcalloc(1, compressBound(before->len + piece->len) + 1024);
	size_t size = before->len + times * piece->len;
	z_stream z = {0};
	uLong first;

	if (deflateInit2(&z, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	z.next_out = room;
	z.avail_out = (uInt)compressBound(before->len + piece->len) + 1024;
	z.next_in = (Bytef *)before->s;
	z.avail_in = (uInt)before->len;
	deflate(&z, Z_FULL_FLUSH);
	first = z.total_out;
	strbuf_add(out, head, sizeof(head));
	strbuf_add(out, room, first);
	z.next_in = (Bytef *)piece->s;
	z.avail_in = (uInt)piece->len;
	deflate(&z, Z_FULL_FLUSH);
	for (size_t i = 0; i < times; i++) {
		strbuf_add(out, room + first, z.total_out - first);
		crc = crc32_combine(crc, crc_piece, (z_off_t)piece->len);
	}
	strcpy(tail, after);
	z.next_in = (Bytef *)tail;
	z.avail_in = (uInt)strlen(after);
	z.avail_in += -(size + z.avail_in) & (CRAFT_BLOCK - 1);
	crc = crc32(crc, (const Bytef *)tail, z.avail_in);
	size += z.avail_in;
	z.next_out = room;
	z.avail_out = 1024;
	deflate(&z, Z_FINISH);
	strbuf_add(out, room, 1024 - z.avail_out);
	deflateEnd(&z);
	for (int i = 0; i < 4; i++)
		strbuf_addc(out, (char)(crc >> 8 * i));
	for (int i = 0; i < 4; i++)
		strbuf_addc(out, (char)(size >> 8 * i));
}

/* The gzip member of an archive with one file: `start`, then times * piece. */
static void file_of_size(struct strbuf *out, const char *name, const char *start,
	const struct strbuf *piece, size_t times, const char *after)
{
	_cleanup_strbuf_ struct strbuf tar = {0};

	craft_header(&tar, '0', name, NULL, strlen(start) + times * piece->len + strlen(after));
	strbuf_adds(&tar, start);
	gzip_repeated(out, &tar, piece, times, after);
}

static void make_index(struct strbuf *out, const struct strbuf *text)
{
	_cleanup_strbuf_ struct strbuf tar = {0};

	craft_entry(&tar, '0', "APKINDEX", NULL, text->s, text->len);
	craft_gzip(out, tar.s, tar.len, 1);
}

/* ---- lines ---- */

#define ONE ID "P:one\nV:1\n"

static const struct {
	const char *start, *piece;
	size_t times; /* with pieces of a mebibyte */
	const char *end;
	int want;
	const char *says;
} long_lines[] = {
	{ONE "T:", "x", 1024, "\n", -EFBIG, "index unpacks to more than 134217728 bytes"},
	{ONE "D:", "x ", 1024, "\n", -EFBIG, "index unpacks to more than 134217728 bytes"},
	{"", "\n", 1024, "", -EFBIG, "index unpacks to more than 134217728 bytes"},
	{ONE "T:", "x", 100, "\n", 0, ""},
	{ONE "T:", "x", 100, "", -EBADMSG, "line 4 of its APKINDEX, package 'one': it is the last"},
	{ID "P:", "x", 100, "\n", -EBADMSG, "line 2 of its APKINDEX, package 'xxx"},
	{"", "x", 100, "\n", -EBADMSG, "line 1 of its APKINDEX, package '?': 'xxx"},
	{"", "\n", 100, "", 0, ""},
	{"", "a\n\n", 100, "", -EBADMSG, "line 1 of its APKINDEX"},
	{ONE "\n", "P:\n\n", 100, "", -EBADMSG, "line 6 of its APKINDEX, package '': it lacks V:"},
	{ONE, "D:\n", 100, "", 0, ""},
	{ONE, "x:\n", 100, "", 0, ""},
};

static void read_long_line(const void *arg)
{
	size_t i = *(const size_t *)arg;
	_cleanup_(apk_repo_free) struct apk_repo r = {0};
	_cleanup_strbuf_ struct strbuf piece = {0}, index = {0};
	struct err e = ERR_INIT;
	int got;

	repeat(&piece, long_lines[i].piece, (1 << 20) / strlen(long_lines[i].piece));
	file_of_size(&index, "APKINDEX", long_lines[i].start, &piece, long_lines[i].times,
		long_lines[i].end);
	demand(index.len < 8 << 20, "%zu bytes of index", index.len);
	got = apk_index_parse(&r, index.s, index.len, "main/APKINDEX.tar.gz", NULL, &e);
	demand(got == long_lines[i].want, "row %zu: %d: %s", i, got, e.text);
	demand(strstr(e.text, long_lines[i].says), "row %zu: %s", i, e.text);
	demand(got == 0 || strstr(e.text, "main/APKINDEX.tar.gz"), "row %zu: %s", i, e.text);
}

static void lines_of_a_gibibyte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(long_lines); i++) {
		_cleanup_free_ char *name = xasprintf("row %zu, %zu MiB", i, long_lines[i].times);

		measured(name, (struct bounds){20, 400}, read_long_line, &i);
	}
}

/* The same as .PKGINFO of a package. */
static void read_long_pkginfo(const void *arg)
{
	_cleanup_strbuf_ struct strbuf piece = {0}, apk = {0};
	struct err e = ERR_INIT;
	int r, fd;

	(void)arg;
	repeat(&piece, "x", 1 << 20);
	file_of_size(&apk, ".PKGINFO", "pkgname = ", &piece, 1024, "\n");
	fd = craft_fd(&apk);
	r = apk_read(fd, "sample.apk", NULL, NULL, NULL, NULL, NULL, &e);
	demand(r == -EFBIG && strstr(e.text, "its control part unpacks to more than 16777216"),
		"%s", e.text);
}

static void pkginfo_of_a_gibibyte(void **state)
{
	(void)state;
	measured(".PKGINFO of 1 GiB", (struct bounds){20, 100}, read_long_pkginfo, NULL);
}

/* ---- a million ---- */

enum { ONE_LINE, MANY_LINES };

static void add_million(struct strbuf *text, const char *separator, const char *field, int how)
{
	const char *before = how == ONE_LINE ? " " : field;

	if (how == ONE_LINE)
		strbuf_adds(text, field);
	for (size_t i = 0; i < MILLION; i++)
		strbuf_addf(text, "%s%sname%zu>=1.2-r3", i && how == MANY_LINES ? separator : "",
			before, i);
	strbuf_adds(text, separator);
}

static void read_million(const void *arg)
{
	const int *how = arg; /* of lines, which field */
	static const char *const fields[] = {"D:", "p:", "i:"};
	_cleanup_(apk_repo_free) struct apk_repo r = {0};
	_cleanup_strbuf_ struct strbuf text = {0}, index = {0};
	const struct apk_repo *repos[] = {&r};
	struct apk_universe u = {.repos = repos, .n_repos = 1};
	struct apk_deps world = {0};
	struct apk_solution s;
	struct err e = ERR_INIT;
	const struct apk_deps *l;
	int got;

	strbuf_adds(&text, ID "P:one\nV:1\n");
	add_million(&text, "\n", fields[how[1]], how[0]);
	make_index(&index, &text);
	got = apk_index_parse(&r, index.s, index.len, "x", NULL, &e);
	demand(got == 0, "%s", e.text);
	l = how[1] == 0	  ? &r.pkgs[0].depends
	    : how[1] == 1 ? &r.pkgs[0].provides
			  : &r.pkgs[0].install_if;
	demand(l->n == MILLION && !strcmp(l->v[MILLION - 1].name, "name999999"), "%zu", l->n);
	demand(apk_deps_parse(&world, "one", &e) == 0, "%s", e.text);
	got = apk_solve(&u, &world, 0, &s, &e);
	if (how[1] == 0)
		demand(got == -ENOENT && strstr(e.text, "one") && strstr(e.text, "name0"), "%d: %s",
			got, e.text);
	else
		demand(got == 0 && s.n_all == 1, "%d: %s", got, e.text);
	if (got == 0)
		apk_solution_free(&s);
	apk_deps_free(&world);
}

static void a_million_dependencies(void **state)
{
	static const char *const fields[] = {"depends", "provides", "install_if"};

	(void)state;
	for (int how = ONE_LINE; how <= MANY_LINES; how++) {
		for (int field = 0; field < 3; field++) {
			const int arg[] = {how, field};
			_cleanup_free_ char *name = xasprintf("a million of %s in %s",
				fields[field], how == ONE_LINE ? "one line" : "as many lines");

			measured(name, (struct bounds){20, 500}, read_million, arg);
		}
	}
}

/* In .PKGINFO each has a line anyway; what does not fit into 16 MiB is refused. */
static void read_million_pkginfo(const void *arg)
{
	_cleanup_strbuf_ struct strbuf text = {0}, data = {0}, gz = {0}, control = {0}, apk = {0};
	struct err e = ERR_INIT;
	int r, fd;

	(void)arg;
	craft_file(&data, "x", "x");
	craft_gzip(&gz, data.s, data.len, 1);
	strbuf_adds(&text, "pkgname = one\npkgver = 1\n");
	for (size_t i = 0; i < MILLION; i++)
		strbuf_adds(&text, "depend = a<1\n");
	craft_pkginfo(&control, text.s, gz.s, gz.len);
	craft_gzip(&apk, control.s, control.len, 1);
	strbuf_add(&apk, gz.s, gz.len);
	fd = craft_fd(&apk);
	r = apk_read(fd, "sample.apk", NULL, NULL, NULL, NULL, NULL, &e);
	demand(r == 0, "%s", e.text);
}

static void a_million_in_pkginfo(void **state)
{
	(void)state;
	measured("a million lines in .PKGINFO", (struct bounds){20, 400}, read_million_pkginfo,
		NULL);
}

/* ---- loops ---- */

static void begin(struct strbuf *text, size_t i)
{
	strbuf_addf(text, "C:X1%040zx\nP:p%zu\nV:1\n", i, i);
}

static void depends_loop(struct strbuf *text, size_t i, size_t next)
{
	begin(text, i);
	strbuf_addf(text, "D:p%zu\n\n", next);
}

static void depends_chain(struct strbuf *text, size_t i, size_t next)
{
	begin(text, i);
	if (next)
		strbuf_addf(text, "D:p%zu\n", next);
	strbuf_addc(text, '\n');
}

/* Each is what the one before it asks for, by a name that another has. */
static void provides_loop(struct strbuf *text, size_t i, size_t next)
{
	begin(text, i);
	strbuf_addf(text, "p:v%zu=1\n", i);
	strbuf_addf(text, "D:v%zu\n\n", next);
}

/* All of them provide one name, and need it. */
static void provides_each_other(struct strbuf *text, size_t i, size_t next)
{
	(void)next;
	begin(text, i);
	strbuf_adds(text, "p:v=1\nD:v\n\n");
}

static void install_if_loop(struct strbuf *text, size_t i, size_t next)
{
	begin(text, i);
	strbuf_addf(text, "i:p%zu\n\n", next);
}

/* All at once, and nobody is there unless another one is. */
static void install_if_all(struct strbuf *text, size_t i, size_t next)
{
	(void)next;
	begin(text, i);
	strbuf_adds(text, i ? "i:p0\n\n" : "\n");
}

static void conflict_loop(struct strbuf *text, size_t i, size_t next)
{
	begin(text, i);
	strbuf_addf(text, "D:!p%zu\n\n", next);
}

static void itself(struct strbuf *text, size_t i, size_t next)
{
	(void)next;
	begin(text, i);
	strbuf_addf(text, "D:p%zu\ni:p%zu\n\n", i, i);
}

static const struct loop {
	const char *name;
	void (*record)(struct strbuf *text, size_t i, size_t next);
	const char *world;
	size_t n;
	int want;
	size_t all; /* how many packages are installed */
	const char *says;
} loops[] = {
	/* as apk, which dies of those that are too deep */
	{"depends in a small loop", depends_loop, "p0", SMALL_LOOP, 0, SMALL_LOOP, ""},
	{"depends in a loop", depends_loop, "p0", LOOP, -ELOOP, 0, "more than 5000 dependencies"},
	{"depends in a chain", depends_chain, "p0", LOOP, -ELOOP, 0, "world, p0, p1, p2"},
	{"provides in a small loop", provides_loop, "p0", SMALL_LOOP, 0, SMALL_LOOP, ""},
	{"provides in a loop", provides_loop, "p0", LOOP, -ELOOP, 0, "more than 5000 dependencies"},
	{"provides of one name", provides_each_other, "v", LOOP, 0, 1, ""},
	{"install_if in a small loop", install_if_loop, "p0", SMALL_LOOP, 0, SMALL_LOOP, ""},
	{"install_if in a loop", install_if_loop, "p0", LOOP, -ELOOP, 0, "5000 dependencies"},
	{"install_if of one package", install_if_all, "p0", LOOP, 0, LOOP, ""},
	{"conflicts in a loop", conflict_loop, "p0", LOOP, 0, 1, ""},
	{"itself", itself, "p0", LOOP, 0, 1, ""},
};

static void solve_loop(const void *arg)
{
	const struct loop *l = arg;
	_cleanup_(apk_repo_free) struct apk_repo r = {0};
	_cleanup_strbuf_ struct strbuf text = {0}, index = {0};
	const struct apk_repo *repos[] = {&r};
	struct apk_universe u = {.repos = repos, .n_repos = 1};
	struct apk_deps world = {0};
	struct apk_solution s;
	struct err e = ERR_INIT;
	int got;

	for (size_t i = 0; i < l->n; i++)
		l->record(&text, i, (i + 1) % l->n);
	make_index(&index, &text);
	demand(apk_index_parse(&r, index.s, index.len, "x", NULL, &e) == 0, "%s", e.text);
	demand(r.n_pkgs == l->n, "%zu", r.n_pkgs);
	demand(apk_deps_parse(&world, l->world, &e) == 0, "%s", e.text);
	got = apk_solve(&u, &world, 0, &s, &e);
	demand(got == l->want && strstr(e.text, l->says), "%s: %d, %s", l->name, got, e.text);
	if (got == 0) {
		demand(s.n_all == l->all, "%s: %zu packages", l->name, s.n_all);
		apk_solution_free(&s);
	}
	apk_deps_free(&world);
}

static void loops_of_packages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(loops); i++)
		measured(loops[i].name, (struct bounds){20, 400}, solve_loop, &loops[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_a_gibibyte),
		cmocka_unit_test(pkginfo_of_a_gibibyte),
		cmocka_unit_test(a_million_dependencies),
		cmocka_unit_test(a_million_in_pkginfo),
		cmocka_unit_test(loops_of_packages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
