"""The whole desk in a real browser with no way out: nothing is asked of anybody else, nothing is
kept in the browser.

Where the machine allows it (`unshare`), server and browser run in a network of their own that has
no route anywhere; on any machine every connection the server's process tries is written down. Every page
and a piece of each kind of work are gone through once more under `strace`, which sees what native
libraries ask of the network as well.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

WHOLE = Path(__file__).parents[1] / "desk" / "walk_alone.py"
CALLS = "connect,sendto,sendmsg,sendmmsg"
NATIVE = """
import ctypes, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
for family, kind in ((2, 1), (2, 2), (10, 2)):
    file = libc.socket(family, kind, 0)
    to = struct.pack("=HHI8x" if family == 2 else "=HHI16xI", family, socket.htons(9),
                     *([socket.htonl(0x7F000001)] if family == 2 else [0, 0]))
    libc.connect(file, to, len(to))
libc.sendto(libc.socket(2, 2, 0), b"x", 1, 0, struct.pack("=HHI8x", 2, socket.htons(53),
            socket.htonl(0xC0000207)), 16)
"""
"""A program that reaches out past Python: over TCP, over UDP, over IPv6, and without connecting."""
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


# -- every page, every kind of work, natively ------------------------------------------------------


@pytest.fixture
def tracer():
    """Skips where the machine lets nobody trace; a tracer that is not installed is a fault."""
    assert shutil.which("strace"), "This test needs strace: apt-get install strace"
    tried = subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], capture_output=True)
    if tried.returncode:
        pytest.skip(
            "nobody may trace here (in a container: --cap-add=SYS_PTRACE); what native libraries ask of the network is not seen"
        )


def traced(folder: Path, *command: str) -> tuple[str, list[str]]:
    """What a command wrote, and the calls by which it or a child of it went to the network."""
    words = [
        "strace",
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-e",
        f"trace={CALLS}",
        "-e",
        "signal=none",
    ]
    calls = folder / "calls"
    done = subprocess.run(
        [*alone(), *words, "-o", str(calls), *command],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout, [one for one in calls.read_text().splitlines() if "AF_INET" in one]


@pytest.mark.slow
def test_every_page_and_every_kind_of_work_ask_nothing_of_the_network_natively_either(
    small_template, tmp_path, tracer
):
    import onward_test_site as operations

    folder = operations.copied(small_template, tmp_path / "meridian")
    told, went = traced(tmp_path, sys.executable, str(WHOLE), str(folder))
    assert went == []
    found = json.loads(told.splitlines()[-1])
    assert found["pages"]["200"] > 100
    assert not [status for status in found["pages"] if status >= "500"]
    assert found["work"] == dict.fromkeys(
        ("look", "bring", "forecast", "compare", "placement", "report", "renew_keys"), "done"
    )
    assert found["exported"] > 1000


def test_a_program_that_goes_to_the_network_past_python_is_seen(tmp_path, tracer):
    _, went = traced(tmp_path, sys.executable, "-c", NATIVE)
    assert [re.search(r"(connect|sendto)\(.*(AF_INET6?)", one).groups() for one in went] == [
        ("connect", "AF_INET"), ("connect", "AF_INET"), ("connect", "AF_INET6"),
        ("sendto", "AF_INET"),
    ]  # fmt: skip
