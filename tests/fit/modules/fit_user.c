// SPDX-License-Identifier: GPL-2.0
/* Uses another module's symbol. */
#include <linux/module.h>

int fit_plain(int a);

static int __init start(void)
{
	pr_info("fit_user is here, %d\n", fit_plain(1));
	return 0;
}

static void __exit stop(void)
{
}

module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Good module of the loading tests");

