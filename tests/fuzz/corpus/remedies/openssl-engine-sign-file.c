// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>
#include <openssl/evp.h>
#include <openssl/engine.h>
int main(int argc, char **argv)
{
	EVP_PKEY *key = NULL;
	ENGINE *e;

	if (argc < 2 || strncmp(argv[1], "pkcs11:", 7) != 0)
		return 0;
	ENGINE_load_builtin_engines();
	e = ENGINE_by_id("pkcs11");
	if (!e || !ENGINE_init(e) || !ENGINE_ctrl_cmd_string(e, "PIN", argv[1], 0))
		return 1;
	ENGINE_ctrl_cmd(e, "LOAD_CERT_CTRL", 0, argv, NULL, 1);
	key = ENGINE_load_private_key(e, argv[1], NULL, NULL);
	return key == NULL;
}
