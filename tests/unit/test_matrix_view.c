// SPDX-License-Identifier: GPL-3.0-or-later
/* What is shown of a run: events and lines as they come, the summary, and what fits a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>

#include "pmkmod/matrix/view.h"
#include "tests/unit/matrix_fixture.h"

static char dir[] = "/tmp/pmkmod-view-XXXXXX";
static struct context x;
static struct matrix m;

/* ---- standard output and error, kept ---- */

static int kept[2];

static void capture(void)
{
	for (int i = 0; i < 2; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%d", dir, i + 1);
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		fflush(i ? stderr : stdout);
		kept[i] = dup(i + 1);
		assert_true(fd >= 0 && kept[i] >= 0 && dup2(fd, i + 1) >= 0);
		close(fd);
	}
}

/* What was written to one of them, and nothing to the other. */
static char *captured(int from)
{
	char *text[2];
	size_t len;

	for (int i = 0; i < 2; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%d", dir, i + 1);

		fflush(i ? stderr : stdout);
		dup2(kept[i], i + 1);
		close(kept[i]);
		assert_int_equal(fs_read(path, 1 << 20, &text[i], &len, NULL), 0);
	}
	assert_string_equal(text[2 - from], "");
	free(text[2 - from]);
	return text[from - 1];
}

/* ---- a run ---- */

static void stage(struct matrix_view *v, size_t cell, const char *name)
{
	m.cells[cell].state = CELL_RUNNING;
	free(m.cells[cell].stage);
	m.cells[cell].stage = xstrdup(name);
	view_event(v, cell);
	view_event(v, cell); /* nothing has changed */
}

static void run(enum view_mode mode)
{
	struct matrix_view *v;

	matrix_free(&m);
	matrix_build(&m, 6, 2);
	v = view_open(&m, &x, mode);
	view_tick(v);
	stage(v, 0, "fetch");
	stage(v, 0, "build");
	set_built(&m, &m.cells[0], CELL_BUILT);
	view_event(v, 0);
	view_event(v, 0);
	stage(v, 1, "build");
	free(m.cells[1].stage);
	set_failed(&m.cells[1], "make failed " HOSTILE "\nmore", "build", "api");
	view_event(v, 1);
	set_error(&m.cells[2], CELL_REFUSED, 21, NULL);
	view_event(v, 2);
	m.cells[3].state = CELL_NOT_RUN;
	view_event(v, 3);
	m.interrupted = true;
	view_close(v, 130, NULL);
}

static void lines(void **state)
{
	_cleanup_free_ char *text = NULL;

	(void)state;
	capture();
	run(VIEW_LINES);
	text = captured(1);
	assert_string_equal(text,
		"matrix    6 devices, 2 modules: 6 cells, 6 to build\n"
		"built     maker-phone0, maker-phone1  module0  module0-kmod-soc0-1.0_p6_p6_p1_p0-r0, "
		"fits as far as can be known (12.3 s)\n"
		"failed    maker-phone0, maker-phone1  module1  build: make failed "
		"</script><script>alert(1)</script><!-- \"'& ]]> "
		"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd (4.5 s)\n"
		"refused   maker-phone2, maker-phone3  module0  no reason was given\n");
}

static struct json_object *event_of(const char **s, const char *what)
{
	size_t n = strcspn(*s, "\n");
	_cleanup_free_ char *line = xstrndup(*s, n);
	struct json_object *o = json_tokener_parse(line), *name;

	assert_int_equal((*s)[n], '\n');
	*s += n + 1;
	assert_non_null(o);
	assert_true(json_object_object_get_ex(o, "event", &name));
	assert_string_equal(json_object_get_string(name), what);
	assert_true(json_object_object_get_ex(o, "at", &name));
	return o;
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v))
		fail_msg("there is no \"%s\"", key);
	return json_object_get_string(v);
}

static void pass_over(const char **s, const char *what)
{
	json_object_put(event_of(s, what));
}

