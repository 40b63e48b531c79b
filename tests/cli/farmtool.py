#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans and results of `pmkmod matrix --shared`, read and falsified.

farmtool cell FARM DEVICE MODULE         the hash of that cell
farmtool seal RESULT-FOLDER [LINE=TEXT]  make sums and sizes in `result` fit the files again, and
                                         change lines: cell=HASH, pmkmod=1, verdict=fits
farmtool identity PACKAGE                 as indexes have it
farmtool plan FARM KEY=JSON...           change members of plan.json
farmtool setting FARM SECTION KEY VALUE  add a setting to plan.json
"""
import base64
import hashlib
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "standin"))
import apktool  # noqa: E402


def cell(farm, device, module):
    with open(os.path.join(farm, "plan.json")) as f:
        plan = json.load(f)
    found = [c["cell"] for c in plan["cells"] if c["device"] == device and c["module"] == module]
    if len(found) != 1:
        sys.exit(f"{len(found)} cells of {module} for {device}")
    print(found[0])


def seal(folder, *changes):
    path = os.path.join(folder, "result")
    with open(path) as f:
        lines = f.read().split("\n")
    for i, line in enumerate(lines):
        if line.startswith("file sha256:"):
            name = line.split(" ", 3)[3]
            with open(os.path.join(folder, name), "rb") as f:
                data = f.read()
            lines[i] = f"file sha256:{hashlib.sha256(data).hexdigest()} {len(data)} {name}"
        for change in changes:
            key, _, value = change.partition("=")
            for separator in " =":
                if i and line.startswith(key + separator):
                    lines[i] = key + separator + value
    with open(path, "w") as f:
        f.write("\n".join(lines))


def identity(package):
    control = apktool.package(package)[1]
    print("Q1" + base64.b64encode(hashlib.sha1(control).digest()).decode())


def plan(farm, *changes):
    path = os.path.join(farm, "plan.json")
    with open(path) as f:
        content = json.load(f)
    for change in changes:
        key, _, value = change.partition("=")
        content[key] = json.loads(value)
    with open(path, "w") as f:
        json.dump(content, f)


def setting(farm, section, key, value):
    path = os.path.join(farm, "plan.json")
    with open(path) as f:
        content = json.load(f)
    content["settings"].append({"section": section, "key": key, "value": value})
    with open(path, "w") as f:
        json.dump(content, f)


if __name__ == "__main__":
    {"cell": cell, "seal": seal, "identity": identity, "plan": plan, "setting": setting}[sys.argv[1]](*sys.argv[2:])
