#!/usr/bin/env python3
"""Runs every command block of README.md, in order, in one shell a block. `./x test` is this very run and is not started again."""

import os
import pathlib
import re
import subprocess
import sys
import time

root = pathlib.Path(__file__).resolve().parent.parent
blocks = re.findall(r"^```sh\n(.*?)^```", (root / "README.md").read_text(), re.S | re.M)
if not blocks:
    sys.exit("error: README.md has no command blocks")
for block in blocks:
    if block.strip() == "./x test":
        continue
    started = time.time()
    log = pathlib.Path(os.environ["CARGO_TARGET_DIR"]) / "x" / "readme.log"
    with log.open("w") as output:
        code = subprocess.run(["sh", "-eu", "-c", block], cwd=root, stdout=output, stderr=subprocess.STDOUT).returncode
    first = block.strip().splitlines()[0]
    if code != 0:
        print(log.read_text()[-4000:], file=sys.stderr)
        subprocess.run(["./x", "demo", "--stop"], cwd=root)
        sys.exit(f"error: the README's block that begins with {first!r} failed with {code}; see {log}")
    print(f"README: {first} and what follows it: ok in {time.time() - started:.0f} s")
