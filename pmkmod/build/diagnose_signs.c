// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What the words of compilers (gcc 4 to 15, clang), binutils, make, kbuild's programs and shells
 * mean. The precise come before the vague; quotes have been made "'" before.
 */
#include "pmkmod/build/diagnose_parts.h"

struct sign {
	const char *pattern;
	enum cause cause;
	enum use use;
	enum rank rank;
	bool swapped; /* the second name is the one it is about */
};

/* Behind "error: ". */
static const struct sign messages[] = {
	{"implicit declaration of function '%'", CAUSE_IMPLICIT, USE_NAME, 0, false},
	{"call to undeclared function '%'", CAUSE_IMPLICIT, USE_NAME, 0, false},
	{"call to undeclared library function '%'", CAUSE_IMPLICIT, USE_NAME, 0, false},
	{"use of undeclared identifier '%'", CAUSE_UNDECLARED, USE_NAME, 0, false},
	{"'%' undeclared", CAUSE_UNDECLARED, USE_NAME, 0, false},
	{"unknown type name '%'", CAUSE_UNDECLARED, USE_NAME, 0, false},
	{"has incomplete type", CAUSE_UNDECLARED, USE_NAME, 0, false},
	{"incomplete type '%'", CAUSE_UNDECLARED, USE_NAME, 0, false},
	{"invalid use of undefined type '%'", CAUSE_UNDECLARED, USE_NAME, 0, false},
	{"storage size of", CAUSE_UNDECLARED, USE_NAME, 0, false},
	{"has initializer but incomplete type", CAUSE_UNDECLARED, USE_NAME, 0, false},
	{"aka '%'} has no member named '%'", CAUSE_NO_MEMBER, USE_MEMBER, 0, true},
	{"'%' has no member named '%'", CAUSE_NO_MEMBER, USE_MEMBER, 0, true},
	{"no member named '%' in '%'", CAUSE_NO_MEMBER, USE_MEMBER, 0, false},
	{"unknown field '%' specified in initializer", CAUSE_NO_MEMBER, USE_MEMBER, 0, false},
	{"field designator '%' does not refer to any field in type '%'", CAUSE_NO_MEMBER,
		USE_MEMBER, 0, false},
	{"request for member '%' in something not a structure", CAUSE_NO_MEMBER, USE_MEMBER, 0,
		false},
	{"member reference base type", CAUSE_NO_MEMBER, USE_MEMBER, 0, false},
	{"too few arguments to function '%'", CAUSE_ARGUMENTS, USE_CALL, 0, false},
	{"too many arguments to function '%'", CAUSE_ARGUMENTS, USE_CALL, 0, false},
	{"too few arguments to function call", CAUSE_ARGUMENTS, USE_CALL, 0, false},
	{"too many arguments to function call", CAUSE_ARGUMENTS, USE_CALL, 0, false},
	{"macro \"%\" passed", CAUSE_ARGUMENTS, USE_CALL, 0, false},
	{"macro \"%\" requires", CAUSE_ARGUMENTS, USE_CALL, 0, false},
	{"arguments provided to function-like macro", CAUSE_ARGUMENTS, USE_CALL, 0, false},
	{"void value not ignored", CAUSE_ARGUMENTS, USE_CALL, 0, false},
	{"invalid use of void expression", CAUSE_ARGUMENTS, USE_CALL, 0, false},
	{"called object", CAUSE_ARGUMENTS, USE_CALL, 0, false},
	{"incompatible type 'void'", CAUSE_ARGUMENTS, USE_CALL, 0, false},
	{"passing argument ~ of '%'", CAUSE_INCOMPATIBLE_POINTER, USE_CALL, 0, false},
	{"incompatible type for argument ~ of '%'", CAUSE_INCOMPATIBLE_POINTER, USE_CALL, 0, false},
	{"initialization of '%' from incompatible pointer type '%'", CAUSE_INCOMPATIBLE_POINTER,
		USE_CALLBACK, 0, false},
	{"incompatible function pointer types", CAUSE_INCOMPATIBLE_POINTER, USE_CALLBACK, 0, false},
	{"from incompatible pointer type", CAUSE_INCOMPATIBLE_POINTER, USE_CALLBACK, 0, false},
	{"incompatible pointer", CAUSE_INCOMPATIBLE_POINTER, USE_CALLBACK, 0, false},
	{"incompatible integer to pointer", CAUSE_INCOMPATIBLE_POINTER, USE_CALL, 0, false},
	{"makes pointer from integer", CAUSE_INCOMPATIBLE_POINTER, USE_CALL, 0, false},
	{"makes integer from pointer", CAUSE_INCOMPATIBLE_POINTER, USE_CALL, 0, false},
	{"incompatible types when", CAUSE_INCOMPATIBLE_POINTER, USE_CALL, 0, false},
	{"assignment of read-only member '%'", CAUSE_READ_ONLY, USE_WRITE, 0, false},
	{"assignment of member '%' in read-only object", CAUSE_READ_ONLY, USE_WRITE, 0, false},
	{"of read-only", CAUSE_READ_ONLY, USE_WRITE, 0, false},
	{"in read-only object", CAUSE_READ_ONLY, USE_WRITE, 0, false},
	{"with const-qualified", CAUSE_READ_ONLY, USE_WRITE, 0, false},
	{"discards '~' qualifier", CAUSE_INCOMPATIBLE_POINTER, USE_CALLBACK, 0, false},
	{"discards qualifiers", CAUSE_INCOMPATIBLE_POINTER, USE_CALLBACK, 0, false},
	{"static declaration of '%' follows non-static", CAUSE_REDEFINITION, USE_DEFINED, 0, false},
	{"conflicting types for '%'", CAUSE_REDEFINITION, USE_DEFINED, 0, false},
	{"redefinition of '%'", CAUSE_REDEFINITION, USE_DEFINED, 0, false},
	{"redeclaration of '%'", CAUSE_REDEFINITION, USE_DEFINED, 0, false},
	{"\"%\" redefined", CAUSE_REDEFINITION, USE_DEFINED, 0, false},
	{"'%' macro redefined", CAUSE_REDEFINITION, USE_DEFINED, 0, false},
	{"'%' redeclared", CAUSE_REDEFINITION, USE_DEFINED, 0, false},
	{"your GCC is too old", CAUSE_COMPILER_UNSUITABLE, USE_NONE, 0, false},
	{"Sorry, your", CAUSE_COMPILER_UNSUITABLE, USE_NONE, 0, false},
	{"#error", CAUSE_REFUSES, USE_NONE, 0, false},
	{"ISO C90", CAUSE_C_STANDARD, USE_NONE, 0, false},
	{"only allowed in C99", CAUSE_C_STANDARD, USE_NONE, 0, false},
	{"only allowed in C", CAUSE_C_STANDARD, USE_NONE, 0, false},
	{"a label can only be part of a statement", CAUSE_C_STANDARD, USE_NONE, 0, false},
	{"frame size", CAUSE_FRAME, USE_NONE, 0, false},
	{"internal compiler error: Segmentation fault", CAUSE_COMPILER_CRASH, USE_NONE, 0, false},
	{"internal compiler error: Illegal instruction", CAUSE_COMPILER_CRASH, USE_NONE, 0, false},
	{"Segmentation fault signal terminated", CAUSE_COMPILER_CRASH, USE_NONE, 0, false},
	{"Killed signal terminated", CAUSE_MEMORY, USE_NONE, 0, false},
	{"Killed (program", CAUSE_MEMORY, USE_NONE, 0, false},
	{"signal terminated program", CAUSE_COMPILER_CRASH, USE_NONE, 0, false},
	{"command failed due to signal", CAUSE_COMPILER_CRASH, USE_NONE, 0, false},
	{"internal compiler error", CAUSE_COMPILER_CRASH, USE_NONE, 0, false},
	{"No space left on device", CAUSE_NO_SPACE, USE_NONE, 0, false},
	{"File too large", CAUSE_NO_SPACE, USE_NONE, 0, false},
	{"ut of memory", CAUSE_MEMORY, USE_NONE, 0, false},
	{"gcc/plugin version", CAUSE_GCC_PLUGIN, USE_NONE, 0, false},
	{"to initialize plugin", CAUSE_GCC_PLUGIN, USE_NONE, 0, false},
	{"load plugin", CAUSE_GCC_PLUGIN, USE_NONE, 0, false},
	{"gcc-plugin.h", CAUSE_GCC_PLUGIN, USE_NONE, 0, false},
	{"%: No such file or directory", CAUSE_MISSING_HEADER, USE_HEADER, 0, false},
	{"'%' file not found", CAUSE_MISSING_HEADER, USE_HEADER, 0, false},
	{"unrecognized command~line option '%'", CAUSE_COMPILER_OPTION, USE_NONE, 0, false},
	{"unknown argument: '%'", CAUSE_COMPILER_OPTION, USE_NONE, 0, false},
	{"unknown warning option '%'", CAUSE_COMPILER_OPTION, USE_NONE, 0, false},
	{"unsupported option '%'", CAUSE_COMPILER_OPTION, USE_NONE, 0, false},
	{"unsupported argument '%'", CAUSE_COMPILER_OPTION, USE_NONE, 0, false},
	{"unknown value '%' for", CAUSE_COMPILER_OPTION, USE_NONE, 0, false},
	{"bad value ('%')", CAUSE_COMPILER_OPTION, USE_NONE, 0, false},
	{"unrecognized argument in option '%'", CAUSE_COMPILER_OPTION, USE_NONE, 0, false},
	{"unrecognized argument to '%'", CAUSE_COMPILER_OPTION, USE_NONE, 0, false},
	{"unknown target CPU '%'", CAUSE_COMPILER_OPTION, USE_NONE, 0, false},
	{"impossible constraint in 'asm'", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"inconsistent operand constraints", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"unknown register name", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"invalid 'asm'", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"in 'asm'", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"in asm", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"unknown mnemonic", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"unrecognized instruction mnemonic", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"invalid instruction", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"bad instruction", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"no such instruction", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"unrecognized opcode", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"selected processor does not support", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"junk at end of line", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"objtool:", CAUSE_OBJTOOL, USE_NONE, 0, false},
	{"undefined symbol: %", CAUSE_LINK, USE_EXPORT, 0, false},
	{"file in wrong format", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"is incompatible with", CAUSE_OTHER_ARCH, USE_NONE, 0, false},
	{"treated as errors", CAUSE_WERROR, USE_NONE, 0, false},
	{"[-Werror", CAUSE_WERROR, USE_NONE, 0, false},
	{"macro names must be identifiers", CAUSE_SYNTAX, USE_CALL, 0, false},
	{"expected ", CAUSE_SYNTAX, USE_CALL, 0, false},
	{"data definition has no type", CAUSE_SYNTAX, USE_NAME, 0, false},
	{"initializer element is not constant", CAUSE_SYNTAX, USE_CALL, 0, false},
	{"lvalue required", CAUSE_SYNTAX, USE_CALL, 0, false},
	{"stray '", CAUSE_SYNTAX, USE_NONE, 0, false},
};

