// SPDX-License-Identifier: GPL-3.0-or-later
/* Errors about something of the kernel's: did it change, is it configured away, or elsewhere? */
#include <ctype.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/diagnose_parts.h"

#define ALSO_MAX 8
#define DECLARATION_LINES 8

/* ---- identifiers of a line of code ---- */

static const char *next_identifier(const char *s, char *name)
{
	size_t n = 0;

	while (*s && !isalpha((unsigned char)*s) && *s != '_')
		s++;
	for (; isalnum((unsigned char)*s) || *s == '_'; s++)
		if (n < DIAGNOSE_NAME_MAX - 1)
			name[n++] = *s;
	name[n] = '\0';
	return n ? s : NULL;
}

static const struct api_change *find_in_code(struct explaining *x, const char *of, enum use use,
	char name[DIAGNOSE_NAME_MAX], bool *newer)
{
	const char *s = x->d->source;

	while (s && (s = next_identifier(s, name))) {
		const struct api_change *c = api_find(name, of, use, x->version, newer);

		if (c)
			return c;
	}
	return NULL;
}

/* ---- the kernel's interfaces ---- */

static void set_change(
	struct explaining *x, const struct api_change *c, const char *name, bool newer)
{
	_cleanup_free_ char *sentence = api_sentence(c, name, x->version, newer);

	explain_set(x,
		newer		       ? CAUSE_NEWER_SOURCE
		: c->kind == API_ADDED ? CAUSE_REDEFINITION
				       : CAUSE_API_CHANGED,
		x->in->release ? xasprintf("%s; the phone's kernel is %s", sentence, x->in->release)
			       : steal_ptr(sentence));
}

/* A macro that stands alone at the beginning of a line, whose arguments are what does not go. */
static const struct api_change *find_macro(struct explaining *x, char *name, bool *newer)
{
	const char *s = x->d->source ? next_identifier(x->d->source, name) : NULL;

	if (!s || *s != '(' || !isupper((unsigned char)name[0]))
		return NULL;
	return api_find(name, "", USE_CALL, x->version, newer);
}

static const struct api_change *find_change(
	struct explaining *x, char name[DIAGNOSE_NAME_MAX], bool *newer)
{
	const struct sign_hit *hit = &x->error->hit;
	_cleanup_free_ char *of = NULL;
	const struct api_change *c;

	if ((hit->use == USE_CALLBACK || (hit->use == USE_MEMBER && !*hit->of)) && x->host)
		of = source_initializer(x->host, x->d->line);
	else
		of = xstrdup(hit->use == USE_MEMBER ? hit->of : "");
	snprintf(name, DIAGNOSE_NAME_MAX, "%s", hit->use == USE_CALLBACK ? "" : hit->name);
	if (x->cause == CAUSE_SYNTAX)
		return find_macro(x, name, newer);
	c = *name ? api_find(name, of ? of : "", hit->use, x->version, newer)
		  : find_in_code(x, of ? of : "", hit->use, name, newer);
	if (!c && strstr(x->d->error, "discards"))
		c = find_in_code(x, "", USE_WRITE, name, newer);
	return c || hit->use != USE_NAME ? c : find_macro(x, name, newer);
}

static bool explained_by_change(struct explaining *x)
{
	char name[DIAGNOSE_NAME_MAX];
	bool newer;
	const struct api_change *c = find_change(x, name, &newer);

	if (c)
		set_change(x, c, name, newer);
	return c != NULL;
}

/* Flags that the Makefile sets by a variable this kernel does not look at any more. */
static bool explained_by_makefile(struct explaining *x)
{
	for (const struct api_change *c = api_names; c->name; c++)
		if (c->kind == API_KBUILD && x->version >= c->since &&
			source_makefile_has(x->in, c->name)) {
			set_change(x, c, c->name, false);
			return true;
		}
	return false;
}

/* ---- the kernel's configuration ---- */

static bool explained_by_config(struct explaining *x, const char *name, const char *of)
{
	const char *option = config_behind(name, of, x->error->hit.use);

	if (!option || !x->in->config || kconfig_on(x->in->config, option))
		return false;
	explain_set(x, CAUSE_MISSING_CONFIG,
		xasprintf("%s is only there with CONFIG_%s, which the phone's kernel does not have",
			name, option));
	return true;
}

