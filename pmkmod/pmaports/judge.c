// SPDX-License-Identifier: GPL-3.0-or-later
/* From a kernel's configuration to a verdict, with the lines that decide. */
#include "pmkmod/pmaports/pmaports.h"

#include "pmkmod/sign/sign.h"

const char *const verdict_names[N_VERDICTS] = {
	"ready", "source", "symvers", "signed", "no-modules", "arch", "no-kernel"};
const char *const verdict_titles[N_VERDICTS] = {"a headers package exists",
	"headers are made from source", "... with the exact symbol versions of its build",
	"signed modules only", "no modules in this kernel", "architecture not supported",
	"kernel missing"};

bool verdict_by_name(const char *name, enum verdict *out)
{
	for (int i = 0; i < N_VERDICTS; i++)
		if (streq(verdict_names[i], name)) {
			*out = (enum verdict)i;
			return true;
		}
	return false;
}

/* What sign/rule.c, kernel/kconfig.c and the functions below ask for. */
const char *const judged_symbols[] = {"MODULES", "MODVERSIONS", "MODULE_FORCE_LOAD", "MODULE_SIG",
	"MODULE_SIG_FORCE", "MODULE_SIG_ALL", "MODULE_SIG_HASH", "MODULE_SIG_SHA1",
	"MODULE_SIG_SHA224", "MODULE_SIG_SHA256", "MODULE_SIG_SHA384", "MODULE_SIG_SHA512",
	"MODULE_SIG_SHA3_256", "MODULE_SIG_SHA3_384", "MODULE_SIG_SHA3_512", "MODULE_SIG_PROTECT",
	"SECURITY_LOCKDOWN_LSM", "SECURITY_LOCKDOWN_LSM_EARLY", "LSM", "LOCK_DOWN_KERNEL_FORCE",
	"LOCK_DOWN_KERNEL_FORCE_INTEGRITY", "LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY",
	"LOCK_DOWN_MANDATORY", "CRYPTO_ECDSA", "TIMA_LKMAUTH", "TIMA_LKM_BLOCK",
	"TRIM_UNUSED_KSYMS", "LOCALVERSION", "LOCALVERSION_AUTO", "MODULE_COMPRESS",
	"MODULE_COMPRESS_ALL", "MODULE_COMPRESS_GZIP", "MODULE_COMPRESS_XZ", "MODULE_COMPRESS_ZSTD",
	NULL};

/* The line of a symbol as the configuration has it. */
static void add_line(struct strbuf *b, const struct kconfig *c, const char *symbol)
{
	const char *v = kconfig_get(c, symbol);

	if (b->len)
		strbuf_addc(b, '\n');
	if (!v)
		strbuf_addf(b, "# CONFIG_%s is not set", symbol);
	else if (streq(v, "y") || streq(v, "m"))
		strbuf_addf(b, "CONFIG_%s=%s", symbol, v);
	else
		strbuf_addf(b, "CONFIG_%s=\"%s\"", symbol, v);
}

static void set(struct judgement *j, enum verdict verdict, const char *why, const char *remedy)
{
	j->verdict = verdict;
	j->why = xstrdup(why);
	j->remedy = xstrdup(remedy);
}

static bool no_modules(struct judgement *j, const struct kconfig *c, struct strbuf *lines)
{
	if (kconfig_yes(c, "MODULES"))
		return false;
	add_line(lines, c, "MODULES");
	set(j, VERDICT_NO_MODULES, "CONFIG_MODULES is not set: this kernel loads no modules at all",
		"set CONFIG_MODULES=y in the configuration of the kernel's aport, build that kernel "
		"with pmbootstrap and install it; or patch the driver into the kernel");
	return true;
}

static bool signed_only(
	struct judgement *j, const struct kconfig *c, const char *release, struct strbuf *lines)
{
	struct sign_rule rule;
	_cleanup_free_ char *why = NULL;

