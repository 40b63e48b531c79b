// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * /init of the booted system. It only needs a shell and busybox (or the same tools under their own
 * names). Every line it prints for us begins with the token, so that neither the kernel's nor a
 * module's words can be taken for it; console messages are switched off while it prints, since the
 * kernel would write into the middle of a line.
 */
#include "pmkmod/boot/boot_parts.h"

/* @T@: token, @K@: mark for the kernel log, @M@: the modules */
static const char *const script[] = {
	"#!/bin/sh",
	"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
	"export PATH",
	"B=",
	"for b in /bin/busybox /usr/bin/busybox; do [ -x $b ] && B=$b; done",
	"$B mount -t proc proc /proc",
	"$B mount -t sysfs sysfs /sys",
	"$B mount -t devtmpfs devtmpfs /dev",
	"$B dmesg -n 1",
	"say() { $B sed \"s/^/@T@ $1 /\"; }",
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
	"for m in @M@; do",
	"	echo \"@T@ begin $m\"",
	"	$M $m > /tmp/out 2>&1",
	"	s=$?",
	"	say words < /tmp/out",
	"	echo \"@T@ status $m $s\"",
	"done",
	"say modules < /proc/modules",
	"$B dmesg | $B sed -n '/@K@/,$p' > /tmp/dmesg",
	"[ -s /tmp/dmesg ] || $B dmesg > /tmp/dmesg",
	"say dmesg < /tmp/dmesg",
	"echo \"@T@ sent $($B wc -l < /tmp/dmesg)\"",
	"echo '@T@ done'",
	/* a machine that does not know how to power off ends by qemu's -no-reboot */
	"$B poweroff -f",
	"$B sleep 1",
	"$B reboot -f",
};

/* Append a line, its @X@ replaced. */
static void put_line(struct strbuf *b, const char *line, const char *token, const char *mark,
	const char *modules)
{
	const struct {
		const char *name, *text;
	} t[] = {{"@T@", token}, {"@K@", mark}, {"@M@", modules}};

	while (*line) {
		size_t i = 0;

		while (i < ARRAY_SIZE(t) && !starts_with(line, t[i].name))
			i++;
		if (i < ARRAY_SIZE(t)) {
			strbuf_adds(b, t[i].text);
			line += strlen(t[i].name);
		} else {
			strbuf_addc(b, *line++);
		}
	}
	strbuf_addc(b, '\n');
}

char *init_script(const char *token, const char *mark, const struct strvec *modules)
{
	_cleanup_free_ char *list = strvec_join(modules, " ");
	struct strbuf b = {0};

	for (size_t i = 0; i < ARRAY_SIZE(script); i++)
		put_line(&b, script[i], token, mark, list);
	return strbuf_steal(&b);
}

void init_cut_dmesg(struct strbuf *dmesg, const char *mark)
{
	char *at = dmesg->s ? strstr(dmesg->s, mark) : NULL;
	char *end = at ? strchr(at, '\n') : NULL;

	if (!end)
		return;
	dmesg->len -= (size_t)(end + 1 - dmesg->s);
	memmove(dmesg->s, end + 1, dmesg->len + 1);
}
