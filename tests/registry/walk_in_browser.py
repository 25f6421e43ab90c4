"""A working day in a real browser, told as JSON: run by test_without_network.py as its own process.

In: the folder of an unlocked small operation, a folder for the browser's profile. Out, on standard
output: which addresses the browser asked for, what its storage held on every page, which
connections the server's process tried to open.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parent))

TRIED: list[str] = []


def watch(event: str, args: tuple[Any, ...]) -> None:
    """Every name looked up and every connection opened by this process."""
    if event == "socket.connect":
        TRIED.append(str(args[1]))
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        TRIED.append(str(args[0]))


def main() -> None:
    folder, profile = Path(sys.argv[1]), Path(sys.argv[2])
    import importlib.util

    spec = importlib.util.spec_from_file_location(
        "onward_test_site", Path(__file__).with_name("site.py")
    )
    assert spec is not None
    assert spec.loader is not None
    operations = importlib.util.module_from_spec(spec)
    sys.modules["onward_test_site"] = operations
    spec.loader.exec_module(operations)
    operations.unlocked(folder)

    import registry_cast as people

    amina = people.account("amina", "protection_officer")
    from waitress import create_server

    from onward.registry.web.serving import application

    server = create_server(application(), host="127.0.0.1", port=0, threads=4, ident=None)
    port = server.effective_port
    threading.Thread(target=server.run, daemon=True).start()
    sys.addaudithook(watch)
    before = len(TRIED)
    found = browse(f"http://localhost:{port}", amina.secret, profile, people)
    own = (f"'127.0.0.1', {port}", f"'::1', {port}")
    found["tried"] = [t for t in TRIED[before:] if not any(each in t for each in own)]
    print(json.dumps(found))


def browse(base: str, secret: str, profile: Path, people: Any) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    asked: set[str] = set()
    stored: dict[str, Any] = {}
    complaints: list[str] = []
    shown = False
    with sync_playwright() as play:
        context = play.chromium.launch_persistent_context(
            str(profile),
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking",
                  "--disable-component-update", "--no-first-run", "--disable-sync"],
        )  # fmt: skip
        page = context.new_page()
        page.on("request", lambda request: asked.add(request.url))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" else None,
        )

        def keep(name: str) -> None:
            storage = context.new_cdp_session(page)
            origin = f"{urlsplit(page.url).scheme}://{urlsplit(page.url).netloc}"
            stored[name] = page.evaluate(
                """async () => ({
                    databases: (await indexedDB.databases()).map(d => d.name),
                    caches: 'caches' in window ? await caches.keys() : [],
                    workers: 'serviceWorker' in navigator
                      ? (await navigator.serviceWorker.getRegistrations()).length : 0,
                    cookies: document.cookie,
                })"""
            ) | {
                kind: storage.send(
                    "DOMStorage.getDOMStorageItems",
                    {
                        "storageId": {
                            "securityOrigin": origin,
                            "isLocalStorage": kind == "local",
                        }
                    },
                )["entries"]
                for kind in ("local", "session")
            }
            storage.detach()

        page.goto(f"{base}/")
        page.fill("#id_login", "amina")
        page.fill("#id_password", people.PASSWORD)
        page.click("form[action='/sign-in/'] button.main")
        page.fill("#id_code", people.code(secret))
        page.click("form[action='/sign-in/code/'] button.main")
        keep("home")
        for address in (
            "/people/",
            "/people/H1-P1/",
            "/calendar/",
            "/plan/",
            "/rights/",
            "/account/",
        ):
            page.goto(f"{base}{address}")
            keep(address)
        page.fill("#find", "Zarifeh")
        page.press("#find", "Enter")
        page.wait_for_load_state()
        keep("search")
        page.goto(f"{base}/people/H1-P1/identity/")
        if page.locator("input[name=purpose]").count():
            page.locator("input[name=purpose]").first.check()
        else:
            page.locator("[name=purpose]").first.select_option(index=1)
        page.locator("main form button").first.click()
        page.wait_for_load_state()
        shown = "Zarifeh Nowruzian" in page.content()
        keep("identity")
        page.go_back()
        keep("back")
        passkey = with_passkey(context, page, base)
        keep("passkey")
        page.goto(f"{base}/")
        for _ in range(3):
            page.keyboard.press("Escape")
        page.wait_for_url("**/blank/")
        keep("left")
        page.goto(f"{base}/people/H1-P1/")
        locked = "/locked/" in page.url
        cookies = [
            {name: each[name] for name in ("name", "httpOnly", "sameSite")}
            for each in context.cookies()
        ]
        context.close()
    return {
        "asked": sorted(asked), "stored": stored, "shown": shown, "locked": locked,
        "cookies": cookies, "complaints": complaints, "passkey": passkey,
    }  # fmt: skip


def with_passkey(context: Any, page: Any, base: str) -> bool:
    """Add a passkey with an authenticator that the browser plays, sign out, and sign in with it."""
    played = context.new_cdp_session(page)
    played.send("WebAuthn.enable")
    played.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
            "hasUserVerification": True, "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }},
    )  # fmt: skip
    page.goto(f"{base}/account/passkeys/add/")
    if page.locator("#id_code").count():
        return False
    page.fill("#id_name", "Key on the desk")
    page.check("#id_passwordless")
    page.click("#mfa_webauthn_add")
    page.wait_for_url(lambda url: "/add/" not in url)
    page.goto(f"{base}/account/")
    page.locator("form[action='/sign-out/'] button").first.dispatch_event("click")
    page.wait_for_url("**/blank/")
    page.goto(f"{base}/sign-in/")
    page.click("#passkey_login")
    page.wait_for_url(f"{base}/")
    return bool(page.locator("nav").count())


if __name__ == "__main__":
    main()
