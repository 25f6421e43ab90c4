"""The whole desk in a real browser with no way out: nothing is asked of anybody else, nothing is
kept in the browser.

Where the machine allows it (`unshare`), server and browser run in a network of their own that has
no route anywhere; on any machine every connection the server's process tries is written down.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

SCRIPT = Path(__file__).with_name("walk_in_browser.py")
SECRETS = ("Zarifeh", "Nowruzian", "ظریفه", "QX7788123", "blue heron")


def alone() -> list[str]:
    """What runs a command without any route; nothing where the machine does not allow it."""
    words = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    try:
        tried = subprocess.run([*words, "true"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return words if tried.returncode == 0 else []


@pytest.fixture(scope="module")
def walked(small_template, tmp_path_factory):
    import onward_test_site as operations

    home = tmp_path_factory.mktemp("walk")
    folder = operations.copied(small_template, home / "meridian")
    done = subprocess.run(
        [*alone(), sys.executable, str(SCRIPT), str(folder), str(home / "profile")],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (
        "The browser could not be walked through. It needs /usr/bin/chromium (apt-get install "
        f"chromium).\n{done.stderr[-3000:]}"
    )
    return json.loads(done.stdout.splitlines()[-1]), home / "profile"


@pytest.mark.slow
def test_the_desk_works_without_a_network_and_asks_nobody_else(walked):
    found, _ = walked
    assert found["shown"]
    assert found["locked"]
    hosts = {urlsplit(address).hostname for address in found["asked"] if "://" in address}
    assert hosts == {"localhost"}
    assert found["tried"] == []
    assert found["complaints"] == []


@pytest.mark.slow
def test_a_passkey_signs_in_alone(walked):
    found, _ = walked
    assert found["passkey"]


@pytest.mark.slow
def test_no_address_the_browser_asked_for_holds_what_was_typed(walked):
    found, _ = walked
    assert not [a for a in found["asked"] if any(word in a for word in (*SECRETS, "q="))]


@pytest.mark.slow
def test_the_browser_keeps_nothing_in_its_storage(walked):
    found, _ = walked
    assert len(found["stored"]) >= 10
    for page, kept in found["stored"].items():
        assert kept == {
            "local": [], "session": [], "databases": [], "caches": [], "workers": 0, "cookies": "",
        }, page  # fmt: skip
    assert found["cookies"]
    assert all(c["httpOnly"] and c["sameSite"] == "Strict" for c in found["cookies"])


@pytest.mark.slow
def test_no_name_is_in_the_browsers_profile_on_the_disk(walked):
    _, profile = walked
    files = [path for path in profile.rglob("*") if path.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        for word in SECRETS:
            assert word.encode() not in data, path
            assert word.encode("utf-16-le") not in data, path