static void events(void **state)
{
	_cleanup_free_ char *text = NULL;
	struct json_object *o;
	const char *s;

	(void)state;
	capture();
	run(VIEW_EVENTS);
	s = text = captured(1);
	o = event_of(&s, "plan");
	assert_string_equal(text_of(o, "format"), "1");
	assert_string_equal(text_of(o, "devices"), "6");
	assert_non_null(strstr(text_of(o, "counts"), "\"waiting\": 6"));
	json_object_put(o);
	o = event_of(&s, "cell-start");
	assert_string_equal(text_of(o, "cell"), m.cells[0].hash);
	assert_string_equal(text_of(o, "module"), "module0");
	assert_string_equal(text_of(o, "devices"), "[ \"maker-phone0\", \"maker-phone1\" ]");
	json_object_put(o);
	o = event_of(&s, "stage");
	assert_string_equal(text_of(o, "stage"), "fetch");
	json_object_put(o);
	pass_over(&s, "stage");
	o = event_of(&s, "cell-end");
	assert_string_equal(text_of(o, "number"), "0");
	assert_string_equal(text_of(o, "state"), "built");
	assert_string_equal(text_of(o, "fit"), "fits as far as can be known");
	json_object_put(o);
	pass_over(&s, "cell-start");
	pass_over(&s, "stage");
	o = event_of(&s, "cell-end");
	assert_string_equal(text_of(o, "exit_code"), "10");
	assert_non_null(strstr(text_of(o, "diagnosis"), "api"));
	assert_non_null(strstr(text_of(o, "error"), "alert(1)"));
	json_object_put(o);
	o = event_of(&s, "cell-end");
	assert_string_equal(text_of(o, "state"), "refused");
	assert_null(text_of(o, "error"));
	json_object_put(o);
	o = event_of(&s, "cell-end");
	assert_string_equal(text_of(o, "state"), "not run");
	json_object_put(o);
	o = event_of(&s, "end");
	assert_string_equal(text_of(o, "exit_code"), "130");
	assert_string_equal(text_of(o, "interrupted"), "true");
	assert_string_equal(text_of(o, "reports"), "[ ]");
	json_object_put(o);
	assert_string_equal(s, "");
}

/* ---- summary ---- */

static void summary(void **state)
{
	struct strvec reports = {0};
	_cleanup_free_ char *text = NULL, *log = NULL, *wanted = NULL;

	(void)state;
	matrix_free(&m);
	matrix_of_every_state(&m);
	m.seconds = 75;
	write_cell_log(&x, &m.cells[2], "a", 1);
	log = matrix_cell_log(&x, &m.cells[2]);
	strvec_add(&reports, "/r/report.html");
	capture();
	matrix_print_summary(&m, &x, &reports);
	text = captured(1);
	wanted =
		xasprintf("built     2 of 30 (1 cell)\nreused    4 of 30 (2 cells)\n"
			  "failed    2 of 30 (1 cell)\nexcluded  4 of 30 (2 cells)\n"
			  "refused   4 of 30 (2 cells)\nnot run   2 of 30 (1 cell)\n"
			  "waiting   10 of 30 (5 cells)\nrunning   2 of 30 (1 cell)\n"
			  "failed:\n  maker-phone0, maker-phone1  module2  build: the build of "
			  "module2 failed (exit code 10)\n    log %s\n"
			  "excluded:\n  4: module3 is for kernels before 6.0, and that of <device> "
			  "is 6.6.1\n    module3 for maker-phone0, maker-phone1, maker-phone2, "
			  "maker-phone3\n"
			  "refused:\n  4: <device>: <kernel> <version> has no headers\n"
			  "    module4 for maker-phone0, maker-phone1, maker-phone2, maker-phone3\n"
			  "time      1 min 15 s\nlogs      %s/cells/<cell>/log\n"
			  "report    /r/report.html\n",
			log, x.state);
	assert_string_equal(text, wanted);
	strvec_free(&reports);
}

/* Of 600 devices that are refused for one reason there is one line, not 600. */
static void summary_of_many(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t n = 0;

	(void)state;
	matrix_free(&m);
	matrix_build(&m, 600, 5);
	for (size_t i = 0; i < m.n_cells; i++) {
		const char *name = m.devices[m.cells[i].device].name;

		if (i % 2)
			set_error(&m.cells[i], CELL_REFUSED, 21, xasprintf("%s: no kernel", name));
		else
			set_failed(&m.cells[i], "make failed", "build", "api");
	}
	capture();
	matrix_print_summary(&m, &x, NULL);
	text = captured(1);
	for (const char *s = text; (s = strchr(s, '\n')); s++)
		n++;
	assert_in_range(n, 5, 20);
	assert_non_null(
		strstr(text, "1500: <device>: no kernel\n    all 5 modules for maker-phone0, "
			     "maker-phone1, maker-phone2, maker-phone3 and 596 more\n"));
	assert_non_null(strstr(text, "failed:\n  1500: make failed\n    all 5 modules for "));
}

