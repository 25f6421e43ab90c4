"""Pictures of the desk for the documentation, taken of the example in a real browser.

Exists so that they can be taken again when the pages change. Comes in: an encrypted copy of the
example in `out/pictures`, made when it is not there. Goes out: PNG files in `docs/pictures`.

    python tools/pictures.py
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CAMP, TO = ROOT / "out" / "pictures", ROOT / "docs" / "pictures"
PAGES = (
    ("home", "protection.officer", "en", "/"),
    ("person", "protection.officer", "en", "{person}"),
    ("person-in-persian", "protection.officer", "fa", "{person}"),
)
"""Name, demonstration account, language, address."""


def main() -> None:
    key = CAMP.with_suffix(".key")
    onward = [str(Path(sys.executable).parent / "onward")]
    new = [
        "new",
        str(CAMP),
        "--example",
        "meridian",
        "--store",
        "encrypted",
        "--key-file",
        str(key),
    ]
    if not CAMP.exists():
        subprocess.run([*onward, *new], check=True)
    subprocess.run(
        [*onward, "forecast", str(CAMP), "--futures", "1000"],
        check=True, stdout=subprocess.DEVNULL, env={**os.environ, "ONWARD_KEY_FILE": str(key)},
    )  # fmt: skip
    # Browser and desk share a process here, and the browser brings a loop of its own.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    sys.path.insert(0, str(ROOT / "tests" / "registry"))
    from onward.registry.keyring import keys
    from onward.registry.web import starting

    starting.open_site(CAMP, key=keys.with_key_file(CAMP, key))
    import registry_cast as cast
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from playwright.sync_api import sync_playwright
    from waitress.server import create_server

    from onward.registry.models import Account
    from onward.registry.permissions.demo_accounts import make_demo_accounts

    make_demo_accounts("127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = create_server(WSGIHandler(), host="127.0.0.1", port=port, threads=2)
    threading.Thread(target=server.run, daemon=True).start()
    base = f"http://127.0.0.1:{port}"
    TO.mkdir(exist_ok=True)
    with sync_playwright() as play:
        chrome = play.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        person = ""
        for name, account, language, address in PAGES:
            session = cast.signed_in(Account.objects.get(username=account)).cookies
            context = chrome.new_context(base_url=base, viewport={"width": 1366, "height": 900})
            context.add_cookies([
                {"url": base, "name": settings.SESSION_COOKIE_NAME,
                 "value": session[settings.SESSION_COOKIE_NAME].value},
                {"url": base, "name": settings.LANGUAGE_COOKIE_NAME, "value": language},
            ])  # fmt: skip
            page = context.new_page()
            if not person:
                page.goto("/people/?stage=accepted")
                person = page.locator("main table a").first.get_attribute("href") or ""
            page.goto(address.format(person=person))
            page.screenshot(path=TO / f"{name}.png")
            context.close()
        chrome.close()
    server.close()


if __name__ == "__main__":
    main()