bool explain_config_in_text(struct explaining *x, const char *text)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

	if (!x->in->config)
		return false;
	for (const char *s = text; (s = strstr(s, "CONFIG_"));) {
		_cleanup_free_ char *option = NULL;
		size_t n;

		s += strlen("CONFIG_");
		n = strspn(s, letters);
		option = xstrndup(s, n);
		if (!n || kconfig_get(x->in->config, option))
			continue;
		explain_set(x, CAUSE_MISSING_CONFIG,
			xasprintf("CONFIG_%s is not set in the phone's kernel", option));
		return true;
	}
	return false;
}

/* ---- errors of the compiler ---- */

/* Declared, but in a header that is not included. */
static void find_header_of(struct explaining *x)
{
	_cleanup_free_ char *header = NULL;

	if (x->cause != CAUSE_IMPLICIT)
		return;
	header = source_find_declaration(x->in, x->error->hit.name);
	if (!header)
		return;
	explain_set(x, CAUSE_IMPLICIT,
		xasprintf("%s() is declared in %s, which the source does not include",
			x->error->hit.name, header));
	x->d->remedy = xasprintf("add #include <%s> to the source; other headers of other kernel "
				 "versions may include it",
		header);
}

static void own_definition(struct explaining *x)
{
	for (size_t i = x->error->at + 1; i < x->lines->n && i < x->error->at + 8; i++) {
		struct message m;

		if (!message_parse(x->lines->v[i], &m) || !strstr(m.words, "previous"))
			continue;
		explain_set(x, CAUSE_REDEFINITION,
			xasprintf("the other definition is in %.*s, line %u", (int)m.file_len,
				m.file, m.line));
		return;
	}
}

/* A declaration as it stands in a header, until it ends; NULL: the file is not to be found. */
static char *declaration_at(const char *path, unsigned line)
{
	struct strbuf b = {0};

	for (unsigned i = 0; i < DECLARATION_LINES; i++) {
		_cleanup_free_ char *text = source_line(path, line + i);

		if (!text)
			break;
		strbuf_addf(&b, "%s%s", b.len ? " " : "", text);
		if (strpbrk(text, ";{"))
			break;
	}
	return b.len ? strbuf_steal(&b) : NULL;
}

/* The compiler's note where the kernel declares what is called otherwise. */
static void show_declaration(struct explaining *x)
{
	for (size_t i = x->error->at + 1; i < x->lines->n; i++) {
		_cleanup_free_ char *file = NULL, *text = NULL;
		struct source_place p;
		struct message m;

		if (!message_parse(x->lines->v[i], &m))
			continue;
		if (m.severity != SEVERITY_NOTE)
			return;
		if (!strstr(m.words, "declared here"))
			continue;
		file = xstrndup(m.file, m.file_len);
		source_place_find(&p, x->in, file, NULL);
		text = p.host ? declaration_at(p.host, m.line) : NULL;
		if (!p.own)
			explain_set(x, x->cause,
				xasprintf("the phone's kernel declares it in %s, line %u%s%s",
					p.shown, m.line, text ? ": " : "", text ? text : ""));
		source_place_free(&p);
		return;
	}
}

void explain_use(struct explaining *x)
{
	const struct sign_hit *hit = &x->error->hit;

	if (explained_by_change(x) || explained_by_config(x, hit->name, hit->of) ||
		explain_config_in_text(x, x->d->error))
		return;
	if ((x->cause == CAUSE_UNDECLARED || x->cause == CAUSE_IMPLICIT) &&
		explained_by_makefile(x))
		return;
	if (x->cause == CAUSE_REDEFINITION)
		own_definition(x);
	else if (x->cause == CAUSE_ARGUMENTS)
		show_declaration(x);
	else
		find_header_of(x);
}

/* ---- headers ---- */

static const char *const userspace[] = {"stdio.h", "stdlib.h", "string.h", "strings.h", "unistd.h",
	"stdint.h", "inttypes.h", "errno.h", "pthread.h", "fcntl.h", "math.h", "assert.h",
	"ctype.h", "time.h", "signal.h", "getopt.h", "limits.h", "iostream", "windows.h",
	"Windows.h", "winsock2.h", "ntddk.h", "stdbool.h", "stddef.h", "wchar.h", "locale.h",
	"sys/types.h", "sys/time.h", "sys/ioctl.h", "sys/socket.h", "sys/stat.h", "sys/mman.h",
	"netinet/in.h", "arpa/inet.h", "netdb.h", "poll.h", "dlfcn.h"};

