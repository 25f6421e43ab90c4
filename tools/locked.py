"""The packages of `uv.lock` with the SHA-256 of each of their files, as pip's hash mode reads them.

    python tools/locked.py > out/locked.txt
    python -m pip download --require-hashes --no-deps --dest out/packages -r out/locked.txt

Which of them this machine needs is said by `constraints.txt`, made from the same lock.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def locked() -> dict[tuple[str, str], list[str]]:
    """(name, version) -> the hashes of its files, as "sha256:…"."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    return {
        (package["name"], package["version"]): [
            file["hash"]
            for file in (*package.get("wheels", ()), package.get("sdist"))
            if file is not None
        ]
        for package in lock["package"]
        if "registry" in package["source"]
    }


def wanted() -> Iterator[tuple[str, str, str]]:
    """(name, version, when) of every line of `constraints.txt`."""
    for line in (ROOT / "tools" / "constraints.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            package, _, when = line.partition(" ; ")
            name, _, version = package.partition("==")
            yield name.partition("[")[0], version.strip(), when


def main() -> int:
    files = locked()
    for name, version, when in wanted():
        hashes = " ".join(f"--hash={each}" for each in files[name, version])
        print(f"{name}=={version}{f' ; {when}' if when else ''} {hashes}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
