// SPDX-License-Identifier: GPL-3.0-or-later
/* What the loader and the first call make of a module: each row a kernel, a module, one point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <lzma.h>

#include "tests/unit/btf_builder.h"
#include "tests/unit/fit_rows.h"
#include "tests/unit/kernel_file.h"

#define SCS_PUSH 0xf800865e /* str x30, [x18], #8 */
#define PACIASP 0xd503233f
#define BTI_C 0xd503245f
#define ENDBR64 0xfa1e0ff3
#define BTI "CONFIG_ARM64_BTI_KERNEL=y\n"
#define FRAME 0xa9be7bfd /* stp x29, x30, [sp, #-32]! */
#define MOV_X18 0xaa0003f2 /* mov x18, x0 */
#define LDR_X18 0xf9400012 /* ldr x18, [x0] */
#define LDP_X18 0xa94048e1 /* ldp x1, x18, [x7] */
#define STR_X18 0xf9000012 /* str x18, [x0] */
#define NOP 0xd503201f
#define RET 0xd65f03c0
#define KCFI_BRK 0xd4304500 /* brk #0x8228 */
#define BUG_BRK 0xd4210000 /* brk #0x800 */
#define HASH 0x36b1c5a6

static const struct row rows[] = {
	/* flags */
	{"arm64", {.modinfo = GOOD, .flags = 5}, .point = "flags", .result = FIT_PASS,
		.says = "0x5"},
	{"EABI 5", {.modinfo = GOOD, .is32 = true, .flags = 0x5000000}, .arch = "armv7",
		.point = "flags", .result = FIT_PASS, .says = "version 5"},
	{"no EABI", {.modinfo = GOOD, .is32 = true}, .arch = "armv7", .point = "flags",
		.result = FIT_PASS, .says = "no EABI version"},
	{"26 bits", {.modinfo = GOOD, .is32 = true, .flags = 8}, .arch = "armv7", .point = "flags",
		.result = FIT_FAIL, .says = "26-bit"},
	{"26 bits is another flag of EABI 2", {.modinfo = GOOD, .is32 = true, .flags = 0x2000008},
		.arch = "armv7", .point = "flags", .result = FIT_PASS, .says = "version 2"},
	{"odd entry", {.modinfo = GOOD, .is32 = true, .entry = 2}, .arch = "armv7",
		.point = "flags", .result = FIT_FAIL, .says = "entry point 0x2"},
	{"thumb entry", {.modinfo = GOOD, .is32 = true, .flags = 0x5000000, .entry = 3},
		.arch = "armv7", .point = "flags", .result = FIT_PASS, .says = "5"},
	/* layout */
	{"same", {.modinfo = GOOD, ZERO, .init_at = 24, .exit_at = 40},
		.layout = {.size = 64, .init = 24, .exit = 40}, .point = "layout",
		.result = FIT_PASS, .says = "start with, function to end with"},
	{"other init", {.modinfo = GOOD, ZERO, .init_at = 24, .exit_at = 40},
		.layout = {.size = 64, .init = 32, .exit = 40}, .point = "layout",
		.result = FIT_FAIL, .says = "start with at 24, the kernel's own modules at 32"},
	{"other exit", {.modinfo = GOOD, ZERO, .init_at = 24, .exit_at = 40},
		.layout = {.size = 64, .init = 24, .exit = 48}, .point = "layout",
		.result = FIT_FAIL, .says = "end with at 40"},
	{"on arm", {.modinfo = GOOD, .is32 = true, ZERO, .init_at = 24}, .arch = "armv7",
		.layout = {.size = 64, .init = 28}, .point = "layout", .result = FIT_FAIL,
		.says = "at 24"},
	{"no exit", {.modinfo = GOOD, ZERO, .init_at = 24},
		.layout = {.size = 64, .init = 24, .exit = 48}, .point = "layout",
		.result = FIT_PASS, .says = "start with"},
	{"neither", {.modinfo = GOOD}, .layout = {.size = 64, .init = 24}, .point = "layout",
		.result = FIT_PASS, .says = "neither"},
	{"nothing shown", {.modinfo = GOOD, ZERO, .init_at = 24}, .layout = {.size = 64},
		.point = "layout", .result = FIT_UNKNOWN, .says = "do not show"},
	{"no modules", {.modinfo = GOOD, ZERO, .init_at = 24}, .point = "layout",
		.result = FIT_UNKNOWN, .says = "64 bytes"},
	{"nothing known", {.modinfo = GOOD}, .no_facts = true, .point = "layout",
		.result = FIT_UNKNOWN, .says = "not known"},
	/* cfi */
	{"neither", {.modinfo = GOOD, WORDS(RET, BUG_BRK)}, .config = "CONFIG_SMP=y\n",
		.point = "cfi", .result = FIT_PASS, .says = "neither"},
	{"the module alone", {.modinfo = GOOD, WORDS(RET, KCFI_BRK)}, .config = "CONFIG_SMP=y\n",
		.point = "cfi", .result = FIT_FAIL, .says = "first such call crashes"},
	{"the module alone, x86",
		{.modinfo = GOOD, .machine = EM_X86_64, .extra = INFO("__kcfi_traps")},
		.arch = "x86_64", .config = "CONFIG_SMP=y\n", .point = "cfi", .result = FIT_FAIL,
		.says = "kCFI"},
	{"both", {.modinfo = GOOD, WORDS(HASH, RET), .init_at = 24, .init_value = 4},
		.config = "CONFIG_CFI_CLANG=y\n", .point = "cfi", .result = FIT_PASS,
		.says = "type hash"},
	{"both, room for tracing",
		{.modinfo = GOOD, WORDS(HASH, NOP, NOP, RET), .init_at = 24, .init_value = 12},
		.config = "CONFIG_CFI=y\n", .release = "6.18.0", .point = "cfi", .result = FIT_PASS,
		.says = "type hash"},
	{"the kernel alone", {.modinfo = GOOD, WORDS(RET, RET), .init_at = 24},
		.config = "CONFIG_CFI_CLANG=y\n", .point = "cfi", .result = FIT_FAIL,
		.says = "0x00000000, not the type hash 0x36b1c5a6"},
	{"the kernel alone, other code before it",
		{.modinfo = GOOD, WORDS(RET, RET), .init_at = 24, .init_value = 4},
		.config = "CONFIG_CFI_CLANG=y\n", .point = "cfi", .result = FIT_FAIL,
		.says = "0xd65f03c0"},
	{"the kernel alone, which only warns",
		{.modinfo = GOOD, WORDS(RET, RET), .init_at = 24, .init_value = 4},
		.config = "CONFIG_CFI_CLANG=y\nCONFIG_CFI_PERMISSIVE=y\n", .point = "cfi",
		.result = FIT_PASS, .says = "only warns"},
	{"nothing to call", {.modinfo = GOOD, WORDS(RET)}, .config = "CONFIG_CFI_CLANG=y\n",
		.point = "cfi", .result = FIT_PASS, .says = "no init function"},
	{"other integers", {.modinfo = GOOD, WORDS(HASH, RET), .init_at = 24, .init_value = 4},
		.config = "CONFIG_CFI_CLANG=y\nCONFIG_CFI_ICALL_NORMALIZE_INTEGERS=y\n",
		.point = "cfi", .result = FIT_FAIL, .says = "not the type hash 0x6fbb3035"},
	{"as the kernel's own", {.modinfo = GOOD, WORDS(7, RET), .init_at = 24, .init_value = 4},
		.config = "CONFIG_CFI_CLANG=y\n", .layout = {.init = 24, .init_hash = 7},
		.point = "cfi", .result = FIT_PASS, .says = "type hash"},
	{"x86", {.modinfo = GOOD, .machine = EM_X86_64, ZERO, .init_at = 24}, .arch = "x86_64",
		.config = "CONFIG_CFI_CLANG=y\n", .point = "cfi", .result = FIT_FAIL,
		.says = "no type hash"},
	{"x86, both",
		{.modinfo = GOOD,
			.machine = EM_X86_64,
			ZERO,
			.init_at = 24,
			.defined = "__cfi_init_module"},
		.arch = "x86_64", .config = "CONFIG_CFI_CLANG=y\n", .point = "cfi",
		.result = FIT_PASS, .says = "type hash"},
	{"jump tables, the kernel alone",
		{.modinfo = GOOD, WORDS(HASH, RET), .init_at = 24, .init_value = 4},
		.config = "CONFIG_CFI_CLANG=y\nCONFIG_LTO_CLANG=y\n", .release = "5.10.1",
		.point = "cfi", .result = FIT_FAIL, .says = "no __cfi_check()"},
	{"jump tables, both", {.modinfo = GOOD, ZERO, .defined = "__cfi_check"},
		.config = "CONFIG_CFI_CLANG=y\n# CONFIG_CFI_CLANG_SHADOW is not set\n",
		.release = "4.19.1", .point = "cfi", .result = FIT_PASS, .says = "__cfi_check()"},
	{"type hashes taken to an older kernel",
		{.modinfo = GOOD, WORDS(HASH, RET), .init_at = 24, .init_value = 4},
		.config = "CONFIG_CFI_CLANG=y\n", .release = "5.15.1", .point = "cfi",
		.result = FIT_PASS, .says = "type hash"},
	{"nothing known", {.modinfo = GOOD, WORDS(KCFI_BRK)}, .point = "cfi", .result = FIT_UNKNOWN,
		.says = "compiled with it"},
	/* landing pads */
	{"asked for, and there",
		{.modinfo = GOOD, WORDS(RET, BTI_C, RET), .init_at = 24, .init_value = 4},
		.config = BTI, .point = "landing pads", .result = FIT_PASS,
		.says = "begins with one"},
	{"asked for, and there by another", {.modinfo = GOOD, WORDS(PACIASP, RET), .init_at = 24},
		.config = BTI, .point = "landing pads", .result = FIT_PASS,
		.says = "begins with one"},
	{"asked for, but not there",
		{.modinfo = GOOD, WORDS(BTI_C, RET), .init_at = 24, .init_value = 4}, .config = BTI,
		.point = "landing pads", .result = FIT_UNKNOWN, .says = "Armv8.5"},
	{"not asked for", {.modinfo = GOOD, WORDS(RET), .init_at = 24}, .config = "CONFIG_SMP=y\n",
		.point = "landing pads", .result = FIT_PASS, .says = "does not ask"},
	{"perhaps asked for", {.modinfo = GOOD, WORDS(RET), .init_at = 24}, .point = "landing pads",
		.result = FIT_UNKNOWN, .says = "may or may not"},
	{"nothing to land on", {.modinfo = GOOD, WORDS(RET)}, .config = BTI,
		.point = "landing pads", .result = FIT_PASS, .says = "no init function"},
	{"x86, and there", {.modinfo = GOOD, .machine = EM_X86_64, WORDS(ENDBR64), .init_at = 24},
		.arch = "x86_64", .config = "CONFIG_X86_KERNEL_IBT=y\n", .point = "landing pads",
		.result = FIT_PASS, .says = "begins with one"},
	{"x86, but not there", {.modinfo = GOOD, .machine = EM_X86_64, WORDS(0xe8), .init_at = 24},
		.arch = "x86_64", .config = "CONFIG_X86_KERNEL_IBT=y\n", .point = "landing pads",
		.result = FIT_UNKNOWN, .says = "endbr64"},
	/* shadow call stack */
	{"neither", {.modinfo = GOOD, WORDS(FRAME, MOV_X18, RET)}, .config = "CONFIG_SMP=y\n",
		.point = "shadow call stack", .result = FIT_PASS, .says = "neither"},
	{"the module alone", {.modinfo = GOOD, WORDS(SCS_PUSH, FRAME, RET)},
		.config = "CONFIG_SMP=y\n", .point = "shadow call stack", .result = FIT_FAIL,
		.says = "random place"},
	{"both", {.modinfo = GOOD, WORDS(SCS_PUSH, FRAME, RET)},
		.config = "CONFIG_SHADOW_CALL_STACK=y\n", .point = "shadow call stack",
		.result = FIT_PASS, .says = "x18"},
	{"patched in", {.modinfo = GOOD, WORDS(PACIASP, FRAME, RET)},
		.config = "CONFIG_SHADOW_CALL_STACK=y\nCONFIG_DYNAMIC_SCS=y\n",
		.point = "shadow call stack", .result = FIT_PASS, .says = "patched in"},
	{"not patched in", {.modinfo = GOOD, WORDS(PACIASP, FRAME, MOV_X18, RET)},
		.config = "CONFIG_SHADOW_CALL_STACK=y\n", .point = "shadow call stack",
		.result = FIT_FAIL, .says = "register x18"},
	{"the kernel alone, calculated", {.modinfo = GOOD, WORDS(FRAME, MOV_X18, RET)},
		.config = "CONFIG_SHADOW_CALL_STACK=y\n", .point = "shadow call stack",
		.result = FIT_FAIL, .says = "register x18"},
	{"the kernel alone, loaded", {.modinfo = GOOD, WORDS(FRAME, LDR_X18, RET)},
		.config = "CONFIG_SHADOW_CALL_STACK=y\n", .point = "shadow call stack",
		.result = FIT_FAIL, .says = "register x18"},
	{"the kernel alone, loaded with another", {.modinfo = GOOD, WORDS(FRAME, LDP_X18, RET)},
		.config = "CONFIG_SHADOW_CALL_STACK=y\n", .point = "shadow call stack",
		.result = FIT_FAIL, .says = "register x18"},
	{"the kernel alone, but left alone", {.modinfo = GOOD, WORDS(FRAME, STR_X18, RET)},
		.config = "CONFIG_SHADOW_CALL_STACK=y\n", .point = "shadow call stack",
		.result = FIT_PASS, .says = "leaves the register x18 alone"},
	{"nothing known", {.modinfo = GOOD, WORDS(SCS_PUSH)}, .point = "shadow call stack",
		.result = FIT_UNKNOWN, .says = "compiled with"},
	{"on arm", {.modinfo = GOOD, .is32 = true, WORDS(SCS_PUSH)}, .arch = "armv7",
		.config = "CONFIG_SMP=y\n", .point = "shadow call stack", .result = FIT_PASS,
		.says = "architecture"},
	/* stack protector */
	{"unused", {.modinfo = GOOD}, .point = "stack protector", .result = FIT_PASS,
		.says = "does not use"},
	{"per task", {.modinfo = GOOD, .undefined = NEEDS({"__stack_chk_fail", false})},
		.config = "CONFIG_STACKPROTECTOR=y\nCONFIG_STACKPROTECTOR_PER_TASK=y\n",
		.point = "stack protector", .result = FIT_PASS, .says = "each task"},
	{"global",
		{.modinfo = GOOD,
			.undefined =
				NEEDS({"__stack_chk_fail", false}, {"__stack_chk_guard", false})},
		.config = "CONFIG_STACKPROTECTOR=y\n", .point = "stack protector",
		.result = FIT_PASS, .says = "all tasks"},
	{"global, the kernel per task",
		{.modinfo = GOOD,
			.undefined =
				NEEDS({"__stack_chk_fail", false}, {"__stack_chk_guard", false})},
		.config = "CONFIG_STACKPROTECTOR=y\nCONFIG_STACKPROTECTOR_PER_TASK=y\n",
		.point = "stack protector", .result = FIT_FAIL, .says = "PER_TASK"},
	{"per task, the kernel global",
		{.modinfo = GOOD, .undefined = NEEDS({"__stack_chk_fail", false})},
		.config = "CONFIG_CC_STACKPROTECTOR_STRONG=y\n", .point = "stack protector",
		.result = FIT_UNKNOWN, .says = "task_struct"},
	{"the module alone", {.modinfo = GOOD, .undefined = NEEDS({"__stack_chk_fail", false})},
		.config = "CONFIG_SMP=y\n", .point = "stack protector", .result = FIT_FAIL,
		.says = "without CONFIG_STACKPROTECTOR"},
	{"x86 has no choice",
		{.modinfo = GOOD,
			.machine = EM_X86_64,
			.undefined = NEEDS({"__stack_chk_fail", false})},
		.arch = "x86_64", .config = "CONFIG_STACKPROTECTOR=y\n", .point = "stack protector",
		.result = FIT_PASS, .says = "__stack_chk_fail"},
	{"nothing known", {.modinfo = GOOD, .undefined = NEEDS({"__stack_chk_fail", false})},
		.point = "stack protector", .result = FIT_UNKNOWN, .says = "not known"},
};