/* Whole lines of other tools. Strong ones are errors at any time, weak ones may be noise. */
static const struct sign lines[] = {
	{"uncaught target signal", CAUSE_EMULATOR_CRASH, USE_NONE, RANK_STRONG, false},
	{"qemu: unhandled CPU exception", CAUSE_EMULATOR_CRASH, USE_NONE, RANK_STRONG, false},
	{"\177ELF", CAUSE_FOREIGN_PROGRAM, USE_NONE, RANK_STRONG, false},
	{"Exec format error", CAUSE_FOREIGN_PROGRAM, USE_NONE, RANK_STRONG, false},
	{"cannot execute binary file", CAUSE_FOREIGN_PROGRAM, USE_NONE, RANK_STRONG, false},
	{"No space left on device", CAUSE_NO_SPACE, USE_NONE, RANK_STRONG, false},
	{"Disk quota exceeded", CAUSE_NO_SPACE, USE_NONE, RANK_STRONG, false},
	{"File size limit exceeded", CAUSE_NO_SPACE, USE_NONE, RANK_STRONG, false},
	{"virtual memory exhausted", CAUSE_MEMORY, USE_NONE, RANK_STRONG, false},
	{"memory exhausted", CAUSE_MEMORY, USE_NONE, RANK_STRONG, false},
	{"Cannot allocate memory", CAUSE_MEMORY, USE_NONE, RANK_STRONG, false},
	{"out of memory allocating", CAUSE_MEMORY, USE_NONE, RANK_STRONG, false},
	{"fixdep: not found", CAUSE_NO_HELPER, USE_NONE, RANK_STRONG, false},
	{"fixdep: No such file", CAUSE_NO_HELPER, USE_NONE, RANK_STRONG, false},
	{"modpost: not found", CAUSE_NO_HELPER, USE_NONE, RANK_STRONG, false},
	{"modpost: No such file", CAUSE_NO_HELPER, USE_NONE, RANK_STRONG, false},
	{"genksyms: not found", CAUSE_NO_HELPER, USE_NONE, RANK_STRONG, false},
	{"genksyms: No such file", CAUSE_NO_HELPER, USE_NONE, RANK_STRONG, false},
	{"recordmcount: not found", CAUSE_NO_HELPER, USE_NONE, RANK_STRONG, false},
	{"sorttable: not found", CAUSE_NO_HELPER, USE_NONE, RANK_STRONG, false},
	{"objtool: not found", CAUSE_OBJTOOL, USE_NONE, RANK_STRONG, false},
	{"objtool: No such file", CAUSE_OBJTOOL, USE_NONE, RANK_STRONG, false},
	{"pahole: not found", CAUSE_BTF, USE_NONE, RANK_STRONG, false},
	{"pahole: command not found", CAUSE_BTF, USE_NONE, RANK_STRONG, false},
	{"resolve_btfids: not found", CAUSE_BTF, USE_NONE, RANK_STRONG, false},
	{"resolve_btfids: No such file", CAUSE_BTF, USE_NONE, RANK_STRONG, false},
	{"FAILED: load BTF", CAUSE_BTF, USE_NONE, RANK_STRONG, false},
	{"Failed to generate BTF", CAUSE_BTF, USE_NONE, RANK_STRONG, false},
	{"uses GPL-only symbol '%'", CAUSE_GPL_ONLY, USE_NONE, RANK_STRONG, false},
	{"uses symbol % from namespace %,", CAUSE_NAMESPACE, USE_NONE, RANK_STRONG, false},
	{"missing MODULE_LICENSE()", CAUSE_LICENSE, USE_NONE, RANK_STRONG, false},
	{"ERROR: modpost: \"%\" [%] undefined!", CAUSE_UNDEFINED_SYMBOL, USE_EXPORT, RANK_STRONG,
		false},
	{"ERROR: \"%\" [%] undefined!", CAUSE_UNDEFINED_SYMBOL, USE_EXPORT, RANK_STRONG, false},
	{"ERROR: modpost:", CAUSE_MODPOST, USE_NONE, RANK_STRONG, false},
	{"FATAL: modpost:", CAUSE_MODPOST, USE_NONE, RANK_STRONG, false},
	{"undefined reference to '%'", CAUSE_LINK, USE_EXPORT, RANK_STRONG, false},
	{"multiple definition of '%'", CAUSE_LINK, USE_NONE, RANK_STRONG, false},
	{"elocations in generic ELF", CAUSE_OTHER_ARCH, USE_NONE, RANK_STRONG, false},
	{"file in wrong format", CAUSE_OTHER_ARCH, USE_NONE, RANK_STRONG, false},
	{"ile format not recognized", CAUSE_OTHER_ARCH, USE_NONE, RANK_STRONG, false},
	{"incompatible with ~ output", CAUSE_OTHER_ARCH, USE_NONE, RANK_STRONG, false},
	{"ld: cannot find", CAUSE_MISSING_SOURCE, USE_NONE, RANK_STRONG, false},
	{"Makefile: No such file or directory", CAUSE_NOT_KBUILD, USE_NONE, RANK_STRONG, false},
	{"No rule to make target '%/Makefile'", CAUSE_NOT_KBUILD, USE_NONE, RANK_STRONG, false},
	{"No rule to make target '%', needed by '%'", CAUSE_MISSING_SOURCE, USE_NONE, RANK_STRONG,
		false},
	{"No rule to make target", CAUSE_NOT_KBUILD, USE_NONE, RANK_STRONG, false},
	{"No targets specified and no makefile found", CAUSE_NOT_KBUILD, USE_NONE, RANK_STRONG,
		false},
	{"*** No targets", CAUSE_NOT_KBUILD, USE_NONE, RANK_STRONG, false},
	{"*** /%: No such file or directory.  Stop", CAUSE_NO_KERNEL_DIR, USE_NONE, RANK_STRONG,
		false},
	{"*** %: No such file or directory.  Stop", CAUSE_MISSING_SOURCE, USE_NONE, RANK_STRONG,
		false},
	{"Kernel configuration is invalid", CAUSE_HEADERS_INCOMPLETE, USE_NONE, RANK_STRONG, false},
	{"auto.conf are missing", CAUSE_HEADERS_INCOMPLETE, USE_NONE, RANK_STRONG, false},
	{"missing separator", CAUSE_MAKEFILE_SYNTAX, USE_NONE, RANK_STRONG, false},
	{"commences before first target", CAUSE_MAKEFILE_SYNTAX, USE_NONE, RANK_STRONG, false},
	{"*** unterminated", CAUSE_MAKEFILE_SYNTAX, USE_NONE, RANK_STRONG, false},
	{"*** missing 'endif'", CAUSE_MAKEFILE_SYNTAX, USE_NONE, RANK_STRONG, false},
	{"*** extraneous", CAUSE_MAKEFILE_SYNTAX, USE_NONE, RANK_STRONG, false},
	{"*** invalid syntax", CAUSE_MAKEFILE_SYNTAX, USE_NONE, RANK_STRONG, false},
	{"references itself (eventually)", CAUSE_MAKEFILE_SYNTAX, USE_NONE, RANK_STRONG, false},
	{"not supported by compiler", CAUSE_COMPILER_UNSUITABLE, USE_NONE, RANK_STRONG, false},
	{"Compiler lacks", CAUSE_COMPILER_UNSUITABLE, USE_NONE, RANK_STRONG, false},
	{"ompiler is too old", CAUSE_COMPILER_UNSUITABLE, USE_NONE, RANK_STRONG, false},
	{"hunks FAILED", CAUSE_PATCH_FAILED, USE_NONE, RANK_STRONG, false},
	{"hunk FAILED", CAUSE_PATCH_FAILED, USE_NONE, RANK_STRONG, false},
	{"error: patch failed", CAUSE_PATCH_FAILED, USE_NONE, RANK_STRONG, false},
	{"error[E", CAUSE_RUST, USE_NONE, RANK_STRONG, false},
	{"bad interpreter", CAUSE_SCRIPT, USE_NONE, RANK_STRONG, false},
	{"Can't locate % in @INC", CAUSE_SCRIPT, USE_NONE, RANK_STRONG, false},
	{"Error: No module named '%'", CAUSE_SCRIPT, USE_NONE, RANK_STRONG, false},
	{"SyntaxError:", CAUSE_SCRIPT, USE_NONE, RANK_STRONG, false},
	{"configure: error: ", CAUSE_CONFIGURE, USE_NONE, RANK_STRONG, false},
	{"*** ~.  Stop.", CAUSE_MAKEFILE_ERROR, USE_NONE, RANK_STRONG, false},
	/* these may be noise of $(shell ...) */
	{"Segmentation fault", CAUSE_COMPILER_CRASH, USE_NONE, RANK_WEAK, false},
	{"Illegal instruction", CAUSE_COMPILER_CRASH, USE_NONE, RANK_WEAK, false},
	{"Bus error", CAUSE_COMPILER_CRASH, USE_NONE, RANK_WEAK, false},
	{"Killed", CAUSE_MEMORY, USE_NONE, RANK_WEAK, false},
	{"ould not resolve host", CAUSE_DOWNLOADS, USE_NONE, RANK_WEAK, false},
	{"unable to resolve host address", CAUSE_DOWNLOADS, USE_NONE, RANK_WEAK, false},
	{"bad address '", CAUSE_DOWNLOADS, USE_NONE, RANK_WEAK, false},
	{"emporary failure in name resolution", CAUSE_DOWNLOADS, USE_NONE, RANK_WEAK, false},
	{"etwork is unreachable", CAUSE_DOWNLOADS, USE_NONE, RANK_WEAK, false},
	{"unable to access 'http", CAUSE_DOWNLOADS, USE_NONE, RANK_WEAK, false},
	{"Failed to connect to", CAUSE_DOWNLOADS, USE_NONE, RANK_WEAK, false},
	{"sudo:", CAUSE_WANTS_ROOT, USE_NONE, RANK_WEAK, false},
	{"sudo: command not found", CAUSE_WANTS_ROOT, USE_NONE, RANK_WEAK, false},
	{"must be run as root", CAUSE_WANTS_ROOT, USE_NONE, RANK_WEAK, false},
	{"you must be root", CAUSE_WANTS_ROOT, USE_NONE, RANK_WEAK, false},
	{"modprobe: ", CAUSE_LOADS_MODULE, USE_NONE, RANK_WEAK, false},
	{"insmod: ", CAUSE_LOADS_MODULE, USE_NONE, RANK_WEAK, false},
	{"rmmod: ", CAUSE_LOADS_MODULE, USE_NONE, RANK_WEAK, false},
	{"depmod: ", CAUSE_LOADS_MODULE, USE_NONE, RANK_WEAK, false},
	{"Read-only file system", CAUSE_WRITES_OUTSIDE, USE_NONE, RANK_WEAK, false},
	{"cannot create regular file '/", CAUSE_WRITES_OUTSIDE, USE_NONE, RANK_WEAK, false},
	{"cannot create directory '/", CAUSE_WRITES_OUTSIDE, USE_NONE, RANK_WEAK, false},
	{"cannot touch '/", CAUSE_WRITES_OUTSIDE, USE_NONE, RANK_WEAK, false},
	{"cannot create /", CAUSE_WRITES_OUTSIDE, USE_NONE, RANK_WEAK, false},
	{"/lib/modules/~No such file or directory", CAUSE_NO_KERNEL_DIR, USE_NONE, RANK_WEAK,
		false},
	{"/usr/src/~No such file or directory", CAUSE_NO_KERNEL_DIR, USE_NONE, RANK_WEAK, false},
	{"can't cd to", CAUSE_NO_KERNEL_DIR, USE_NONE, RANK_WEAK, false},
	{"%: not found", CAUSE_MISSING_TOOL, USE_NONE, RANK_WEAK, false},
	{"%: command not found", CAUSE_MISSING_TOOL, USE_NONE, RANK_WEAK, false},
	{"%: Command not found", CAUSE_MISSING_TOOL, USE_NONE, RANK_WEAK, false},
	{"make~: %: No such file or directory", CAUSE_MISSING_TOOL, USE_NONE, RANK_WEAK, false},
	{"env: '%': No such file or directory", CAUSE_MISSING_TOOL, USE_NONE, RANK_WEAK, false},
	{"env: %: No such file or directory", CAUSE_MISSING_TOOL, USE_NONE, RANK_WEAK, false},
	{"Permission denied", CAUSE_PERMISSION, USE_NONE, RANK_WEAK, false},
	{"Operation not permitted", CAUSE_PERMISSION, USE_NONE, RANK_WEAK, false},
	{"Traceback (most recent call last)", CAUSE_SCRIPT, USE_NONE, RANK_WEAK, false},
	{"No such file or directory", CAUSE_UNKNOWN, USE_NONE, RANK_WEAK, false},
	{"rror: ", CAUSE_UNKNOWN, USE_NONE, RANK_WEAK, false},
	{"ERROR", CAUSE_UNKNOWN, USE_NONE, RANK_WEAK, false},
	{"FATAL: ", CAUSE_UNKNOWN, USE_NONE, RANK_WEAK, false},
	{"fatal: ", CAUSE_UNKNOWN, USE_NONE, RANK_WEAK, false},
	{"can't open file ", CAUSE_UNKNOWN, USE_NONE, RANK_WEAK, false},
};

