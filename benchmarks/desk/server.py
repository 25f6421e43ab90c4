"""The desk as `onward serve` runs it, for one operation and one port: `… FOLDER PORT`."""

from __future__ import annotations

import sys
from pathlib import Path

from onward.registry import keys, site
from onward.registry.serving import THREADS, be_quick


def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    site.open_site(folder, key=keys.with_key_file(folder, folder.with_suffix(".key")))
    from onward.registry.judging import Judge

    be_quick()
    Judge().start()
    from django.core.handlers.wsgi import WSGIHandler
    from waitress import serve

    serve(WSGIHandler(), host="127.0.0.1", port=port, threads=THREADS)


if __name__ == "__main__":
    main()
