// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pmkmod/kernel/kernel.h"

static void layouts(void **state)
{
	static const struct {
		const char *line;
		struct symvers_entry want;
	} cases[] = {
		/* 2.6.17 */
		{"0x27e1a049\tprintk\tvmlinux\n", {"printk", 0x27e1a049, "vmlinux", "", ""}},
		/* 3.4 */
		{"0x27e1a049\tprintk\tvmlinux\tEXPORT_SYMBOL\n",
			{"printk", 0x27e1a049, "vmlinux", "EXPORT_SYMBOL", ""}},
		{"0x00000000\told\tdrivers/x/y\tEXPORT_UNUSED_SYMBOL_GPL\tsomething\n",
			{"old", 0, "drivers/x/y", "EXPORT_UNUSED_SYMBOL_GPL", "something"}},
		/* 5.4 to 5.6: namespace third */
		{"0xdeadbeef\tusb_stor_reset\tUSB_STORAGE\tdrivers/usb/storage/usb-storage\t"
		 "EXPORT_SYMBOL_GPL\n",
			{"usb_stor_reset", 0xdeadbeef, "drivers/usb/storage/usb-storage",
				"EXPORT_SYMBOL_GPL", "USB_STORAGE"}},
		{"0xdeadbeef\tplain\t\tvmlinux\tEXPORT_SYMBOL\n",
			{"plain", 0xdeadbeef, "vmlinux", "EXPORT_SYMBOL", ""}},
		/* since 5.7: namespace last */
		{"0x28f6f105\tinit_uts_ns\tvmlinux\tEXPORT_SYMBOL_GPL\t\n",
			{"init_uts_ns", 0x28f6f105, "vmlinux", "EXPORT_SYMBOL_GPL", ""}},
		{"0x28f6f105\tusb\tdrivers/usb/usb\tEXPORT_SYMBOL_GPL\tUSB_STORAGE\n",
			{"usb", 0x28f6f105, "drivers/usb/usb", "EXPORT_SYMBOL_GPL", "USB_STORAGE"}},
		{"0x28f6f105\tkvm_x\tarch/x86/kvm/kvm\tEXPORT_SYMBOL_GPL\tmodule:kvm-intel,kvm-amd\n",
			{"kvm_x", 0x28f6f105, "arch/x86/kvm/kvm", "EXPORT_SYMBOL_GPL",
				"module:kvm-intel,kvm-amd"}},
		/* no final newline, CR LF */
		{"0x1\tlast\tvmlinux\tEXPORT_SYMBOL", {"last", 1, "vmlinux", "EXPORT_SYMBOL", ""}},
		{"0x1\tdos\tvmlinux\tEXPORT_SYMBOL\t\r\n",
			{"dos", 1, "vmlinux", "EXPORT_SYMBOL", ""}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct symvers_entry *want = &cases[i].want, *got;
		struct err e = ERR_INIT;
		struct symvers *s = NULL;

		symvers_new(&s);
		assert_int_equal(
			symvers_parse(s, "x", cases[i].line, strlen(cases[i].line), &e), 0);
		got = symvers_find(s, want->name);
		assert_non_null(got);
		assert_int_equal(got->crc, want->crc);
		assert_string_equal(got->owner, want->owner);
		assert_string_equal(got->export, want->export);
		assert_string_equal(got->ns, want->ns);
		assert_int_equal(symvers_all_zero(s), want->crc == 0);
		symvers_free(s);
	}
}

static void refused(void **state)
{
	static const char *const bad[] = {
		"hello\n",
		"0x1 printk vmlinux EXPORT_SYMBOL\n",
		"0x1\tprintk\n",
		"0x1\t\tvmlinux\tEXPORT_SYMBOL\n",
		"27e1a049\tprintk\tvmlinux\tEXPORT_SYMBOL\n",
		"0x\tprintk\tvmlinux\n",
		"0x-1\tprintk\tvmlinux\n",
		"0x123456789\tprintk\tvmlinux\n",
		"0x1\tprintk\t\tEXPORT_SYMBOL\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = ERR_INIT;
		struct symvers *s = NULL;

		symvers_new(&s);
		assert_int_equal(symvers_parse(s, "x", bad[i], strlen(bad[i]), &e), -EINVAL);
		assert_non_null(strstr(e.text, "line 1"));
		symvers_free(s);
	}
}

static void several_files(void **state)
{
	static const char kernel[] = "0x1\ta\tvmlinux\tEXPORT_SYMBOL\t\n"
				     "0x2\tb\tvmlinux\tEXPORT_SYMBOL\t\n";
	static const char other[] = "0x7\ta\tnet/backport\tEXPORT_SYMBOL_GPL\t\n"
				    "0x8\ta\tnet/third\tEXPORT_SYMBOL_GPL\t\n";
	struct err e = ERR_INIT;
	struct symvers *s = NULL;
	const struct symvers_entry *en;
	size_t kept = 0;

	(void)state;
	symvers_new(&s);
	assert_int_equal(symvers_count(s), 0);
	assert_null(symvers_find(s, "a"));
	assert_int_equal(symvers_parse(s, "kernel", kernel, sizeof(kernel) - 1, &e), 0);
	assert_int_equal(symvers_parse(s, "other", other, sizeof(other) - 1, &e), 0);
	assert_int_equal(symvers_count(s), 4);
	en = symvers_find(s, "a");
	assert_int_equal(en->crc, 1);
	for (; en; en = symvers_next(s, en))
		kept++;
	assert_int_equal(kept, 3);
	assert_null(symvers_next(s, symvers_find(s, "b")));
	assert_int_equal(symvers_read(s, "/nonexistent", &e), -ENOENT);
	symvers_free(s);
}

static void many_names(void **state)
{
	struct strbuf text = {0};
	struct err e = ERR_INIT;
	struct symvers *s = NULL;

	(void)state;
	for (int i = 0; i < 20000; i++)
		strbuf_addf(&text, "0x%08x\tsymbol_%d\tvmlinux\tEXPORT_SYMBOL\t\n", i + 1, i);
	symvers_new(&s);
	assert_int_equal(symvers_parse(s, "x", text.s, text.len, &e), 0);
	for (int i = 0; i < 20000; i += 7) {
		char name[32];

		snprintf(name, sizeof(name), "symbol_%d", i);
		assert_int_equal(symvers_find(s, name)->crc, i + 1);
	}
	assert_null(symvers_find(s, "symbol_20000"));
	symvers_free(s);
	strbuf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layouts),
		cmocka_unit_test(refused),
		cmocka_unit_test(several_files),
		cmocka_unit_test(many_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
