// SPDX-License-Identifier: GPL-2.0
/* Has parameters, data of each kind and a GPL-only symbol of the kernel itself. */
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/sysfs.h>

static int number = 7;
module_param(number, int, 0444);
MODULE_PARM_DESC(number, "a number");

static char *word = "none";
module_param(word, charp, 0444);
MODULE_PARM_DESC(word, "a word");

static struct kobject *folder;
static char room[64];

static int __init start(void)
{
	folder = kobject_create_and_add("fit_params_folder", kernel_kobj);
	if (!folder)
		return -ENOMEM;
	snprintf(room, sizeof(room), "%s %d", word, number);
	pr_info("fit_params is here, %s\n", room);
	return 0;
}

static void __exit stop(void)
{
	kobject_put(folder);
}

module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Good module of the loading tests");