	sign_rule_read(&rule, c, release);
	if (!rule.required_by)
		return false;
	add_line(lines, c, rule.required_by);
	why = xasprintf("CONFIG_%s=y: this kernel only takes modules that are signed with a key it "
			"trusts",
		rule.required_by);
	set(j, VERDICT_SIGNED, why,
		"with the key of the kernel's build (certs/signing_key.pem) give --sign-key FILE; "
		"without it, `pmkmod signing-kernel DEVICE --emit-aport DIR` makes the aport of a "
		"kernel that trusts a key of yours, to be built and installed once");
	return true;
}

/* Samsung's kernels, 3.4 to 4.9: kernel/module.c asks a trusted application by a list of hashes. */
static bool firmware_decides(struct judgement *j, const struct kconfig *c, struct strbuf *lines)
{
	static const char *const symbols[] = {"TIMA_LKMAUTH", "TIMA_LKM_BLOCK"};

	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		_cleanup_free_ char *why = NULL;

		if (!kconfig_yes(c, symbols[i]))
			continue;
		add_line(lines, c, symbols[i]);
		why = xasprintf(
			"CONFIG_%s=y (Samsung): the phone's TrustZone firmware decides by a "
			"list of its own which modules load",
			symbols[i]);
		set(j, VERDICT_SIGNED, why,
			"no signature of yours helps: switch that option off in the configuration of "
			"the kernel's aport, build that kernel with pmbootstrap and install it");
		j->firmware_decides = true;
		return true;
	}
	return false;
}

static void buildable(struct judgement *j, const struct kconfig *c, struct strbuf *lines)
{
	add_line(lines, c, "MODULES");
	if (kconfig_yes(c, "MODVERSIONS")) {
		add_line(lines, c, "MODVERSIONS");
		set(j, VERDICT_SYMVERS,
			"CONFIG_MODVERSIONS=y: each symbol a module uses must have the version of "
			"exactly the phone's kernel",
			"pmkmod recovers the versions from the image in the kernel's package; "
			"--symvers FILE gives those of a build");
	} else {
		set(j, VERDICT_SOURCE,
			"no symbol versions are compared and no signature is asked for",
			"pmkmod makes the headers from the kernel's aport");
	}
	if (kconfig_yes(c, "TRIM_UNUSED_KSYMS"))
		add_line(lines, c, "TRIM_UNUSED_KSYMS");
	if (kconfig_yes(c, "MODULE_SIG_PROTECT"))
		add_line(lines, c, "MODULE_SIG_PROTECT");
}

void judge_config(struct judgement *j, const struct kconfig *c, const char *release)
{
	_cleanup_strbuf_ struct strbuf lines = {0};

	*j = (struct judgement){0};
	if (!no_modules(j, c, &lines) && !signed_only(j, c, release, &lines) &&
		!firmware_decides(j, c, &lines))
		buildable(j, c, &lines);
	if (kconfig_yes(c, "MODVERSIONS") && j->verdict == VERDICT_SIGNED)
		add_line(&lines, c, "MODVERSIONS");
	j->lines = strbuf_steal(&lines);
}

void judgement_free(struct judgement *j)
{
	free(j->lines);
	free(j->why);
	free(j->remedy);
	*j = (struct judgement){0};
}

char *config_header_version(const char *text)
{
	static const char tail[] = " Kernel Configuration";

	/* the header is in the first lines; what follows is large */
	for (unsigned line = 0; line < 8 && *text; line++) {
		size_t len = strcspn(text, "\r\n");
		const char *end = memmem(text, len, tail, strlen(tail));
		const char *at = end && starts_with(text, "# Linux") ? end : NULL;

		while (at && at > text && at[-1] != ' ')
			at--;
		if (at && at > text && kernel_version_code(at))
			return xstrndup(at, (size_t)(end - at));
		text += len;
		text += strspn(text, "\r\n");
	}
	return NULL;
}
