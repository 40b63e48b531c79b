// SPDX-License-Identifier: GPL-2.0
/* Has types of its own, and calls through pointers. */
#include <linux/list.h>
#include <linux/module.h>

struct fit_thing {
	struct list_head list;
	int (*twice)(struct fit_thing *thing);
	int value;
};

static int twice(struct fit_thing *thing)
{
	return 2 * thing->value;
}

static struct fit_thing things[] = {
	{.twice = twice, .value = 1},
	{.twice = twice, .value = 2},
};

static LIST_HEAD(all);

static int __init start(void)
{
	struct fit_thing *thing;
	int sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(things); i++)
		list_add(&things[i].list, &all);
	list_for_each_entry (thing, &all, list)
		sum += thing->twice(thing);
	pr_info("fit_types is here, %d\n", sum);
	return 0;
}

static void __exit stop(void)
{
}

module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Good module of the loading tests");
