// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * /init of the booted system. It only needs a shell and busybox (or the same tools under their own
 * names). Every line it prints for us begins with the token, so that neither the kernel's nor a
 * module's words can be taken for it; console messages are switched off while it prints, since the
 * kernel would write into the middle of a line.
 */
#include "pmkmod/boot/boot_parts.h"

/* @T@: token, @K@: mark for the kernel log, @M@: the modules */
static const char script[] = "#!/bin/sh\n"
			     "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
			     "export PATH\n"
			     "B=\n"
			     "for b in /bin/busybox /usr/bin/busybox; do [ -x $b ] && B=$b; done\n"
			     "$B mount -t proc proc /proc\n"
			     "$B mount -t sysfs sysfs /sys\n"
			     "$B mount -t devtmpfs devtmpfs /dev\n"
			     "$B dmesg -n 1\n"
			     "say() { $B sed \"s/^/@T@ $1 /\"; }\n"
			     "echo '@T@ init'\n"
			     "$B uname -r | say uname\n"
			     "echo 'pmkmod: @K@' > /dev/kmsg\n"
			     /* kmod's own when it is there: a phone has it too */
			     "M=modprobe; command -v modprobe > /dev/null || M=\"$B modprobe\"\n"
			     "for m in @M@; do\n"
			     "	echo \"@T@ begin $m\"\n"
			     "	$M $m > /tmp/out 2>&1\n"
			     "	s=$?\n"
			     "	say words < /tmp/out\n"
			     "	echo \"@T@ status $m $s\"\n"
			     "done\n"
			     "say modules < /proc/modules\n"
			     "$B dmesg | $B sed -n '/@K@/,$p' > /tmp/dmesg\n"
			     "[ -s /tmp/dmesg ] || $B dmesg > /tmp/dmesg\n"
			     "say dmesg < /tmp/dmesg\n"
			     "echo \"@T@ sent $($B wc -l < /tmp/dmesg)\"\n"
			     "echo '@T@ done'\n"
			     /* what does not know how to power off ends by -no-reboot */
			     "$B poweroff -f\n"
			     "$B sleep 1\n"
			     "$B reboot -f\n";

char *init_script(const char *token, const char *mark, const struct strvec *modules)
{
	_cleanup_free_ char *list = strvec_join(modules, " ");
	struct strbuf b = {0};

	for (const char *p = script; *p; p++) {
		const char *text = NULL;

		if (p[0] == '@' && p[1] && p[2] == '@')
			text = p[1] == 'T' ? token : p[1] == 'K' ? mark : p[1] == 'M' ? list : NULL;
		if (!text) {
			strbuf_addc(&b, *p);
			continue;
		}
		strbuf_adds(&b, text);
		p += 2;
	}
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
