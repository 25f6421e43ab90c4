"""Read one file given on standard input, as `read.py` orders it."""

from __future__ import annotations

import json
import sys
from typing import Any

from onward.intake.parse.answers import ENCODINGS
from onward.intake.parse.walls import lock_down, serve


def main() -> int:
    order = json.loads(sys.argv[1])
    # Everything that may be needed is loaded now: later nothing can be opened.
    import encodings.idna  # noqa: F401
    from xml.etree import ElementTree  # noqa: F401

    import python_calamine  # noqa: F401

    for name in ENCODINGS:
        "".encode(name)
    "".encode("utf-8-sig")
    source = sys.stdin.buffer
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]

    def say(line: dict[str, Any]) -> None:
        sys.stdout.write("#" + json.dumps(line, ensure_ascii=False) + "\n")

    lock_down(order["limits"]["memory_bytes"], order["limits"]["cpu_seconds"])
    return serve(source, order, say)


if __name__ == "__main__":
    sys.exit(main())
