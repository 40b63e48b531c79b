// SPDX-License-Identifier: GPL-2.0
/* Uses another module's symbol that is for GPL modules alone. */
#include <linux/module.h>

int fit_gpl_only(int a);

static int __init start(void)
{
	pr_info("fit_gpl is here, %d\n", fit_gpl_only(1));
	return 0;
}

static void __exit stop(void)
{
}

module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Good module of the loading tests");