static void every_row(void **state)
{
	(void)state;
	judge_rows(rows, ARRAY_SIZE(rows));
}

static char *xz(const char *bytes, size_t *len, lzma_check check)
{
	size_t max = lzma_stream_buffer_bound(*len), n = 0;
	char *out = xcalloc(max, 1);

	assert_int_equal(lzma_easy_buffer_encode(6, check, NULL, (const uint8_t *)bytes, *len,
				 (uint8_t *)out, &n, max),
		LZMA_OK);
	*len = n;
	return out;
}

static void compressions(void **state)
{
	static const char unpacks[] = "CONFIG_MODULE_DECOMPRESS=y\nCONFIG_MODULE_COMPRESS_XZ=y\n";
	static const struct {
		struct row row;
		lzma_check check;
	} cases[] = {
		{{"as xz does it, by kmod", .config = "CONFIG_SMP=y\n", .result = FIT_PASS,
			 .says = "xz, which kmod"},
			LZMA_CHECK_CRC64},
		{{"as xz does it, by the kernel", .config = unpacks, .result = FIT_FAIL,
			 .says = "--check=crc32"},
			LZMA_CHECK_CRC64},
		{{"as the kernel wants it", .config = unpacks, .result = FIT_PASS,
			 .says = "the kernel unpacks"},
			LZMA_CHECK_CRC32},
		{{"an older kernel", .config = unpacks, .release = "5.10.1", .result = FIT_PASS,
			 .says = "kmod"},
			LZMA_CHECK_CRC64},
		{{"of another kind than the kernel's",
			 .config = "CONFIG_MODULE_DECOMPRESS=y\nCONFIG_MODULE_COMPRESS_ZSTD=y\n",
			 .result = FIT_PASS, .says = "kmod"},
			LZMA_CHECK_CRC64},
		{{"nothing known", .result = FIT_UNKNOWN, .says = "not known"}, LZMA_CHECK_CRC64},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct kb_spec s = {.modinfo = GOOD};
		struct row r = cases[i].row;
		char *plain, *packed;
		size_t len;

		r.point = "compression";
		plain = kb_build(&s, &len);
		packed = xz(plain, &len, cases[i].check);
		judge(&r, packed, len);
		free(plain);
		free(packed);
	}
}

