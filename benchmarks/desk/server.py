"""The desk as `onward serve` runs it, for one operation and one port: `… FOLDER PORT PROCESSES`."""

from __future__ import annotations

import sys
from pathlib import Path

from onward.registry.web.serving import serve


def main() -> None:
    folder, port, processes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    serve(folder, port=port, processes=processes)


if __name__ == "__main__":
    main()
