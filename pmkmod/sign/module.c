// SPDX-License-Identifier: GPL-3.0-or-later
/* Signing, as scripts/sign-file.c: the same bytes come out. */
#include <arpa/inet.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <sys/stat.h>

#include "chroot/base/fs.h"
#include "pmkmod/kernel/ko_image.h"
#include "pmkmod/sign/parts.h"
#include "pmkmod/util/exit_codes.h"

static int cms_failed(struct err *e, const char *hash)
{
	return err_set(e, -EIO, "libcrypto cannot sign with %s: %s", hash, sign_reason());
}

/* The message without content, certificates and attributes, whose signer is named by issuer and
 * serial number: what modules_install makes. */
static CMS_ContentInfo *make_message(const struct sign_key *k, const EVP_MD *md, BIO *content)
{
	const unsigned flags = CMS_NOCERTS | CMS_BINARY | CMS_NOSMIMECAP | CMS_NOATTR;
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL,
		CMS_NOCERTS | CMS_PARTIAL | CMS_BINARY | CMS_DETACHED | CMS_STREAM);

	if (cms && CMS_add1_signer(cms, k->certificate, k->pkey, md, flags) &&
		CMS_final(cms, content, NULL, CMS_NOCERTS | CMS_BINARY) == 1)
		return cms;
	CMS_ContentInfo_free(cms);
	return NULL;
}

static int sign_pkcs7(const struct sign_key *k, const char *hash, const void *bytes, size_t len,
	struct strbuf *out, struct err *e)
{
	const EVP_MD *md = EVP_get_digestbyname(hash);
	struct sign_trailer t = {.id_type = SIGN_ID_PKCS7};
	BIO *content = BIO_new_mem_buf(bytes, (int)len);
	CMS_ContentInfo *cms = md && content ? make_message(k, md, content) : NULL;
	unsigned char *der = NULL;
	int n = cms ? i2d_CMS_ContentInfo(cms, &der) : 0;

	CMS_ContentInfo_free(cms);
	BIO_free(content);
	if (n <= 0)
		return cms_failed(e, hash);
	strbuf_add(out, der, (size_t)n);
	OPENSSL_free(der);
	t.sig_len = htonl((uint32_t)n);
	strbuf_add(out, &t, sizeof(t));
	return 0;
}

int sign_bytes(const struct sign_key *k, const struct sign_rule *rule, const void *bytes,
	size_t len, struct strbuf *out, struct err *e)
{
	int r;

	if (len > KO_MAX)
		return err_set(e, -EFBIG, "a module of %zu bytes is not signed", len);
	if (rule->format == SIGN_X509)
		r = sign_x509(k, rule->hash, bytes, len, out, e);
	else
		r = sign_pkcs7(k, rule->hash, bytes, len, out, e);
	if (r == 0)
		strbuf_adds(out, SIGN_MARKER);
	return r;
}

/* Length without the signature at the end, if there is one that can be read. */
static size_t unsigned_length(const char *bytes, size_t len)
{
	const size_t marker = strlen(SIGN_MARKER), tail = marker + sizeof(struct sign_trailer);
	struct sign_trailer t;
	size_t rest, sig;

	if (len <= tail || memcmp(bytes + len - marker, SIGN_MARKER, marker) != 0)
		return len;
	memcpy(&t, bytes + len - tail, sizeof(t));
	rest = len - tail;
	sig = (size_t)ntohl(t.sig_len) + t.signer_len + t.key_id_len;
	return sig < rest ? rest - sig : len;
}

int sign_module(
	const struct sign_key *k, const struct sign_rule *rule, const char *path, struct err *e)
{
	_cleanup_free_ char *bytes = NULL;
	struct strbuf out = {0};
	struct stat st;
	size_t len = 0;
	int r = fs_read(path, KO_MAX, &bytes, &len, e);

	if (r < 0)
		return r;
	if (stat(path, &st) < 0)
		return err_errno(e, -errno, "cannot look at '%s'", path);
	len = unsigned_length(bytes, len);
	strbuf_add(&out, bytes, len);
	r = sign_bytes(k, rule, bytes, len, &out, e);
	if (r == 0)
		r = fs_write_atomic(path, out.s, out.len, st.st_mode & 0777, e);
	strbuf_free(&out);
	return r < 0 ? err_prefix(e, "signing %s", path_base(path)) : 0;
}
