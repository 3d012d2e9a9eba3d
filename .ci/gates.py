#!/usr/bin/env python3
"""Gates over the sources and `cargo metadata`: licences and sources of dependencies, bans, unused dependencies, who may know
whom (docs/architecture.md), file and function budgets. Prints every finding; exit 1 when there is one."""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
found = []

LICENCES = {
    "MIT", "Apache-2.0", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Zlib", "CC0-1.0", "Unlicense", "Unicode-3.0", "0BSD",
    "MIT-0", "BSL-1.0", "MPL-2.0", "CDLA-Permissive-2.0", "Apache-2.0 WITH LLVM-exception", "bzip2-1.0.6",
}
# A crate, why it must not be here.
BANNED = {
    "openssl-sys": "rustls with ring is the one TLS",
    "aws-lc-sys": "one crypto provider: ring",
    "native-tls": "rustls with ring is the one TLS",
    "chrono-tz": "time is the one calendar",
}
# Exceptions: what, why, until when.
EXCEPTIONS = {
    "bincode": "unmaintained (RUSTSEC-2025-0141), pinned =2.0.1 behind protocol::wire; look again 2027-06-01",
}
# Which workspace crate may know which (dev-dependencies aside).
KNOWS = {
    "flatrender-aep": set(),
    "flatrender-protocol": set(),
    "flatrender-package": {"flatrender-protocol"},
    "flatrender-preview": set(),
    "flatrender-picture": {"flatrender-protocol"},
    "aerender-sim": {"flatrender-aep"},
    "flatrender-agent": {"flatrender-protocol", "flatrender-package", "flatrender-picture", "flatrender-preview"},
    "flatrender-api": {"flatrender-protocol"},
    "flatctl": {"flatrender-protocol", "flatrender-aep", "flatrender-package"},
    "flatrender-controller": {"flatrender-protocol", "flatrender-api", "flatrender-aep", "flatrender-package", "flatrender-picture", "flatrender-preview"},
}
NEVER = {"flatrender-package": {"tokio", "sqlx", "axum"}, "flatrender-agent": {"sqlx", "axum"}, "flatctl": {"sqlx"}, "flatrender-api": set()}
# Inside the controller: a room, the rooms it must not name.
ROOMS = {
    "plan": {"farm", "store", "link", "ops", "reconcile", "database", "blobs"},
    "store": {"farm", "plan", "link", "ops", "reconcile", "blobs"},
    "database": {"farm", "plan", "store", "link", "ops", "reconcile", "blobs"},
    "blobs": {"farm", "plan", "store", "link", "ops", "reconcile", "database"},
    "farm": {"link", "ops", "reconcile", "database"},
    "link": {"ops", "plan", "database", "reconcile"},
    "ops": {"link::session", "plan", "reconcile"},
}
SQL_ROOMS = {"store", "database"}
FILE_LINES, FUNCTION_LINES = 800, 100


def metadata():
    text = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return json.loads(text)


def licence_is_good(expression):
    def atom(text):
        return text.strip().strip("()") in LICENCES

    expression = expression.replace("/", " OR ")
    return all(any(atom(choice) for choice in part.split(" OR ")) for part in re.split(r"\)\s+AND\s+|\s+AND\s+(?=\()|\s+AND\s+", expression))


def dependencies(meta):
    ours = {package["name"] for package in meta["packages"] if package["source"] is None}
    for package in meta["packages"]:
        name = f"{package['name']} {package['version']}"
        if package["source"] is None:
            continue
        if not package["source"].startswith("registry+"):
            found.append(f"source: {name} comes from {package['source']}")
        if package["name"] in BANNED:
            found.append(f"ban: {name}: {BANNED[package['name']]}")
        licence = package["license"] or ""
        if not licence_is_good(licence):
            found.append(f"licence: {name} is under \"{licence}\", which is not in the list")
    for package in meta["packages"]:
        if package["name"] not in KNOWS:
            if package["source"] is None:
                found.append(f"direction: {package['name']} is not in KNOWS")
            continue
        normal = {d["name"] for d in package["dependencies"] if d["kind"] is None}
        for other in sorted((normal & ours) - KNOWS[package["name"]]):
            found.append(f"direction: {package['name']} must not know {other}")
        for other in sorted(normal & NEVER.get(package["name"], set())):
            found.append(f"direction: {package['name']} must not use {other}")
        unused(package)


def unused(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    nested = [pathlib.Path(p).parent for p in (folder.glob("*/Cargo.toml"))]
    text = "".join(
        file.read_text() for file in folder.rglob("*.rs") if not any(inner in file.parents for inner in nested)
    )
    for dependency in package["dependencies"]:
        name = (dependency["rename"] or dependency["name"]).replace("-", "_")
        if not re.search(rf"\b{name}\b", text):
            found.append(f"unused: {package['name']} depends on {dependency['name']} and does not use it")


def rust_files():
    return sorted(
        ROOT / name
        for name in subprocess.run(["git", "ls-files", "*.rs"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    )


def without_tests(text):
    """The code alone: no unit tests, no comments."""
    code = text.split("#[cfg(test)]\nmod tests", 1)[0]
    return "\n".join(line for line in code.split("\n") if not line.lstrip().startswith("//"))


def sources():
    for file in rust_files():
        if not file.exists():
            continue
        text = file.read_text()
        name = file.relative_to(ROOT)
        if text.count("\n") > FILE_LINES:
            found.append(f"budget: {name} has {text.count(chr(10))} lines; {FILE_LINES} at most")
        if not text.startswith("//!") and not text.startswith("#!["):
            found.append(f"docs: {name} does not begin with //!")
        if re.search(r"\b(todo|unimplemented|dbg)!\(", text):
            found.append(f"stub: {name}")
        parts = name.parts
        if parts[:2] == ("controller", "src") and len(parts) > 3:
            room = parts[2]
            body = without_tests(text)
            for other in ROOMS.get(room, ()):
                if re.search(rf"\bcrate::(\{{[^}}]*\b)?{other}\b", body):
                    found.append(f"direction: {name} ({room}) must not know {other}")
            if room not in SQL_ROOMS | {"farm"} and re.search(r"\bsqlx::", body):
                found.append(f"direction: {name} names sqlx")
        if parts[:2] == ("controller", "src") and parts[2:3] == ("plan",) and re.search(r"\basync\b|Instant::now", without_tests(text)):
            found.append(f"direction: {name}: plan is pure")
        functions(name, text)


def functions(name, text):
    lines = text.split("\n")
    start = None
    for number, line in enumerate(lines):
        begins = re.match(r"^(\s*)(pub(\([^)]*\))? )?(async )?(const )?(unsafe )?fn \w+", line)
        if begins and not line.rstrip().endswith(";"):
            start, indent = number, begins.group(1)
        elif start is not None and line == f"{indent}}}":
            if number - start + 1 > FUNCTION_LINES:
                found.append(f"budget: {name}:{start + 1}: a function of {number - start + 1} lines; {FUNCTION_LINES} at most")
            start = None


dependencies(metadata())
sources()
for line in found:
    print(f"error: {line}", file=sys.stderr)
sys.exit(1 if found else 0)