/* An arm64 Image with this at its end; the caller frees its path. */
static char *write_image(const char *btf, size_t len)
{
	char *path = path_join(fit_folder, "Image");

	assert_int_equal(kernel_file_write(path, btf, len), 0);
	return path;
}

/* What a module brings along of bb_base()'s types: the int, which has `size` here. */
static char *brought_btf(uint32_t size, size_t *len)
{
	const uint32_t words[] = {size * 8 | 1 << 24, BB_END};
	struct bb b = {0};

	bb_string(&b, "");
	bb_string(&b, "int");
	bb_type(&b, 1, 1, 0, size, words);
	return bb_finish(&b, len);
}
#define BROUGHT_STRINGS 5

/* "member" of the module's struct: a name of the module's, and one behind all of them. */
static char *module_btf(uint32_t member, size_t *len)
{
	const uint32_t words[] = {member, 1, 0, BB_END};
	struct bb b = {0};

	bb_string(&b, "own");
	bb_type(&b, 5, 4, 1, 8, words);
	return bb_finish(&b, len);
}

#define STRICT "CONFIG_DEBUG_INFO_BTF_MODULES=y\n"

static void type_information(void **state)
{
	static const struct {
		struct row row;
		bool none, foreign, no_image;
		uint32_t based; /* size of the int that is brought along, 0: it is not */
	} cases[] = {
		{{"none", .config = STRICT, .result = FIT_PASS, .says = "every kernel takes"},
			.none = true},
		{{"own", .config = STRICT, .result = FIT_PASS,
			 .says = "its 1 types go together with the 3"},
			.none = false},
		{{"foreign", .config = STRICT, .result = FIT_FAIL, .says = "of type 4"},
			.foreign = true},
		{{"foreign, ignored", .config = STRICT "CONFIG_MODULE_ALLOW_BTF_MISMATCH=y\n",
			 .result = FIT_PASS, .says = "ignores"},
			.foreign = true},
		{{"foreign, not looked at", .config = "CONFIG_SMP=y\n", .result = FIT_PASS,
			 .says = "does not look"},
			.foreign = true},
		{{"foreign, too old to look", .release = "5.10.1", .config = STRICT,
			 .result = FIT_PASS, .says = "does not look"},
			.foreign = true},
		{{"no configuration", .result = FIT_UNKNOWN, .says = "configuration"},
			.none = false},
		{{"no image", .config = STRICT, .result = FIT_UNKNOWN, .says = "image"},
			.foreign = true, .no_image = true},
		{{"with a base", .release = "6.12.1", .config = STRICT, .result = FIT_PASS,
			 .says = "like the 1 that it brings along"},
			.based = 4},
		{{"with a base of another kernel", .release = "6.12.1", .config = STRICT,
			 .result = FIT_FAIL, .says = "no type like the 'int'"},
			.based = 8},
		{{"with a base, but no image", .release = "6.12.1", .config = STRICT,
			 .result = FIT_UNKNOWN, .says = "without the kernel's image"},
			.based = 4, .no_image = true},
		{{"with a base, but not on it", .release = "6.12.1", .config = STRICT,
			 .result = FIT_FAIL, .says = "of type 2"},
			.foreign = true, .based = 4},
		{{"with a base that is not looked at", .config = STRICT, .result = FIT_PASS,
			 .says = "go together"},
			.based = 4, .none = false},
	};
	size_t base_len;
	char *base = bb_base(&base_len), *image = write_image(base, base_len);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kb_spec s = {.modinfo = GOOD};
		struct row r = cases[i].row;
		bool seen = cases[i].based && r.release;
		uint32_t below = seen ? BROUGHT_STRINGS : BB_BASE_STRINGS;
		char *btf, *bytes, *brought;
		size_t len;

		btf = module_btf(below + (cases[i].foreign ? 4 : 0), &s.btf_len);
		brought = brought_btf(cases[i].based, &s.btf_base_len);
		s.btf = cases[i].none ? NULL : btf;
		s.btf_len = cases[i].none ? 0 : s.btf_len;
		s.btf_base = cases[i].based ? brought : NULL;
		s.btf_base_len = cases[i].based ? s.btf_base_len : 0;
		bytes = kb_build(&s, &len);
		r.point = "btf";
		r.image = cases[i].no_image ? NULL : image;
		judge(&r, bytes, len);
		free(bytes);
		free(btf);
		free(brought);
	}
	free(base);
	free(image);
}

static void unreadable(void **state)
{
	static const struct {
		const char *bytes, *says;
	} cases[] = {
		{"BZh91AY&SY", "bzip2 file, which neither"},
		{"\x04\x22\x4d\x18____", "lz4"},
		{"\x89LZO____", "lzop"},
		{"PK\x03\x04____", "zip"},
		{"hello", "not an ELF file"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct row r = {"", .point = "file", .result = FIT_FAIL, .says = cases[i].says};
		size_t len = strlen(cases[i].bytes);
		char *packed;

		judge(&r, cases[i].bytes, len);
		packed = xz(cases[i].bytes, &len, LZMA_CHECK_CRC32);
		judge(&r, packed, len); /* inside of another */
		free(packed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(compressions),
		cmocka_unit_test(type_information),
		cmocka_unit_test(unreadable),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
