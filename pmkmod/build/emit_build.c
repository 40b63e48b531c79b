// SPDX-License-Identifier: GPL-3.0-or-later
/* unpack(), prepare() and build() of the APKBUILD: the source, and how it is built. */
#include "pmkmod/build/emit_module.h"
#include "pmkmod/build/overlays.h"

/* Bring the source into $builddir where unpacking alone does not. */
void emit_prepare(const struct emit *m, struct strbuf *b)
{
	if (m->p->module.kind == SOURCE_PACKAGE)
		strbuf_addf(b,
			"\nprepare() {\n"
			"%s"
			"\tmkdir -p \"$srcdir\"/all\n"
			"\tlocal file\n"
			"\tapk info -qL %s | while read -r file; do\n"
			"\t\tcase \"$file\" in\n"
			"\t\tusr/src/*) install -D \"/$file\" \"$srcdir/all/${file#usr/src/}\" ;;\n"
			"\t\tesac\n"
			"\tdone\n"
			"\tset -- \"$srcdir\"/all/*\n"
			"\tif [ $# = 1 ] && [ -d \"$1\" ]; then\n"
			"\t\tcp -r \"$1\" \"$builddir\"\n"
			"\telse\n"
			"\t\tcp -r \"$srcdir\"/all \"$builddir\"\n"
			"\tfi\n"
			"%s"
			"}\n",
			m->patches.n ? "" : "\tdefault_prepare\n", m->p->target.source.name,
			/* which applies the patches */
			m->patches.n ? "\tcd \"$builddir\"\n\tdefault_prepare\n" : "");
	if (m->download)
		strbuf_addf(b,
			"\nunpack() {\n"
			"\tmkdir -p \"$srcdir\"/all\n"
			"\tbsdtar -C \"$srcdir\"/all -xf \"$SRCDEST/%s\"\n"
			"\tset -- \"$srcdir\"/all/*\n"
			"\tif [ $# = 1 ] && [ -d \"$1\" ]; then\n"
			"\t\tmv \"$1\" \"$builddir\"\n"
			"\telse\n"
			"\t\tmv \"$srcdir\"/all \"$builddir\"\n"
			"\tfi\n"
			"}\n",
			m->tarball);
}

/* As build/overlays.c does it. */
static void compile_overlays(const struct emit *m, struct strbuf *b)
{
	const struct module *mod = &m->p->module;
	const char *lib = m->p->device.channel.usr_merge ? "/usr/lib" : "/lib";

	if (mod->overlays.n)
		strbuf_adds(b, "\tlocal file\n");
	for (size_t i = 0; i < mod->overlays.n; i++) {
		_cleanup_free_ char *name = overlay_name(mod->overlays.v[i]);

		strbuf_addf(b,
			"\tfile=\"$builddir%s%s\"/%s\n"
			"\t[ -e \"$file\" ] || file=\"$builddir\"/%s\n"
			"\t%s -E -nostdinc -I\"${file%%/*}\" \\\n"
			"\t\t-I%s/modules/\"$_release\"/build/include \\\n"
			"\t\t-undef -D__DTS__ -x assembler-with-cpp \"$file\" |\n"
			"\t\tdtc -@ -I dts -O dtb -b 0 -i \"${file%%/*}\" -o \"$builddir\"/%s -\n",
			mod->subdir ? "/" : "", mod->subdir ? mod->subdir : "", mod->overlays.v[i],
			mod->overlays.v[i],
			starts_with(emit_compiler(m), "clang") ? "clang" : "${CROSS_COMPILE}gcc",
			lib, name);
	}
}

void emit_build(const struct emit *m, struct strbuf *b)
{
	const struct module *mod = &m->p->module;
	const char *cc = emit_compiler(m);
	const char *lib = m->p->device.channel.usr_merge ? "/usr/lib" : "/lib";

	strbuf_adds(b, "\nbuild() {\n\tunset LDFLAGS\n");
	if (m->result->build_lines) {
		strbuf_adds(b, m->result->build_lines);
		compile_overlays(m, b);
		strbuf_adds(b, "}\n");
		return;
	}
	strbuf_addf(b,
		"\tmake -C %s/modules/\"$_release\"/build M=\"$builddir%s%s\" \\\n"
		"\t\tARCH=%s",
		lib, m->subdir ? "/" : "", m->subdir ? m->subdir : "",
		m->p->device.arch->linux_arch);
	if (starts_with(cc, "clang"))
		strbuf_adds(b, " LLVM=1");
	else if (starts_with(cc, "gcc") && cc[3])
		strbuf_addf(b, " CC=\"%s-${CC:-gcc}\"", cc);
	for (size_t i = 0; i < mod->make_args.n; i++) {
		strbuf_adds(b, " \\\n\t\t\"");
		emit_quoted(b, mod->make_args.v[i]);
		strbuf_addc(b, '"');
	}
	strbuf_adds(b, " modules\n");
	compile_overlays(m, b);
	strbuf_adds(b, "}\n");
}
