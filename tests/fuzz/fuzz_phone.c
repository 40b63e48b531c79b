// SPDX-License-Identifier: GPL-3.0-or-later
/* Whatever a phone sends: the survey, root's script, the record with files in it. */
#include "pmkmod/phone/record.h"
#include "pmkmod/phone/sideload.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As after loading; what was not loaded has a reason. */
static void judge(struct sideload_said *said)
{
	struct phone_package package = {.pkg = {.name = (char *)"p", .version = (char *)"1"}};
	struct strvec modules = {0};
	struct sideload s = {.modules = &modules,
		.packages = {.v = &package, .n = 1},
		.phone = {.shown = (char *)"phone"}};
	struct sideload_result out = {0};

	strvec_add(&modules, "hello");
	sideload_judge_load(&s, said, NULL, &out);
	if (!out.loaded && !out.failure)
		abort();
	sideload_result_free(&out);
	strvec_free(&modules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct phone_state s;
	struct phone_record r = {0};
	struct sideload_said said = {.added = -1, .token = TOKEN};
	struct err e = ERR_INIT;
	struct phone_hearing h = {.r = &r, .token = TOKEN, .fd = -1, .e = &e};
	struct refusal why;
	size_t half = size / 2;

	if (phone_state_parse(&s, TOKEN, text, size, &e) == 0) {
		if (!phone_word_ok(s.release) || !phone_word_ok(s.login))
			abort();
		phone_state_free(&s);
	}
	sideload_hear(&said, text, half);
	sideload_hear(&said, text + half, size - half);
	sideload_heard_all(&said);
	/* nothing that a terminal would obey comes through */
	for (size_t i = 0; i < said.dmesg.len; i++)
		if ((unsigned char)said.dmesg.s[i] < 0x20 && said.dmesg.s[i] != '\n')
			abort();
	if (refusal_find(&why, said.dmesg.s, said.modprobe.s))
		refusal_free(&why);
	judge(&said);
	sideload_said_free(&said);
	phone_record_hear(&h, text, half);
	phone_record_hear(&h, text + half, size - half);
	phone_record_heard_all(&h);
	phone_record_free(&r);
	return 0;
}
