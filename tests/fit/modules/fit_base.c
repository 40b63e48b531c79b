// SPDX-License-Identifier: GPL-2.0
/* Exports one symbol of each kind. */
#include <linux/module.h>

int fit_plain(int a);
int fit_gpl_only(int a);
int fit_in_namespace(int a);

int fit_plain(int a)
{
	return a + 1;
}
EXPORT_SYMBOL(fit_plain);

int fit_gpl_only(int a)
{
	return a + 2;
}
EXPORT_SYMBOL_GPL(fit_gpl_only);

int fit_in_namespace(int a)
{
	return a + 3;
}
EXPORT_SYMBOL_NS(fit_in_namespace, FIT_TEST);

static int __init start(void)
{
	pr_info("fit_base is here\n");
	return 0;
}

static void __exit stop(void)
{
}

module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Good module of the loading tests");

