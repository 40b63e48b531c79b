// SPDX-License-Identifier: GPL-3.0-or-later
/* The signature at the end of a module, against a key that is always the same. */
#include "pmkmod/sign/sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sign_key *k;
	_cleanup_free_ char *why = NULL;
	enum sign_state state;
	struct sign_claim claim;

	/* run from the top folder, as the other tests */
	if (!k && sign_key_load(&k, "tests/unit/sign/rsa.pem", NULL) < 0)
		abort();
	state = sign_verify(k, data, size, &why);
	if (!why != (state == SIGN_GOOD || state == SIGN_NONE))
		abort();
	if (sign_claim_read(&claim, data, size) != (state != SIGN_NONE))
		abort();
	sign_claim_certificate_in(&claim, data, size);
	sign_claim_free(&claim);
	return 0;
}
