// SPDX-License-Identifier: GPL-3.0-or-later
/* Which names are the cache's, sizes with hard links, and what goes first. */
#include "tests/unit/box.h"

#include "pmkmod/cache/cache.h"
#include "pmkmod/cache/meter.h"

#define HEX32 "0123456789abcdef0123456789abcdef"
#define HEX40 HEX32 "01234567"
#define HEX64 HEX32 HEX32
#define HEX128 HEX64 HEX64

static void names(void **state)
{
	static const struct {
		enum cache_kind kind;
		const char *name;
		bool ours;
	} rows[] = {
		{CACHE_PACKAGES, HEX40 ".apk", true},
		{CACHE_PACKAGES, HEX64 ".apk", true},
		{CACHE_PACKAGES, HEX40, false},
		{CACHE_PACKAGES, HEX32 ".apk", false},
		{CACHE_PACKAGES, "linux-6.1-r0.apk", false},
		{CACHE_PACKAGES, HEX40 ".apk.bak", false},
		{CACHE_SOURCES, HEX64, true},
		{CACHE_SOURCES, HEX128, true},
		{CACHE_SOURCES, HEX40, false},
		{CACHE_SOURCES, HEX64 "0", false},
		{CACHE_SOURCES, HEX64 ".tar.gz", false},
		{CACHE_SOURCES, "0123456789ABCDEF" HEX32 "0123456789ABCDEF", false},
		{CACHE_INDEX, HEX64 ".tar.gz", true},
		{CACHE_INDEX, HEX64, false},
		{CACHE_GIT, HEX64, true},
		{CACHE_GIT, HEX64 ".gone", true},
		{CACHE_GIT, HEX64 ".lock", false},
		{CACHE_KERNEL_SOURCE, HEX64, true},
		{CACHE_KERNEL_SOURCE, HEX64 ".new", true},
		{CACHE_KERNEL_SOURCE, HEX64 ".lock", false},
		{CACHE_KERNEL_SOURCE, "linux-6.1", false},
		{CACHE_KERNELS, HEX40 ".flavor.known", true},
		{CACHE_KERNELS, HEX40 ".flavor", true},
		{CACHE_KERNELS, HEX40, true},
		{CACHE_KERNELS, HEX64 ".whole", true},
		{CACHE_KERNELS, HEX40 ".", false},
		{CACHE_KERNELS, HEX40 ".flavor.tmp.abcdef", false},
		{CACHE_KERNELS, HEX40 "-notes", false},
		{CACHE_RESOLVE, HEX64, true},
		{CACHE_RESOLVE, ".." HEX64, false},
		{CACHE_PMAPORTS, HEX32, true},
		{CACHE_CELLS, HEX64, true},
		{CACHE_CELLS, "latest", false},
		{CACHE_CELLS, HEX64 ".lock", false},
		{CACHE_HEADERS, "edge-aarch64-linux-x", true},
		{CACHE_HEADERS, "..", false},
		{CACHE_PARTS, HEX64 ".part", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (cache_name_ok(rows[i].kind, rows[i].name) != rows[i].ours)
			fail_msg("%s: %s", cache_kind_names[rows[i].kind], rows[i].name);
}

static void order(void **state)
{
	static char paths[][2] = {"a", "b", "c", "d"};
	struct cache_entry v[] = {{.path = paths[0], .used = 30}, {.path = paths[3], .used = 10},
		{.path = paths[1], .used = 20}, {.path = paths[2], .used = 10}};
	struct cache_list l = {.v = v, .n = ARRAY_SIZE(v)};

	(void)state;
	cache_sort(&l);
	assert_string_equal(v[0].path, "c");
	assert_string_equal(v[1].path, "d");
	assert_string_equal(v[2].path, "b");
	assert_string_equal(v[3].path, "a");
}

static char *put(const char *name, size_t size)
{
	char *path = path_join(scratch, name);
	_cleanup_free_ char *up = xstrndup(path, strlen(path) - strlen(path_base(path)));
	_cleanup_free_ char *data = xcalloc(size, 1);

	assert_int_equal(fs_mkdirs(up, 0755, NULL), 0);
	memset(data, 'x', size);
	assert_int_equal(fs_write_atomic(path, data, size, 0644, NULL), 0);
	return path;
}

static uint64_t disk_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* Three files of the same two layers and what they share, as the store has them. */
static void links_count_once(void **state)
{
	_cleanup_free_ char *shared = put("shared", 100000), *own = put("one/own", 50000);
	_cleanup_free_ char *one = path_join(scratch, "one"), *two = path_join(scratch, "two");
	_cleanup_free_ char *in_one = path_join(one, "shared"), *in_two = path_join(two, "shared");
	uint64_t folders, file = disk_of(shared), alone = disk_of(own);
	struct meter_size a = {0}, b = {0};
	struct meter *m = meter_new();

	(void)state;
	assert_int_equal(mkdir(two, 0755), 0);
	assert_int_equal(link(shared, in_one), 0);
	assert_int_equal(link(shared, in_two), 0);
	folders = disk_of(one);
	meter_add(m, one, &a);
	meter_add(m, two, &b);
	assert_int_equal(a.bytes, 150000);
	assert_int_equal(b.bytes, 100000);
	assert_int_equal(a.disk, file + alone + folders);
	assert_int_equal(a.fresh, a.disk);
	assert_int_equal(b.disk, file + disk_of(two));
	assert_int_equal(b.fresh, disk_of(two));
	meter_free(m);
	/* what is shared goes with the last of those that share it */
	m = meter_new();
	assert_int_equal(meter_gone(m, one), alone + folders);
	assert_int_equal(meter_gone(m, two), file + disk_of(two));
	meter_free(m);
	/* and in another order */
	m = meter_new();
	assert_int_equal(meter_gone(m, two), disk_of(two));
	assert_int_equal(meter_gone(m, one), file + alone + folders);
	meter_free(m);
}

static void many_links(void **state)
{
	struct meter *m = meter_new();
	struct meter_size s = {0};
	uint64_t sum = 0;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		_cleanup_free_ char *name = xasprintf("many/%d", i), *path = put(name, 10);
		_cleanup_free_ char *other = xasprintf("%s.link", path);

		assert_int_equal(link(path, other), 0);
		sum += disk_of(path);
	}
	{
		_cleanup_free_ char *many = path_join(scratch, "many");

		meter_add(m, many, &s);
		assert_int_equal(s.fresh, sum + disk_of(many));
		assert_int_equal(s.bytes, 60000);
	}
	meter_free(m);
}

static void nothing_there(void **state)
{
	struct meter *m = meter_new();
	struct meter_size s = {0};

	(void)state;
	meter_add(m, "/nonexistent/x", &s);
	assert_int_equal(s.disk, 0);
	assert_int_equal(meter_gone(m, "/nonexistent/x"), 0);
	meter_free(m);
}

static int tests(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(order),
		cmocka_unit_test(links_count_once),
		cmocka_unit_test(many_links),
		cmocka_unit_test(nothing_there),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void)
{
	return run_as_everybody(tests);
}
