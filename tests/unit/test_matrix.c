// SPDX-License-Identifier: GPL-3.0-or-later
/* A matrix without any build: cells by their inputs, the order they are begun in, what workers say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pmkmod/matrix/cells.h"
#include "pmkmod/matrix/engine.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/progress_json.h"

/* ---- the index ---- */

static void index_knows_its_keys(void **state)
{
	struct cell_index t = {0};
	bool new;

	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		_cleanup_free_ char *key = xasprintf("cell %u", i);

		assert_int_equal(cell_index_put(&t, key, i, &new), i);
		assert_true(new);
	}
	for (uint32_t i = 0; i < 5000; i++) {
		_cleanup_free_ char *key = xasprintf("cell %u", i);

		assert_int_equal(cell_index_put(&t, key, 77777, &new), i);
		assert_false(new);
	}
	cell_index_free(&t);
}

/* ---- the order ---- */

#define DEVICES 3
#define MODULES 4

struct fixture {
	struct matrix m;
	struct matrix_module modules[MODULES];
	struct matrix_cell cells[DEVICES * MODULES];
};

/* Three kernels, four modules, of which the first depends on the last. */
static void make(struct fixture *f)
{
	static char names[][8] = {"upper", "b", "c", "lower"};

	*f = (struct fixture){.m = {.n_modules = MODULES, .n_cells = DEVICES * MODULES}};
	f->m.modules = f->modules;
	f->m.cells = f->cells;
	for (size_t i = 0; i < MODULES; i++)
		f->modules[i].name = names[i];
	strvec_add(&f->modules[0].depends, "lower");
	for (uint32_t i = 0; i < DEVICES * MODULES; i++)
		f->cells[i] = (struct matrix_cell){
			.device = i / MODULES, .kernel = i / MODULES, .module = i % MODULES};
}

static size_t place_of(const struct cell_order *o, uint32_t cell)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->v[i] == cell)
			return i;
	fail_msg("cell %u is not in the order", cell);
	return 0;
}

static void order_has_each_once(void **state)
{
	struct fixture f;
	struct cell_order o;

	(void)state;
	for (size_t at_once = 0; at_once < 8; at_once++) {
		unsigned seen = 0;

		make(&f);
		cell_order_make(&o, &f.m, at_once);
		assert_int_equal(o.n, DEVICES * MODULES);
		for (size_t i = 0; i < o.n; i++)
			seen |= 1U << o.v[i];
		assert_int_equal(seen, (1U << DEVICES * MODULES) - 1);
		cell_order_free(&o);
		strvec_free(&f.modules[0].depends);
	}
}

static void order_by_need_and_kernel(void **state)
{
	struct fixture f;
	struct cell_order o;

	(void)state;
	make(&f);
	cell_order_make(&o, &f.m, 0);
	for (uint32_t d = 0; d < DEVICES; d++) {
		/* what it needs comes before it */
		assert_true(place_of(&o, d * MODULES + 3) < place_of(&o, d * MODULES));
		/* and a kernel after another */
		for (uint32_t m = 0; m < MODULES; m++)
			assert_int_equal(place_of(&o, d * MODULES + m) / MODULES, d);
	}
	cell_order_free(&o);
	/* with two at once the next kernel is begun before the last two of this one */
	cell_order_make(&o, &f.m, 2);
	assert_int_equal(f.cells[o.v[2]].kernel, 1);
	assert_int_equal(f.cells[o.v[1]].kernel, 0);
	cell_order_free(&o);
	/* what need not be built is not in it */
	f.cells[5].state = CELL_REUSED;
	f.cells[6].state = CELL_FAILED;
	cell_order_make(&o, &f.m, 2);
	assert_int_equal(o.n, DEVICES * MODULES - 2);
	cell_order_free(&o);
	/* a circle of needs has an end */
	strvec_add(&f.modules[3].depends, "upper");
	cell_order_make(&o, &f.m, 1);
	assert_int_equal(o.n, DEVICES * MODULES - 2);
	cell_order_free(&o);
	strvec_free(&f.modules[0].depends);
	strvec_free(&f.modules[3].depends);
}

/* ---- what a cell's process says ---- */

static void take(struct matrix_cell *c, const char *line, bool ends)
{
	bool ended;

	assert_true(cell_take_event(c, line, NULL, &ended));
	assert_int_equal(ended, ends);
}

