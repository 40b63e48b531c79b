// SPDX-License-Identifier: GPL-3.0-or-later
/* What a kernel's configuration says of signatures, and the lines that make it trust one more. */
#include "pmkmod/aport/aport_parts.h"
#include "pmkmod/kernel/kernel.h"

unsigned config_file_version(const char *text)
{
	static const char tail[] = " Kernel Configuration";
	const char *line = strstr(text, "# Linux"), *end;

	for (; line; line = strstr(line + 1, "# Linux")) {
		const char *space = strchr(line + 2, ' ');
		_cleanup_free_ char *release = NULL;

		end = line + strcspn(line, "\n");
		if (!space || space > end ||
			!memmem(line, (size_t)(end - line), tail, strlen(tail)))
			continue;
		release = xstrndup(space + 1, strcspn(space + 1, " \n"));
		/* "# Linux kernel version: 2.6.35" is older than anything that signs */
		if (kernel_version_code(release))
			return kernel_version_code(release);
	}
	return 0;
}

enum signing_need kernel_signing_need(const struct kconfig *c, unsigned version, const char **why)
{
	static const struct {
		const char *symbol, *why;
	} required[] = {
		{"MODULE_SIG_FORCE", "CONFIG_MODULE_SIG_FORCE=y: unsigned modules are refused"},
		{"LOCK_DOWN_KERNEL_FORCE_INTEGRITY",
			"CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY=y: unsigned modules are refused"},
		{"LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY",
			"CONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY=y: unsigned modules are refused"},
		{"LOCK_DOWN_KERNEL_FORCE",
			"CONFIG_LOCK_DOWN_KERNEL_FORCE=y: unsigned modules are refused"},
	};

	if (!kconfig_yes(c, "MODULES")) {
		*why = "CONFIG_MODULES is not set: this kernel loads no modules at all";
		return SIGNING_NO_MODULES;
	}
	for (size_t i = 0; i < ARRAY_SIZE(required); i++)
		if (kconfig_yes(c, required[i].symbol)) {
			*why = required[i].why;
			return SIGNING_REQUIRED;
		}
	if (version && version < KERNEL_VERSION_CODE(3, 7)) {
		*why = "kernels before 3.7 know no signed modules";
		return SIGNING_TOO_OLD;
	}
	*why = "neither MODULE_SIG_FORCE nor lockdown is set: this kernel takes unsigned modules";
	return SIGNING_OPTIONAL;
}

/* ---- editing ---- */

/* The line of `symbol` in the text: set or "is not set". */
static bool find_line(const struct strbuf *b, const char *symbol, size_t *start, size_t *len)
{
	_cleanup_free_ char *set = xasprintf("CONFIG_%s=", symbol);
	_cleanup_free_ char *unset = xasprintf("# CONFIG_%s is not set", symbol);

	for (size_t i = 0; i < b->len; i += *len + 1) {
		*start = i;
		*len = strcspn(b->s + i, "\n");
		if (strncmp(b->s + i, set, strlen(set)) == 0 ||
			strncmp(b->s + i, unset, strlen(unset)) == 0)
			return true;
	}
	return false;
}

/* `value` NULL: "is not set". Nothing else of the text changes. */
static void set_line(struct strbuf *b, const char *symbol, const char *value)
{
	_cleanup_free_ char *line = value ? xasprintf("CONFIG_%s=%s", symbol, value)
					  : xasprintf("# CONFIG_%s is not set", symbol);
	struct strbuf next = {0};
	size_t start, len;

	if (!find_line(b, symbol, &start, &len)) {
		if (b->len && b->s[b->len - 1] != '\n')
			strbuf_addc(b, '\n');
		strbuf_addf(b, "%s\n", line);
		return;
	}
	if (len && b->s[start + len - 1] == '\r')
		len--;
	strbuf_add(&next, b->s, start);
	strbuf_adds(&next, line);
	strbuf_add(&next, b->s + start + len, b->len - start - len);
	strbuf_free(b);
	*b = next;
}

/*
 * Answers to what kconfig would ask once these are on: kernels that are built right after the
 * configuration was copied have nobody to ask.
 */
static void answer_new_questions(struct strbuf *b, const struct kconfig *c)
{
	static const struct {
		const char *symbol, *value;
	} sig[] = {{"MODULE_SIG_FORCE", NULL}, {"MODULE_SIG_ALL", "y"}, {"MODULE_SIG_SHA512", "y"},
		{"MODULE_SIG_HASH", "\"sha512\""}, {"MODULE_SIG_KEY", "\"certs/signing_key.pem\""}};
	static const struct {
		const char *symbol, *value;
	} keyring[] = {{"SYSTEM_EXTRA_CERTIFICATE", NULL}, {"SECONDARY_TRUSTED_KEYRING", NULL},
		{"SYSTEM_BLACKLIST_KEYRING", NULL}};

	for (size_t i = 0; !kconfig_yes(c, "MODULE_SIG") && i < ARRAY_SIZE(sig); i++)
		set_line(b, sig[i].symbol, sig[i].value);
	for (size_t i = 0; !kconfig_yes(c, "SYSTEM_TRUSTED_KEYRING") && i < ARRAY_SIZE(keyring);
		i++)
		if (!kconfig_known(c, keyring[i].symbol))
			set_line(b, keyring[i].symbol, keyring[i].value);
}

void signing_config_edit(struct strbuf *text, const struct kconfig *c, const char *keys_file)
{
	_cleanup_free_ char *quoted = keys_file ? xasprintf("\"%s\"", keys_file) : NULL;

	answer_new_questions(text, c);
	if (!kconfig_yes(c, "MODULE_SIG"))
		set_line(text, "MODULE_SIG", "y");
	if (keys_file && !kconfig_yes(c, "SYSTEM_TRUSTED_KEYRING"))
		set_line(text, "SYSTEM_TRUSTED_KEYRING", "y");
	if (quoted)
		set_line(text, "SYSTEM_TRUSTED_KEYS", quoted);
	/* the certificate's own signature; a module's is of the kernel's MODULE_SIG_HASH */
	if (!kconfig_yes(c, "CRYPTO_SHA512"))
		set_line(text, "CRYPTO_SHA512", "y");
}
