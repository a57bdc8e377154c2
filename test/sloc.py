#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sloc.py SOURCE BUILD: lines of code (cloc) of every file that the kernel's link depends on.

Every source and header, generated ones included, but gcc's own. Fails past the limit of DESIGN section 4,
when the kernel would contain a library (parsers are in some) or a file named as a parser, and at an architecture
#ifdef outside arch/.
"""
import json
import os
import re
import subprocess
import sys

LIMIT = 8000
ARCHITECTURE = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b.*(__aarch64__|__x86_64__|__arm__|CONFIG_ARM|CONFIG_X86)")
PARSERS = ("fdt", "elf", "cpio", "acpi", "json", "config")
OWN = ("kernel/", "abi/")  # no library: what reads formats is in one


def dependencies(source, build):
    out = subprocess.run(["ninja", "-C", build, "-t", "deps"], check=True, capture_output=True, text=True).stdout
    files = set()
    ours = False
    for line in out.splitlines():
        if line and not line.startswith(" "):
            ours = line.startswith("kernel/kernel.elf.p/")
        elif ours and line.strip():
            files.add(os.path.realpath(os.path.join(build, line.strip())))
    files.add(os.path.realpath(os.path.join(source, "kernel/kernel.lds")))
    roots = (os.path.realpath(source) + "/", os.path.realpath(build) + "/")
    return sorted(file for file in files if file.startswith(roots)), roots


def folder(file, roots):
    for root in roots[::-1]:
        if file.startswith(root):
            parts = file[len(root):].split("/")[:-1]
            name = "/".join(parts[:4] if parts[:2] == ["kernel", "arch"] else parts[:2])
            return name + (" (generated)" if root == roots[1] else "")
    return "?"


def main():
    source, build = sys.argv[1:]
    files, roots = dependencies(source, build)
    if not files:
        sys.exit("sloc: the kernel is not built")
    cloc = subprocess.run(["cloc", "--json", "--by-file", "--quiet", "--skip-uniqueness", "--list-file=-"],
                          input="\n".join(files), check=True, capture_output=True, text=True).stdout
    counts = {name: entry["code"] for name, entry in json.loads(cloc).items() if name.startswith("/")}
    folders = {}
    failed = False
    for file in files:
        if file.endswith(".lds"):
            continue
        if file not in counts:
            sys.exit(f"sloc: cloc does not count {file}")
        name = folder(file, roots)
        folders[name] = folders.get(name, 0) + counts[file]
        own = any(file.startswith(root + part) for root in roots for part in OWN)
        if not own or any(parser in os.path.basename(file).lower() for parser in PARSERS):
            print(f"sloc: {file}: a library or a parser in the kernel")
            failed = True
        if "/arch/" not in file:
            with open(file, encoding="utf-8") as text:
                for number, line in enumerate(text, 1):
                    if ARCHITECTURE.search(line):
                        print(f"{file}:{number}: an architecture #ifdef outside arch/")
                        failed = True
    for name in sorted(folders):
        print(f"{folders[name]:6} {name}")
    total = sum(folders.values())
    print(f"{total:6} in all, limit {LIMIT}")
    if total > LIMIT or failed:
        sys.exit(f"sloc: failed: {total} of {LIMIT} lines")


main()