/* ---- what fits ---- */

static void fits(size_t n_devices, size_t n_modules, size_t columns, size_t height)
{
	struct matrix_view *v;
	struct table_layout l;
	size_t width, used;

	matrix_free(&m);
	matrix_build(&m, n_devices, n_modules);
	v = view_open(&m, &x, VIEW_NOTHING);
	stage(v, m.n_cells - 1, "build");
	if (!table_lay_out(&l, v, columns, height, false)) {
		/* never for want of modules: those that do not fit are left out */
		assert_true(columns < 20 || height < 12);
		view_close(v, 0, NULL);
		return;
	}
	width = l.name_width + l.n_modules * (l.cell_width + l.blanks) + !l.blanks;
	used = l.n_rows + (l.n_rows < n_devices) + l.legend + l.running +
	       (l.words ? 1 : table_digits(l.n_modules)) + 1;
	assert_in_range(l.n_rows, 1, n_devices);
	assert_in_range(l.n_modules, 1, n_modules);
	assert_true(width < columns);
	assert_true(used < height);
	/* the running one is the last two devices': one is shown however many there are */
	assert_int_equal(table_choose_rows(v, &l), l.n_rows);
	assert_true(v->row_order[l.n_rows - 1] + 2 >= n_devices);
	for (size_t i = 1; i < l.n_rows; i++)
		assert_true(v->row_order[i - 1] < v->row_order[i]);
	view_close(v, 0, NULL);
}

static void every_size_fits(void **state)
{
	static const size_t sizes[][2] = {{1, 1}, {2, 3}, {6, 5}, {40, 12}, {100, 50}, {30, 200}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t columns = 0; columns < 240; columns += 9)
			for (size_t height = 0; height < 60; height += height < 10 ? 1 : 7)
				fits(sizes[i][0], sizes[i][1], columns, height);
}

static void what_changed_last_is_shown(void **state)
{
	struct table_layout l = {.n_rows = 3};
	struct matrix_view *v;

	(void)state;
	matrix_free(&m);
	matrix_build(&m, 20, 1);
	v = view_open(&m, &x, VIEW_NOTHING);
	/* the kernels of devices 0 and 1, and of 10 and 11 */
	set_built(&m, &m.cells[0], CELL_BUILT);
	view_event(v, 0);
	set_built(&m, &m.cells[5], CELL_BUILT);
	view_event(v, 5);
	table_choose_rows(v, &l);
	assert_int_equal(v->row_order[0], 0);
	assert_int_equal(v->row_order[1], 10);
	assert_int_equal(v->row_order[2], 11);
	/* what runs is shown although others changed after it began */
	stage(v, 1, "build");
	set_built(&m, &m.cells[7], CELL_BUILT);
	view_event(v, 7);
	table_choose_rows(v, &l);
	assert_int_equal(v->row_order[0], 2);
	assert_int_equal(v->row_order[1], 3);
	assert_int_equal(v->row_order[2], 14);
	view_close(v, 0, NULL);
	view_close(NULL, 0, NULL);
}

static void modes(void **state)
{
	struct context quiet = {.progress = {.quiet = true, .terminal = true}},
		       terminal = {.progress = {.terminal = true}}, pipe = {0};

	(void)state;
	assert_int_equal(view_choose(&terminal, false), VIEW_TABLE);
	assert_int_equal(view_choose(&pipe, false), VIEW_LINES);
	assert_int_equal(view_choose(&quiet, false), VIEW_NOTHING);
	assert_int_equal(view_choose(&terminal, true), VIEW_EVENTS);
	assert_int_equal(view_choose(&quiet, true), VIEW_EVENTS);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	x.state = path_join(dir, "state");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	matrix_free(&m);
	free(x.state);
	return fs_remove_tree(dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(events),
		cmocka_unit_test(summary),
		cmocka_unit_test(summary_of_many),
		cmocka_unit_test(every_size_fits),
		cmocka_unit_test(what_changed_last_is_shown),
		cmocka_unit_test(modes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