/* With KBUILD_MODPOST_WARN=1, and what kernels only warn of. */
static const struct sign warnings[] = {
	{"WARNING: modpost: \"%\" [%] undefined!", CAUSE_UNDEFINED_SYMBOL, USE_EXPORT, RANK_STRONG,
		false},
	{"WARNING: \"%\" [%] undefined!", CAUSE_UNDEFINED_SYMBOL, USE_EXPORT, RANK_STRONG, false},
	{"uses symbol % from namespace %,", CAUSE_NAMESPACE, USE_NONE, RANK_STRONG, false},
	{"uses GPL-only symbol '%'", CAUSE_GPL_ONLY, USE_NONE, RANK_STRONG, false},
};

/* ---- patterns ---- */

static size_t literal(const char *pattern)
{
	return strcspn(pattern, "~%");
}

static void copy_name(char *to, const char *s, size_t len)
{
	if (len >= DIAGNOSE_NAME_MAX)
		len = DIAGNOSE_NAME_MAX - 1;
	memcpy(to, s, len);
	to[len] = '\0';
}

static const char *find(const char *text, const char *what, size_t len)
{
	return memmem(text, strlen(text), what, len);
}

/* The last word before `end`. */
static const char *word_before(const char *text, const char *end)
{
	const char *s = end;

	while (s > text && s[-1] != ' ' && s[-1] != '\t' && s[-1] != '\'')
		s--;
	return s;
}

