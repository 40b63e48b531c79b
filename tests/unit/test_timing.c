// SPDX-License-Identifier: GPL-3.0-or-later
/* Where the time went: sums of stages, programs apart from what is around them, and the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "pmkmod/util/progress.h"

/* Of a build of 2 s; each number is one that a table of three digits can show. */
static struct timing sample(void)
{
	struct timing t = {0};

	timing_program(&t, "build", "make", 1.25, 0.25);
	timing_program(&t, "build", "make", 0.125, 0.0625);
	timing_program(&t, "build", "strip", 0.0625, 0.0625);
	timing_stage(&t, "build", 1.875);
	timing_stage(&t, "check", 0.0625);
	return t;
}

static void stages_of_one_name_add_up(void **state)
{
	struct timing t = {0};

	(void)state;
	timing_stage(&t, "resolve", 1);
	timing_stage(&t, "fetch", 4);
	timing_stage(&t, "resolve", 2);
	assert_int_equal(t.n_stages, 2);
	assert_string_equal(t.stages[0].name, "resolve");
	assert_true(t.stages[0].seconds == 3);
	assert_true(t.stages[1].seconds == 4);
}

static void programs_are_apart_from_their_sandboxes(void **state)
{
	struct timing t = sample();
	const struct timing_stage *s = &t.stages[0];

	(void)state;
	assert_int_equal(s->n_programs, 2);
	assert_string_equal(s->programs[0].name, "make");
	assert_int_equal(s->programs[0].runs, 2);
	assert_true(s->programs[0].seconds == 1.375);
	assert_int_equal(s->sandboxes, 3);
	assert_true(s->sandbox == 0.375);
	assert_true(timing_own(s) == 0.0625);
	assert_true(timing_own(&t.stages[1]) == 0.0625);
}

/* Clocks of several processes: what is left for pmkmod is never less than nothing. */
static void own_time_is_not_negative(void **state)
{
	struct timing t = {0};

	(void)state;
	timing_program(&t, "build", "make", 2, 0);
	timing_stage(&t, "build", 1);
	assert_true(timing_own(&t.stages[0]) == 0);
}

static void the_table_says_it(void **state)
{
	struct timing t = sample();
	_cleanup_free_ char *table = timing_table(&t, 2);

	(void)state;
	assert_string_equal(table, "stage              seconds   share\n"
				   "build                1.875  93.8 %\n"
				   "  make               1.375  68.8 %  (2 runs)\n"
				   "  strip              0.062   3.1 %\n"
				   "  sandbox            0.375  18.8 %  (3 of them)\n"
				   "  pmkmod             0.062   3.1 %\n"
				   "check                0.062   3.1 %\n"
				   "between              0.062   3.1 %\n"
				   "all                  2.000 100.0 %\n");
}

static void a_table_of_nothing(void **state)
{
	struct timing t = {0};
	_cleanup_free_ char *table = timing_table(&t, 0);

	(void)state;
	assert_non_null(strstr(table, "all                  0.000   0.0 %\n"));
}

static void too_many_are_left_out(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k",
		"l", "m", "n", "o", "p", "q", "r"};
	struct timing t = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		timing_stage(&t, names[i], 1);
		timing_program(&t, "a", names[i], 1, 1);
	}
	assert_int_equal(t.n_stages, TIMING_STAGES);
	assert_int_equal(t.stages[0].n_programs, TIMING_PROGRAMS);
	assert_int_equal(t.stages[0].sandboxes, ARRAY_SIZE(names));
}

static void a_long_name_is_cut(void **state)
{
	static const char name[] = "a-program-with-a-name-that-is-too-long-for-the-table";
	struct timing t = {0};

	(void)state;
	timing_program(&t, "build", name, 1, 0);
	timing_program(&t, "build", name, 1, 0);
	assert_int_equal(t.stages[0].n_programs, 1);
	assert_int_equal(t.stages[0].programs[0].runs, 2);
	assert_true(starts_with(name, t.stages[0].programs[0].name));
}

/* Progress is what tells of stages, also of one that failed. */
static void progress_records_stages(void **state)
{
	struct progress p;

	(void)state;
	progress_init(&p, true);
	progress_stage(&p, "resolve", "this");
	progress_done(&p, "done");
	progress_stage(&p, "fetch", "that");
	progress_failed(&p);
	progress_failed(&p);
	assert_int_equal(p.timing.n_stages, 2);
	assert_string_equal(p.timing.stages[1].name, "fetch");
	assert_true(p.timing.began > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stages_of_one_name_add_up),
		cmocka_unit_test(programs_are_apart_from_their_sandboxes),
		cmocka_unit_test(own_time_is_not_negative),
		cmocka_unit_test(the_table_says_it),
		cmocka_unit_test(a_table_of_nothing),
		cmocka_unit_test(too_many_are_left_out),
		cmocka_unit_test(a_long_name_is_cut),
		cmocka_unit_test(progress_records_stages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
