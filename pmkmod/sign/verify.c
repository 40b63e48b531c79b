// SPDX-License-Identifier: GPL-3.0-or-later
/* mod_verify_sig() with one trusted certificate. */
#include <arpa/inet.h>
#include <openssl/cms.h>
#include <openssl/err.h>

#include "pmkmod/kernel/ko_image.h"
#include "pmkmod/sign/parts.h"

static enum sign_state bad(char **why, const char *text)
{
	*why = xstrdup(text);
	return SIGN_BAD;
}

/* Is our certificate the one a signer of the message names? */
static bool names_us(CMS_ContentInfo *cms, X509 *certificate)
{
	STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);

	for (int i = 0; i < sk_CMS_SignerInfo_num(signers); i++)
		if (CMS_SignerInfo_cert_cmp(sk_CMS_SignerInfo_value(signers, i), certificate) == 0)
			return true;
	return false;
}

static bool message_is_good(CMS_ContentInfo *cms, X509 *certificate, BIO *content)
{
	STACK_OF(X509) *certificates = sk_X509_new_null();
	bool ok =
		certificates && sk_X509_push(certificates, certificate) > 0 &&
		CMS_verify(cms, certificates, NULL, content, NULL,
			CMS_BINARY | CMS_DETACHED | CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY) == 1;

	sk_X509_free(certificates);
	return ok;
}

/* mod_check_sig(): the older format's fields must be empty. */
static bool has_no_old_fields(const struct sign_trailer *t)
{
	return !t->algo && !t->hash && !t->signer_len && !t->key_id_len && !t->pad[0] &&
	       !t->pad[1] && !t->pad[2];
}

static enum sign_state verify_pkcs7(const struct sign_key *k, const unsigned char *bytes,
	size_t len, size_t sig_len, char **why)
{
	const unsigned char *at = bytes + len - sig_len;
	/*
	 * CMS_verify() of OpenSSL 3.0 takes a copy of what is in memory, and loses it when the
	 * message names an algorithm that it does not know; behind a filter it takes this one.
	 */
	BIO *content =
		BIO_push(BIO_new(BIO_f_null()), BIO_new_mem_buf(bytes, (int)(len - sig_len)));
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)sig_len);
	enum sign_state state = SIGN_GOOD;

	/* what follows the message does not count, for the kernel's decoder neither */
	if (!cms || !content || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
		state = bad(why, "it is no PKCS#7 message of a signature");
	else if (!names_us(cms, k->certificate)) {
		*why = xstrdup("it names another certificate");
		state = SIGN_OTHER;
	} else if (!message_is_good(cms, k->certificate, content)) {
		state = bad(why, "the module was changed after it was signed");
	}
	CMS_ContentInfo_free(cms);
	BIO_free_all(content);
	ERR_clear_error();
	return state;
}

enum sign_state sign_verify(const struct sign_key *k, const void *bytes, size_t len, char **why)
{
	const size_t marker = strlen(SIGN_MARKER), tail = marker + sizeof(struct sign_trailer);
	const char *all = bytes;
	char *unused = NULL;
	struct sign_trailer t;
	enum sign_state state;
	size_t rest, all_lens;

	if (why)
		*why = NULL;
	if (len < marker || len > KO_MAX || memcmp(all + len - marker, SIGN_MARKER, marker) != 0)
		return SIGN_NONE;
	if (len <= tail) {
		state = bad(&unused, "nothing stands before its marker");
	} else {
		rest = len - tail;
		memcpy(&t, all + rest, sizeof(t));
		all_lens = (size_t)ntohl(t.sig_len) + t.signer_len + t.key_id_len;
		if (all_lens >= rest)
			state = bad(&unused, "it claims to be longer than the file");
		else if (t.id_type == SIGN_ID_PKCS7 && !has_no_old_fields(&t))
			state = bad(&unused, "fields that must be zero are not");
		else if (t.id_type == SIGN_ID_PKCS7)
			state = verify_pkcs7(k, bytes, rest, ntohl(t.sig_len), &unused);
		else if (t.id_type == SIGN_ID_X509)
			state = sign_x509_verify(k, &t, bytes, rest, &unused);
		else
			state = bad(&unused, "its kind is none that kernels know");
	}
	if (why)
		*why = steal_ptr(unused);
	free(unused);
	return state;
}