/* Headers of one architecture, as kbuild calls it. */
static const struct {
	const char *name, *arch, *meaning;
} of_arch[] = {
	{"asm/msr.h", "x86", NULL},
	{"asm/msr-index.h", "x86", NULL},
	{"asm/apic.h", "x86", NULL},
	{"asm/i8259.h", "x86", NULL},
	{"asm/mtrr.h", "x86", NULL},
	{"asm/desc.h", "x86", NULL},
	{"asm/fpu/api.h", "x86", NULL},
	{"asm/i387.h", "x86", NULL},
	{"asm/tsc.h", "x86", NULL},
	{"asm/iosf_mbi.h", "x86", NULL},
	{"asm/intel-family.h", "x86", NULL},
	{"asm/cpu_device_id.h", "x86", NULL},
	{"asm/svm.h", "x86", NULL},
	{"asm/vmx.h", "x86", NULL},
	{"asm/e820/api.h", "x86", NULL},
	{"asm/amd_nb.h", "x86", NULL},
	{"asm/nmi.h", "x86", NULL},
	{"asm/amd/nb.h", "x86", NULL},
	{"asm/amd/node.h", "x86", NULL},
	{"asm/special_insns.h", "x86", NULL},
	{"asm/hypervisor.h", "x86", NULL},
	{"asm/required-features.h", "x86", NULL},
	{"asm/uv/uv.h", "x86", NULL},
	{"asm/xen/hypercall.h", "x86", NULL},
	{"asm/set_memory.h", "x86", NULL},
	{"cpuid.h", "x86", NULL},
	{"immintrin.h", "x86", NULL},
	{"emmintrin.h", "x86", NULL},
	{"xmmintrin.h", "x86", NULL},
	{"asm/mach/arch.h", "arm", NULL},
	{"asm/mach/map.h", "arm", NULL},
	{"asm/mach/time.h", "arm", NULL},
	{"asm/mach/irq.h", "arm", NULL},
	{"asm/mach-types.h", "arm", NULL},
	{"asm/hardware/gic.h", "arm", NULL},
	{"asm/dma-iommu.h", "arm", NULL},
	{"mach/", "arm", "mach/ is one board's folder in the kernel"},
	{"plat/", "arm", "plat/ is one vendor's folder in the kernel"},
	{"asm/sysreg.h", "arm64", NULL},
	{"asm/esr.h", "arm64", NULL},
};

static bool is_arch(const char *arch, const char *of)
{
	return streq(arch, of) ||
	       (streq(of, "x86") && (streq(arch, "x86_64") || streq(arch, "i386")));
}

static bool explained_by_arch(struct explaining *x, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(of_arch); i++) {
		const char *h = of_arch[i].name;

		if (!(ends_with(h, "/") ? starts_with(name, h) : streq(name, h)))
			continue;
		if (of_arch[i].meaning)
			explain_set(x, CAUSE_OTHER_ARCH,
				xasprintf("%s, of a kernel for that alone", of_arch[i].meaning));
		else if (!x->in->arch || is_arch(x->in->arch, of_arch[i].arch))
			return false;
		else
			explain_set(x, CAUSE_OTHER_ARCH,
				xasprintf("%s is a header of %s alone; the phone is %s", name,
					of_arch[i].arch, x->in->arch));
		return true;
	}
	return false;
}

/* A header that is in the source, but not where the compiler looks for it. */
static bool explained_by_source(struct explaining *x, const char *name)
{
	_cleanup_free_ char *found = NULL, *folder = NULL;
	size_t n;

	if (!x->in->source_dir || starts_with(name, "linux/") || starts_with(name, "asm/"))
		return false;
	found = source_find_name(x->in->source_dir, path_base(name));
	if (!found)
		return false;
	if (explained_by_makefile(x))
		return true;
	explain_set(x, CAUSE_OWN_HEADER, xasprintf("it is in the source as %s", found));
	n = strlen(found) > strlen(name) && ends_with(found, name)
		    ? strlen(found) - strlen(name)
		    : strlen(found) - strlen(path_base(found));
	folder = xstrndup(found, n ? n - 1 : 0);
	x->d->remedy = xasprintf("the module's Makefile must say where: ccflags-y += -I$(src)%s%s",
		*folder ? "/" : "", folder);
	return true;
}

static bool in_list(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (streq(name, list[i]))
			return true;
	return false;
}

