# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold pmkmod.ini(5) against pmkmod.ini: ini-manual.py INI PAGE. Prints what differs, exit status 1.

An entry of the page is a line of *key*s and indented lines, which hold each key's default as *value*
(each word of a list by itself), or the word empty. A channel's keys need no default.
"""
import re
import sys

# what no shipped file sets
BESIDE = {"kernel": {"kdir", "source", "aport", "config", "image", "symvers", "cc", "name"},
          "channel.": {"local"}, "fetch": {"mirrors..."}}


def read_ini(path):
    sections, values, key = {}, None, None
    for line in open(path, encoding="utf-8"):
        line = line.rstrip("\n")
        if m := re.fullmatch(r"\[(.*)\]", line):
            # all channels are one section of the page
            name = "channel." if m[1].startswith("channel.") else m[1]
            values = sections.setdefault(name, {})
        elif m := re.fullmatch(r"#?([a-z][a-z0-9_]*) ?= ?(.*)", line):
            key = m[1]
            values[key] = "" if line[0] == "#" else m[2]
        elif line[:1].isspace() and line.strip():
            values[key] += "\n" + line.strip()
    return sections


def read_page(path):
    """section -> key -> text of its entry"""
    sections, values, keys = {}, None, []
    for line in open(path, encoding="utf-8"):
        line = line.rstrip("\n").replace("\\", "")
        if m := re.fullmatch(r"## \[(.*)\]", line):
            values = sections.setdefault("channel." if m[1] == "channel.<name>" else m[1], {})
        elif line.startswith("# "):
            values = None
        elif values is not None and line.startswith("*"):
            keys = re.findall(r"\*([^*]+)\*", line)
            values.update({k: "" for k in keys})
        elif values is not None and line.startswith("\t"):
            for k in keys:
                values[k] += " " + line.strip()
    return sections


def says(text, value):
    """does the entry's text give that default?"""
    text = text[text.find("Default"):] if "Default" in text else ""
    if not value:
        return "empty" in text
    if "*%s*" % value in text:
        return True
    return len(value.split()) > 1 and all("*%s*" % word in text for word in value.split())


def main():
    ini, page = read_ini(sys.argv[1]), read_page(sys.argv[2])
    wrong = []
    for section, values in ini.items():
        there = page.get(section, {})
        for key, value in values.items():
            if key not in there:
                wrong.append(f"{section}.{key} is not on the page")
            elif section != "channel." and not says(there[key], value):
                wrong.append(f"{section}.{key}: the page does not give the default '{value}'")
    for section, values in page.items():
        for key in set(values) - set(ini.get(section, {})) - BESIDE.get(section, set()):
            wrong.append(f"{section}.{key} is on the page alone")
    print("\n".join(wrong))
    return 1 if wrong or len(ini) < 12 else 0


sys.exit(main())
