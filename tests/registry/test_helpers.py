"""One desk, several processes: what has to hold for all of them, asked of `onward serve` itself."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest
import registry_cast as people

from onward.registry import site
from onward.registry.signing_in import counters

PATIENCE = 60.0
SERVERS = "password-of-a-server-xq7"


class Desk:
    """`onward serve` with one helper, and a browser without script."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from onward.cli.main import main; main()", "serve", str(folder),
             "--port", str(self.port), "--processes", "2"],
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PGPASSWORD": SERVERS,
                 "ONWARD_KEY_FILE": str(folder.with_name(folder.name + ".key"))},
        )  # fmt: skip

    def helpers(self) -> list[int]:
        """Processes that this one started and that still run."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        found = [
            int(pid) for task in tasks.glob("*/children") for pid in task.read_text().split()
        ]
        return [pid for pid in found if alive(pid)]

    def ask(
        self,
        address: str,
        body: dict[str, str] | None = None,
        cookie: str = "",
        patience: float = PATIENCE,
    ) -> tuple:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=patience)
        headers = {"Cookie": cookie}
        data = urllib.parse.urlencode(body) if body is not None else None
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("POST" if body is not None else "GET", address, data, headers)
        answer = connection.getresponse()
        cookies = [c.split(";", 1)[0] for c in answer.headers.get_all("Set-Cookie") or []]
        text = answer.read().decode()
        connection.close()
        return answer.status, text, cookies

    def answers_without(self, pid: int) -> int:
        """The status of a page while one of the processes is held: the other one's answer. One
        that is not up yet is given time in between."""
        end = time.monotonic() + PATIENCE
        while True:
            os.kill(pid, signal.SIGSTOP)
            try:
                return self.ask("/blank/", patience=3)[0]
            except TimeoutError:
                assert time.monotonic() < end
            finally:
                os.kill(pid, signal.SIGCONT)
            time.sleep(0.5)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def let_go_on(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def until(holds) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it did not come about within a minute"
        time.sleep(0.05)


@pytest.fixture
def desk(small):
    made = Desk(small.path)

    def both() -> bool:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", made.port)) or not made.helpers():
                return False
        return made.answers_without(made.process.pid) == 200

    try:
        until(both)
        yield made
    finally:
        made.process.kill()
        made.process.wait(10)


@pytest.mark.slow
def test_both_processes_answer_and_end_together(desk):
    [helper] = desk.helpers()
    assert desk.answers_without(helper) == 200
    secret = site.current().root.secret
    for told in ("cmdline", "environ"):
        seen = Path(f"/proc/{helper}/{told}").read_bytes()
        assert secret not in seen
        assert secret.hex().encode() not in seen
    os.kill(helper, signal.SIGKILL)
    until(lambda: any(pid != helper for pid in desk.helpers()))  # another takes its place
    [again] = [pid for pid in desk.helpers() if pid != helper]
    assert desk.answers_without(desk.process.pid) == 200
    desk.process.kill()
    until(lambda: not alive(again))


def known(pid: int, words: dict[str, bytes]) -> set[str]:
    """Which of these stand anywhere in the memory of a process."""
    found = set()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            start, end = (int(side, 16) for side in span.split("-"))
            if "r" not in rights or "[v" in line:
                continue
            try:
                memory.seek(start)
                part = memory.read(end - start)
            except OSError:
                continue
            found |= {name for name, word in words.items() if word in part}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("asked_in", ["the desk's own process", "a helper"])
def test_keys_put_away_leave_nothing_in_any_memory(desk, small, asked_in):
    """Neither a key nor a name, in a connection of another thread, a cache or memory given back;
    no process with the keys is begun again, and the agent of a terminal has lost them too."""
    from onward.registry.keyring import agent

    small.vault.put({"H1-P1": {"name.given.Latn": "Zarqandolina"}})
    begin = (
        "import sys; from pathlib import Path; from onward.registry.keyring import agent; "
        "from onward.registry.keyring.keys import RootKey; "
        "agent.start(Path(sys.argv[1]), RootKey(bytes.fromhex(sys.stdin.read())), minutes=5)"
    )
    subprocess.run(
        [sys.executable, "-c", begin, str(small.path)],
        input=site.current().root.secret.hex().encode(), check=True, timeout=PATIENCE,
    )  # fmt: skip
    assert agent.key_of(small.path) is not None
    amina, boss = (
        people.account("amina", "protection_officer"),
        people.account("chantal", "supervisor"),
    )
    own, [helper] = desk.process.pid, desk.helpers()

    def ask(account, address, said, held, patience=PATIENCE):
        """Ask the process that is not held. One that is held for `patience` only can be asked by
        the other for what it alone can do."""
        cookie = f"work={next(iter(people.signed_in(account).cookies.values())).value}"
        page, cookies = desk.ask("/", cookie=cookie)[1:]
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
        os.kill(held, signal.SIGSTOP)
        go_on = threading.Timer(patience, let_go_on, (held,))
        go_on.start()
        try:
            said = {**said, "csrfmiddlewaretoken": token}
            return desk.ask(address, said, "; ".join([cookie, *cookies]))
        finally:
            go_on.cancel()
            let_go_on(held)

    for held in (own, helper):
        assert ask(amina, "/people/search/", {"q": "Zarqandolina"}, held)[0] < 400
    here = site.current()
    words = {
        "root": here.root.secret, "file": here.database_key(), "inner": here.ring.inner,
        "name": b"Zarqandolina", "password": SERVERS.encode(),
        **{f"{n} in a pragma or a line": k.hex().encode()
           for n, k in (("root", here.root.secret), ("file", here.database_key()))},
    }  # fmt: skip
    for pid in (own, helper):
        assert {"root", "file", "inner", "name", "password"} <= known(pid, words)
    held = own if asked_in == "a helper" else helper
    assert ask(boss, "/panic/", {"all": "1"}, held, patience=1.0)[0] == 303
    until(lambda: not alive(helper) and b"registry.web.locked" in command(own))
    assert desk.ask("/sign-in/")[0] == 503
    assert known(own, words) == set()
    for path in small.path.rglob("*"):
        assert not path.is_file() or b"Zarqandolina" not in path.read_bytes(), path
    assert not desk.helpers()
    assert agent.key_of(small.path) is None
    desk.process.send_signal(signal.SIGINT)
    assert desk.process.wait(10) == 0


@pytest.mark.slow
def test_renewed_keys_reach_every_process(desk, small):
    """A renewal asked for in the desk is done by its own process; the helper then still shows who
    somebody is."""
    from onward.registry.models import Job
    from onward.registry.web import jobs

    small.vault.put({"H1-P1": {"name.given.Latn": "Parandeh"}})
    keeper = people.account("karim", "custodian", office="")
    amina = people.account("amina", "protection_officer")
    made = jobs.ask(keeper, jobs.RENEW, {"by": str(keeper.pk)})
    until(lambda: Job.objects.get(pk=made.pk).state not in (jobs.QUEUED, jobs.RUNNING))
    assert Job.objects.get(pk=made.pk).state == jobs.DONE
    cookie = f"work={next(iter(people.signed_in(amina).cookies.values())).value}"
    for held in (desk.process.pid, desk.helpers()[0]):
        status, page, cookies = desk.ask("/people/H1-P1/", cookie=cookie)
        assert status == 200
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
        os.kill(held, signal.SIGSTOP)
        try:
            said = {"purpose": "to call her in", "csrfmiddlewaretoken": token}
            answer = desk.ask("/people/H1-P1/identity/", said, "; ".join([cookie, *cookies]))
        finally:
            os.kill(held, signal.SIGCONT)
        assert "Parandeh" in answer[1]


@pytest.mark.slow
def test_tries_are_counted_for_the_desk_and_not_for_each_process(desk):
    status, page, cookies = desk.ask("/sign-in/start/")
    assert status == 200
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    said = {"username": "nobody", "code": "WRONG", "password": people.PASSWORD,
            "again": people.PASSWORD, "csrfmiddlewaretoken": token}  # fmt: skip
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: desk.ask("/sign-in/start/", said, "; ".join(cookies)), range(30))
        )
    assert {status for status, _, _ in answers} == {422}
    assert sum("Too many tries" not in page for _, page, _ in answers) == 10


def test_counts_kept_elsewhere_are_those_kept_there(small):
    from django.core.cache import cache

    def there(method, given):
        """Over a wire, as a helper asks."""
        method, given = json.loads(json.dumps([method, given]))
        counters.keep_elsewhere(None)
        try:
            return json.loads(json.dumps(counters.answer(method, given)))
        finally:
            counters.keep_elsewhere(there)

    counters.keep_elsewhere(there)
    try:
        assert cache.add("code", "y", timeout=60)
        assert not cache.add("code", "y", timeout=60)
        cache.set("tries", [1.5, 2.5], 60)
        cache.add("number", 0, 60)
        assert cache.incr("number") == 1
        assert cache.touch("number", 30)
        assert cache.has_key("number")
        with pytest.raises(ValueError, match="no such count"):
            cache.incr("unknown")
        with pytest.raises(ValueError, match="clear"):
            counters.answer("clear", [])
    finally:
        counters.keep_elsewhere(None)
    assert cache.get("tries") == [1.5, 2.5]
    assert not cache.add("code", "y", timeout=60)
    assert cache.incr("number") == 2
    counters.keep_elsewhere(there)
    try:
        assert cache.get("tries") == [1.5, 2.5]
        assert cache.delete("code")
        assert cache.get("code", "nothing") == "nothing"
    finally:
        counters.keep_elsewhere(None)
        cache.clear()


def test_a_count_that_fails_is_refused_and_the_next_one_answered(small):
    from types import SimpleNamespace

    from onward.errors import OnwardError
    from onward.registry.web.helpers import Helpers, Wire

    ours, theirs = socket.socketpair()
    desk = threading.Thread(
        target=Helpers(0, theirs, {})._answer,
        args=(SimpleNamespace(asks=Wire(ours)),),
        daemon=True,
    )
    desk.start()
    asking = Wire(theirs)
    with pytest.raises(OnwardError, match="could not count"):
        asking.ask(["count", "incr", ["without how many"]])
    assert asking.ask(["count", "has_key", ["nothing"]]) is False
    asking.close()
    desk.join(5)
    assert not desk.is_alive()
