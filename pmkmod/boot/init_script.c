// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * /init of the booted system. It only needs a shell and busybox (or the same tools under their own
 * names). Every line it prints for us begins with the token, so that neither the kernel's nor a
 * module's words can be taken for it; console messages are switched off while it prints, since the
 * kernel would write into the middle of a line.
 */
#include "pmkmod/boot/boot_parts.h"

/*
 * @T@: token, @K@: mark for the kernel log, @M@: the modules, @P@: the module's test,
 * @S@: the shell's terminal, @R@ and @C@: its size.
 *
 * While a module loads, the kernel's console shows what is critical ("dmesg -n 3"): an oops may be
 * the last it can say. stty waits until our own line is out, which would else be torn.
 */
static const char *const head[] = {
	"#!/bin/sh",
	"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
	"export PATH",
	"B=",
	"for b in /bin/busybox /usr/bin/busybox; do [ -x $b ] && B=$b; done",
	"$B mount -t proc proc /proc",
	"$B mount -t sysfs sysfs /sys",
	/* without CONFIG_DEVTMPFS the nodes of devices are made from what sysfs says */
	"$B mount -t devtmpfs devtmpfs /dev || N=mdev",
	"$B dmesg -n 1",
	"say() { $B sed \"s/^/@T@ $1 /\"; }",
	"loud() { $B stty echo 2>/dev/null; $B dmesg -n 3; }",
	"echo '@T@ init'",
	"$B uname -r | say uname",
	"echo 'pmkmod: @K@' > /dev/kmsg",
	/*
	 * kmod's own where there is one, as on a phone; by its path, since busybox' shell may
	 * prefer its own applet to a program of the same name. kmod only reads the binary index, so
	 * where busybox' depmod ran (it writes none) it is busybox' modprobe.
	 */
	"M=\"$B modprobe\"",
	"for p in /bin /usr/bin /sbin /usr/sbin; do",
	"	for i in /lib /usr/lib; do",
	"		[ -x $p/modprobe ] && [ -e $i/modules/$($B uname -r)/modules.dep.bin ] &&",
	"			M=$p/modprobe",
	"	done",
	"done",
	"F=",
	"for m in @M@; do",
	"	echo \"@T@ begin $m\"",
	"	loud",
	"	$M $m > /tmp/out 2>&1",
	"	s=$?",
	"	$B dmesg -n 1",
	"	[ $s = 0 ] || F=failed",
	"	say words < /tmp/out",
	"	echo \"@T@ status $m $s\"",
	"done",
	"say modules < /proc/modules",
};

/* For the test and the shell: busybox' tools under their own names, behind what is there. */
static const char *const tools[] = {
	"if [ -n \"$B\" ]; then",
	"	$B mkdir -p /tmp/bin && $B --install -s /tmp/bin",
	"	PATH=$PATH:/tmp/bin",
	"fi",
	"[ -z \"$N\" ] || $B mdev -s",
};

static const char *const test[] = {
	"if [ -z \"$F\" ]; then",
	"	echo 'pmkmod: @K@ test' > /dev/kmsg",
	"	echo '@T@ test'",
	"	loud",
	/* straight to the console, so that of a test that hangs the beginning is seen */
	"	$B sh -e /@P@ < /dev/null 2>&1",
	"	s=$?",
	"	$B dmesg -n 1",
	"	echo \"@T@ tested $s\"",
	"fi",
};

static const char *const tail[] = {
	"$B dmesg | $B sed -n '/@K@/,$p' > /tmp/dmesg",
	"[ -s /tmp/dmesg ] || $B dmesg > /tmp/dmesg",
	"say dmesg < /tmp/dmesg",
	"echo \"@T@ sent $($B wc -l < /tmp/dmesg)\"",
};

/*
 * busybox' poweroff and reboot ask init, which this script is not; hence the aliases. A session of
 * its own that opens the terminal gets job control and ctrl-c (which "&" would take from it).
 */
static const char *const shell[] = {
	"$B stty rows @R@ cols @C@ 2>/dev/null",
	"for a in poweroff reboot halt; do echo \"alias $a='$B poweroff -f'\"; done > /tmp/rc",
	"export ENV=/tmp/rc TERM=linux HOME=/ PS1='(@S@) # '",
	"cd /",
	"echo '@T@ done'",
	"$B setsid $B sh -c \"exec $B sh -i < /dev/@S@ > /dev/@S@ 2>&1\"",
};

static const char *const finish[] = {
	"echo '@T@ done'",
};

static const char *const power_off[] = {
	/* a machine that does not know how to power off ends by qemu's -no-reboot */
	"$B poweroff -f",
	"$B sleep 1",
	"$B reboot -f",
};

struct word {
	const char *name, *text;
};

/* Append a line, its @X@ replaced. */
static void put_line(struct strbuf *b, const char *line, const struct word *t, size_t n)
{
	while (*line) {
		size_t i = 0;

		while (i < n && !starts_with(line, t[i].name))
			i++;
		if (i < n) {
			strbuf_adds(b, t[i].text);
			line += strlen(t[i].name);
		} else {
			strbuf_addc(b, *line++);
		}
	}
	strbuf_addc(b, '\n');
}

char *init_script(const struct init_spec *s)
{
	_cleanup_free_ char *list = strvec_join(s->modules, " ");
	_cleanup_free_ char *rows = xasprintf("%u", s->rows);
	_cleanup_free_ char *columns = xasprintf("%u", s->columns);
	const struct word words[] = {{"@T@", s->token}, {"@K@", s->mark}, {"@M@", list},
		{"@S@", s->shell}, {"@P@", INIT_TEST}, {"@R@", rows}, {"@C@", columns}};
	const struct {
		const char *const *lines;
		size_t n;
		bool wanted;
	} parts[] = {
		{head, ARRAY_SIZE(head), true},
		{tools, ARRAY_SIZE(tools), s->test || s->shell},
		{test, ARRAY_SIZE(test), s->test},
		{tail, ARRAY_SIZE(tail), true},
		/* the size of a terminal that has none is left alone */
		{shell, 1, s->shell && s->rows && s->columns},
		{shell + 1, ARRAY_SIZE(shell) - 1, s->shell},
		{finish, ARRAY_SIZE(finish), !s->shell},
		{power_off, ARRAY_SIZE(power_off), true},
	};
	struct strbuf b = {0};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		for (size_t j = 0; parts[i].wanted && j < parts[i].n; j++)
			put_line(&b, parts[i].lines[j], words, ARRAY_SIZE(words));
	return strbuf_steal(&b);
}

void init_cut_dmesg(struct strbuf *dmesg, const char *mark)
{
	_cleanup_free_ char *words = xasprintf("%s\n", mark);
	char *at = dmesg->s ? strstr(dmesg->s, words) : NULL;
	char *end = at ? strchr(at, '\n') : NULL;

	if (!end)
		return;
	dmesg->len -= (size_t)(end + 1 - dmesg->s);
	memmove(dmesg->s, end + 1, dmesg->len + 1);
}

char *init_cut_test(struct strbuf *dmesg, const char *mark)
{
	_cleanup_free_ char *words = xasprintf("%s test\n", mark);
	char *at = dmesg->s ? strstr(dmesg->s, words) : NULL;
	char *from = at, *behind, *rest;

	if (!at)
		return NULL;
	while (from > dmesg->s && from[-1] != '\n')
		from--;
	behind = at + strlen(words);
	rest = xstrdup(behind);
	dmesg->len -= (size_t)(behind - from);
	memmove(from, behind, strlen(behind) + 1);
	return rest;
}
