// SPDX-License-Identifier: GPL-2.0
/* Uses another module's symbol that is in a namespace. */
#include <linux/module.h>

int fit_in_namespace(int a);

static int __init start(void)
{
	pr_info("fit_ns is here, %d\n", fit_in_namespace(1));
	return 0;
}

static void __exit stop(void)
{
}

module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Good module of the loading tests");
MODULE_IMPORT_NS(FIT_TEST);