bool sign_matches(const char *text, const char *pattern, char names[2][DIAGNOSE_NAME_MAX])
{
	const char *p = pattern, *at = text;
	bool capture = false, first = true, anchored = false;
	size_t n = 0;

	names[0][0] = names[1][0] = '\0';
	while (*p) {
		size_t len = literal(p);
		const char *hit;

		if (!len) {
			capture = *p == '%';
			anchored = anchored || (capture && p == pattern);
			p++;
			if (!*p && capture && n < 2)
				copy_name(names[n], at, strcspn(at, " \t'\""));
			continue;
		}
		hit = find(at, p, len);
		if (!hit)
			return false;
		if (capture && n < 2) {
			const char *begin = anchored && first ? word_before(text, hit) : at;

			copy_name(names[n++], begin, (size_t)(hit - begin));
		}
		capture = first = false;
		at = hit + len;
		p += len;
	}
	return true;
}

static bool look_up(const struct sign *t, size_t n, const char *text, struct sign_hit *hit)
{
	char names[2][DIAGNOSE_NAME_MAX];

	for (size_t i = 0; i < n; i++) {
		if (!sign_matches(text, t[i].pattern, names))
			continue;
		*hit = (struct sign_hit){.cause = t[i].cause, .use = t[i].use, .rank = t[i].rank};
		memcpy(hit->name, names[t[i].swapped], DIAGNOSE_NAME_MAX);
		memcpy(hit->of, names[!t[i].swapped], DIAGNOSE_NAME_MAX);
		return true;
	}
	return false;
}

