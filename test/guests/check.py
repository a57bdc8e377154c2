#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command whose standard output is a guest's console, and checks what it says.

usage: check.py EXPECTED COMMAND...

EXPECTED: a file with one line per line that the guest must say, in this order and with no other line of
its own (those that begin with the name of the file's stem and a colon) in between. A line "> TEXT" is
typed when all lines before it have been seen. A line with a trailing "..." only has to begin so.
"""
import os
import subprocess
import sys
import threading

TIMEOUT = 240  # wall-clock, on a busy machine: only what hangs takes so long


def main():
    expected_file, command = sys.argv[1], sys.argv[2:]
    prefix = os.path.splitext(os.path.basename(expected_file))[0] + ": "
    with open(expected_file, encoding="ascii") as file:
        expected = file.read().splitlines()

    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    timer = threading.Timer(TIMEOUT, process.terminate)  # boot/run ends its QEMU with itself
    timer.start()
    wrong = None
    for raw in process.stdout:
        line = raw.decode("ascii", "replace").strip("\r\n")
        print("#", line, flush=True)
        if not line.startswith(prefix) or wrong:
            continue
        want = expected.pop(0) if expected else "nothing more"
        if line != want and not (want.endswith("...") and line.startswith(want[:-3])):
            wrong = f"expected: {want}"
        while expected and expected[0].startswith("> "):
            process.stdin.write(expected.pop(0)[2:].encode() + b"\r")
            process.stdin.flush()
    process.wait()
    timer.cancel()
    if not wrong and expected:
        wrong = f"ended without: {expected[0]}"
    if not wrong and process.returncode != 0:
        wrong = f"status {process.returncode}"
    print("not ok 1 -" if wrong else "ok 1 -", prefix + (wrong or "as expected"))
    print("1..1")
    return 0


sys.exit(main())
