// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/fit/refusal.h"

#include "chroot/base/str.h"

struct reason {
	const char *words, *also; /* both must be in the line; NULL: the first is enough */
	const char *point, *meaning;
};

/* The precise before the vague: a module with wrong CRCs also has "Unknown symbol". */
static const struct reason kernel_says[] = {
	{"version magic '", "should be", "vermagic",
		"it was built for another kernel, or with another configuration of it"},
	{"disagrees about version of symbol", NULL, "crc",
		"it was built with the Module.symvers of another build of the kernel"},
	{"no symbol version for", NULL, "crc",
		"it has no symbol versions; build it with this kernel's complete Module.symvers"},
	{"from namespace", "does not import it", "namespace",
		"it uses symbols of a namespace it does not import; add MODULE_IMPORT_NS() to its source"},
	{"using GPL-only symbols", NULL, "license",
		"it uses GPL-only symbols together with those of a proprietary module"},
	{"exports duplicate symbol", NULL, "exports",
		"it exports a symbol that the kernel or another module has already"},
	{"Loading of unsigned module is rejected", NULL, "signature",
		"it is not signed, and this kernel takes signed modules alone (--sign-key)"},
	{"Loading of module with unavailable key is rejected", NULL, "signature",
		"it is signed by a key that this kernel does not trust (--sign-key)"},
	{"Loading of module with unsupported crypto is rejected", NULL, "signature",
		"it is signed in a way that this kernel cannot check"},
	{"unsigned module loading is restricted", NULL, "signature",
		"the kernel is locked down and takes signed modules alone (--sign-key)"},
	{"lkmauth", NULL, "signature",
		"Samsung's TrustZone firmware allows only modules on a list of its own"},
	{"section size must match", NULL, "structure",
		"struct module has another size in this kernel: it was built with another configuration "
		"or other headers"},
	{"has wrong section size", NULL, "structure",
		"it was built with another configuration or other headers"},
	{"overflow in relocation", NULL, "relocations",
		"the code lies too far from the kernel for how it was compiled; build it with the "
		"kernel's own compiler and options"},
	{"relocation", "unsupported", "relocations",
		"the code has a relocation that this kernel does not know; build it with the kernel's "
		"own compiler and options"},
	{"unknown relocation", NULL, "relocations",
		"the code has a relocation that this kernel does not know; build it with the kernel's "
		"own compiler and options"},
	{"PLT section(s) missing", NULL, "sections",
		"the kernel's linker script for modules was not used; link it with module.lds, as kbuild "
		"does"},
	{"GOT section(s) missing", NULL, "sections",
		"the kernel's linker script for modules was not used; link it with module.lds, as kbuild "
		"does"},
	{"failed to validate module", "BTF", "btf",
		"its type information was not made from this kernel's vmlinux; take it away (objcopy "
		"--remove-section=.BTF)"},
	{"CFI failure", NULL, "cfi",
		"a function was called that does not have the type hash of the kernel's compiler; build it "
		"with clang and the kernel's own options"},
	{"nvalid ELF header", NULL, "machine", "it is no ELF object of this machine"},
	{"Unknown symbol", NULL, "symbols",
		"nobody exports a symbol it needs: the kernel lacks an option, or another module must be "
		"loaded before"},
	{"vmap allocation for size", NULL, "memory", "there is no room left for modules"},
	{"nvalid relocation target", NULL, "relocations", "a relocation was applied before"},
};

/*
 * What modprobe makes of the errno. Not looked for in the kernel log, where any driver may complain
 * in such words.
 */
static const struct reason modprobe_says[] = {
	{"Key was rejected by service", NULL, "signature",
		"it is not signed by a key that this kernel trusts (--sign-key)"},
	{"Required key not available", NULL, "signature",
		"it is not signed by a key that this kernel trusts (--sign-key)"},
	{"not found in directory", NULL, "index",
		"modprobe does not find it: is depmod's list up to date (depmod -a on the phone), and "
		"does the phone run the kernel that it is installed for?"},
	{"not found in modules.dep", NULL, "index",
		"modprobe does not find it: is depmod's list up to date (depmod -a on the phone)?"},
	{"Exec format error", NULL, "vermagic",
		"it was built for another kernel, configuration or machine"},
	{"nvalid module format", NULL, "vermagic",
		"it was built for another kernel, configuration or machine"},
	{"nknown symbol in module", NULL, "symbols", "nobody exports a symbol it needs"},
	{"No such device", NULL, "init",
		"it is a module this kernel takes, but it found none of its hardware and did not stay"},
	{"Operation not permitted", NULL, "rights",
		"loading modules was switched off (kernel.modules_disabled), or the right to do it is "
		"missing"},
	{"Cannot allocate memory", NULL, "memory", "the phone has too little memory for it"},
	{"File exists", NULL, "name", "a module of that name is there already, perhaps built in"},
	{"No such file or directory", NULL, "index",
		"modprobe does not find it: is depmod's list up to date (depmod -a on the phone)?"},
	{"could not insert", NULL, "init",
		"the kernel took it, but its own start failed; the kernel log says more"},
	{"can't load module", NULL, "init",
		"the kernel took it, but its own start failed; the kernel log says more"},
};

/* The first line of `text` with both; caller frees. */
static char *line_with(const char *text, const char *words, const char *also)
{
	_cleanup_strvec_ struct strvec lines = {0};

	if (!text || !strstr(text, words))
		return NULL;
	strvec_split(&lines, text, "\r\n");
	for (size_t i = 0; i < lines.n; i++)
		if (strstr(lines.v[i], words) && (!also || strstr(lines.v[i], also)))
			return xstrdup(lines.v[i]);
	return NULL;
}

static bool take(struct refusal *r, const struct reason *why, const char *text)
{
	r->line = line_with(text, why->words, why->also);
	r->point = why->point;
	r->meaning = why->meaning;
	return r->line != NULL;
}

bool refusal_find(struct refusal *r, const char *dmesg, const char *words)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel_says); i++)
		if (take(r, &kernel_says[i], dmesg))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(modprobe_says); i++)
		if (take(r, &modprobe_says[i], words))
			return true;
	*r = (struct refusal){0};
	return false;
}

void refusal_free(struct refusal *r)
{
	free(r->line);
	*r = (struct refusal){0};
}