bool sign_of_message(const char *words, struct sign_hit *hit)
{
	return look_up(messages, ARRAY_SIZE(messages), words, hit);
}

/* Most lines of a log are nothing of the kind: look for what all patterns have in common first. */
static bool may_be_error(const char *line)
{
	static const char *const bits[] = {"rror", "RROR", "FATAL", "fatal", "***", "not found",
		"No such", "enied", "permitted", "FAILED", "ailed", "annot", "an't", "fault",
		"exhausted", "exceeded", "No space", "Killed", "signal", "exception", "undefined",
		"multiple definition", "uses ", "missing", "elocations", "ile format",
		"incompatible", "interpreter", "No module", "instruction", "resol", "address",
		"etwork", "sudo", "root", "modprobe", "insmod", "rmmod", "depmod", "Read-only",
		"ompiler", "invalid", "Traceback", "cannot"};

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		if (strstr(line, bits[i]))
			return true;
	return false;
}

bool sign_of_line(const char *line, struct sign_hit *hit)
{
	return may_be_error(line) && look_up(lines, ARRAY_SIZE(lines), line, hit);
}

bool sign_of_warning(const char *line, struct sign_hit *hit)
{
	return strstr(line, "modpost") && look_up(warnings, ARRAY_SIZE(warnings), line, hit);
}
