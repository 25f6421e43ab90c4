"""What the documentation's pages are run with: the real command, and one prepared example.

Building the example operation takes most of a minute. It is built once for the whole session,
by the real `onward new camp --example meridian`; when a page says that line, the line is served
by copying what was built, so that each page still starts from a fresh folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ONWARD = str(Path(sys.executable).with_name("onward"))

SERVED = """#!/bin/sh
# Served by the test of the documentation: the example is copied, everything else is real.
case "$1 $*" in
  "new "*"--example meridian"*)
    if [ -e "$2" ]; then exec {onward} "$@"; fi
    mkdir -p "$(dirname "$2")" && cp -R {example} "$2"
    echo "$2 is ready. Next: onward report $2 -o out";;
  *) exec {onward} "$@";;
esac
"""


def _environment(bin_folder: Path | None = None) -> dict[str, str]:
    """No colour, no terminal width of whoever runs the tests, and this source tree."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if k in ("HOME", "PATH", "TMPDIR", "NUMBA_CACHE_DIR")
    }
    kept |= {
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT / "src"),
        "NO_COLOR": "1",
        "COLUMNS": "80",
    }
    if bin_folder is not None:
        kept["PATH"] = f"{bin_folder}:{kept['PATH']}"
    return kept


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Path:
    """The folder `onward new camp --example meridian` makes, built once by that very command."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    folder = shared / "prepared" / "camp"
    with open(shared / "prepared.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            made = subprocess.run(
                [ONWARD, "new", str(folder), "--example", "meridian"],
                env=_environment(), capture_output=True, text=True,
            )  # fmt: skip
            if made.returncode:
                shutil.rmtree(folder, ignore_errors=True)
                raise RuntimeError(made.stderr[-2000:])
            # As after a first look: the log stands in columns.
            subprocess.run(
                [ONWARD, "caseload", str(folder)],
                env=_environment(), capture_output=True, check=True,
            )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def command(prepared, tmp_path_factory) -> dict[str, str]:
    """An environment in which `onward` is the real command, served as above."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "onward"
    script.write_text(SERVED.format(onward=ONWARD, example=prepared))
    script.chmod(0o755)
    return _environment(folder)


@pytest.fixture
def session_folder(tmp_path) -> Path:
    """An empty folder for one page, with what a checkout has in reach: examples and rulebooks."""
    for name in ("examples", "rulebooks", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path