static void free_cell(struct matrix_cell *c)
{
	char *const texts[] = {c->hash, c->error, c->stage, c->package, c->version, c->apk,
		c->release, c->verdict, c->diagnosis};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
	*c = (struct matrix_cell){0};
}

static void events_of_success(void **state)
{
	struct matrix_cell c = {.state = CELL_RUNNING};

	(void)state;
	take(&c, "{\"event\":\"stage\",\"stage\":\"build\",\"text\":\"make\"}", false);
	assert_string_equal(c.stage, "build");
	take(&c, "{\"event\":\"cell\",\"cell\":\"abc\"}", false);
	assert_string_equal(c.hash, "abc");
	take(&c,
		"{\"event\":\"end\",\"exit_code\":0,\"unchanged\":false,\"cell\":\"abc\",\"result\":"
		"\"built=yes\\nexit=0\\napk=/x/a.apk\\npackage=a\\nversion=1-r0\\nverdict=fits\\n\"}",
		true);
	assert_int_equal(c.state, CELL_BUILT);
	assert_string_equal(c.apk, "/x/a.apk");
	assert_string_equal(c.verdict, "fits");
	assert_null(c.error);
	free_cell(&c);
}

static void events_of_failure(void **state)
{
	static const struct {
		int code;
		enum cell_state state;
	} rows[] = {{EXIT_BUILD_FAILED, CELL_FAILED}, {EXIT_EXCLUDED, CELL_EXCLUDED},
		{EXIT_NO_HEADERS, CELL_REFUSED}, {EXIT_NETWORK, CELL_FAILED},
		{EXIT_NO_FIT, CELL_FAILED}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct matrix_cell c = {.state = CELL_RUNNING};
		_cleanup_free_ char *line = xasprintf(
			"{\"event\":\"end\",\"exit_code\":%d,\"error\":\"why\\nmore\",\"stage\":\"build\","
			"\"result\":\"built=yes\\n\"}",
			rows[i].code);

		take(&c, line, true);
		assert_int_equal(c.state, rows[i].state);
		assert_int_equal(c.exit_code, rows[i].code);
		assert_string_equal(c.error, "why\nmore");
		free_cell(&c);
	}
}

/* A process that says it succeeded, and not in what, did not. */
static void events_of_nonsense(void **state)
{
	static const char *const lines[] = {"", "nonsense", "[]", "{}", "{\"event\":7}", "null",
		"{\"event\":\"end\"", "\xff\xfe"};
	struct matrix_cell c = {.state = CELL_RUNNING};
	bool ended;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		cell_take_event(&c, lines[i], NULL, &ended);
		assert_false(ended);
	}
	assert_int_equal(c.state, CELL_RUNNING);
	take(&c, "{\"event\":\"end\",\"exit_code\":0,\"result\":7}", true);
	assert_int_equal(c.state, CELL_FAILED);
	assert_int_not_equal(c.exit_code, 0);
	free_cell(&c);
}

static void progress_as_json(void **state)
{
	struct progress_event ev = {.kind = PROGRESS_DONE,
		.stage = "check",
		.text = "fits \"well\"\n\xff",
		.seconds = 1.5};
	struct json_object *o = progress_json(&ev), *v;

	(void)state;
	assert_true(json_object_object_get_ex(o, "event", &v));
	assert_string_equal(json_object_get_string(v), "stage-end");
	assert_true(json_object_object_get_ex(o, "text", &v));
	assert_string_equal(json_object_get_string(v), "fits \"well\"\n\xef\xbf\xbd");
	assert_true(json_object_object_get_ex(o, "seconds", &v));
	assert_true(json_object_get_double(v) > 1.4);
	json_object_put(o);
}

static void memory_is_known(void **state)
{
	uint64_t n = memory_available();

	(void)state;
	assert_true(n > 1 << 20);
	assert_true(n < UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(index_knows_its_keys),
		cmocka_unit_test(order_has_each_once),
		cmocka_unit_test(order_by_need_and_kernel),
		cmocka_unit_test(events_of_success),
		cmocka_unit_test(events_of_failure),
		cmocka_unit_test(events_of_nonsense),
		cmocka_unit_test(progress_as_json),
		cmocka_unit_test(memory_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