void explain_header(struct explaining *x)
{
	const char *name = x->error->hit.name;

	if (explained_by_change(x) || explained_by_arch(x, name))
		return;
	if (starts_with(name, "generated/")) {
		explain_set(x, CAUSE_HEADERS_INCOMPLETE,
			xasprintf("%s is made when a kernel is prepared", name));
		return;
	}
	if (in_list(name, userspace, ARRAY_SIZE(userspace))) {
		explain_set(x, CAUSE_USERSPACE_HEADER, xasprintf("<%s> is the C library's", name));
		return;
	}
	if (explained_by_source(x, name))
		return;
	if (x->in->release && *name)
		explain_set(x, CAUSE_MISSING_HEADER,
			xasprintf("%s is neither in the source nor in the headers of %s", name,
				x->in->release));
}

/* ---- symbols ---- */

/* What compilers call for what a CPU cannot do itself, and the kernel does not have. */
static const struct {
	const char *name, *meaning;
} intrinsics[] = {
	{"__aeabi_uldivmod", "a 64-bit division on a 32-bit CPU: div_u64() does that"},
	{"__aeabi_ldivmod", "a 64-bit division on a 32-bit CPU: div_s64() does that"},
	{"__divdi3", "a 64-bit division on a 32-bit CPU: div_s64() does that"},
	{"__udivdi3", "a 64-bit division on a 32-bit CPU: div_u64() does that"},
	{"__moddi3", "a 64-bit remainder on a 32-bit CPU: div_s64_rem() does that"},
	{"__umoddi3", "a 64-bit remainder on a 32-bit CPU: div_u64_rem() does that"},
	{"__aeabi_dadd", "floating point, which the kernel does not do"},
	{"__aeabi_dmul", "floating point, which the kernel does not do"},
	{"__aeabi_ddiv", "floating point, which the kernel does not do"},
	{"__aeabi_i2d", "floating point, which the kernel does not do"},
	{"__adddf3", "floating point, which the kernel does not do"},
	{"__muldf3", "floating point, which the kernel does not do"},
	{"__divdf3", "floating point, which the kernel does not do"},
	{"__floatsidf", "floating point, which the kernel does not do"},
	{"__bad_udelay", "udelay() with more than 2000: mdelay() or msleep() does that"},
	{"printf", "a function of the C library: printk() does that"},
	{"malloc", "a function of the C library: kmalloc() does that"},
	{"free", "a function of the C library: kfree() does that"},
};

static bool explained_by_intrinsic(struct explaining *x, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(intrinsics); i++)
		if (streq(name, intrinsics[i].name)) {
			explain_set(
				x, x->cause, xasprintf("%s is %s", name, intrinsics[i].meaning));
			return true;
		}
	return false;
}

static bool no_symvers(const struct log_lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (strstr(l->v[i], "symvers\" is missing") ||
			strstr(l->v[i], "Module.symvers is missing") ||
			strstr(l->v[i], "ymbol version dump") != NULL)
			return true;
	return false;
}

void explain_symbol(struct explaining *x)
{
	const char *name = x->error->hit.name;
	const struct symvers_entry *s;

	if (x->cause == CAUSE_UNDEFINED_SYMBOL && no_symvers(x->lines)) {
		explain_set(x, CAUSE_MISSING_SYMVERS, NULL);
		return;
	}
	if (explained_by_change(x) || explained_by_config(x, name, "") ||
		explained_by_intrinsic(x, name))
		return;
	s = x->in->symvers ? symvers_find(x->in->symvers, name) : NULL;
	if (s)
		explain_set(x, x->cause,
			xasprintf("%s is exported by %s, but this build does not know that", name,
				s->owner));
	else if (x->in->release)
		explain_set(x, x->cause,
			xasprintf("neither the kernel %s nor its modules export %s", x->in->release,
				name));
}

/* ---- what else there is ---- */

static void add_also(struct explaining *x, const char *line)
{
	struct message m;
	struct sign_hit hit;
	const struct api_change *c;
	_cleanup_free_ char *sentence = NULL;
	bool newer;

	if (!message_parse(line, &m) || m.severity != SEVERITY_ERROR ||
		!sign_of_message(m.words, &hit))
		return;
	c = api_find(hit.name, hit.use == USE_MEMBER ? hit.of : "", hit.use, x->version, &newer);
	if (!c)
		return;
	sentence = api_sentence(c, hit.name, x->version, newer);
	if (!strvec_has(&x->d->also, sentence) &&
		!(x->d->detail && starts_with(x->d->detail, sentence)))
		strvec_add(&x->d->also, sentence);
}

void explain_also(struct explaining *x)
{
	if (!x->version)
		return;
	for (size_t i = x->error->at + 1; i < x->lines->n && x->d->also.n < ALSO_MAX; i++)
		add_also(x, x->lines->v[i]);
}
