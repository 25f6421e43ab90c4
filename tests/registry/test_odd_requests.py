"""What no browser sends: names of other machines, headers of a proxy that is not there, broken
bodies, tricks with addresses. Asked of `onward serve` itself through plain sockets, and of every
address with values that no form can give."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import registry_cast as people

from onward.registry.web import starting

PUBLIC_NAME = "desk.example"
CANARY = "Zarqandkwiu"


class Served:
    """`onward serve`, and plain sockets to it. What it says goes to files that are read at the end."""

    def __init__(self, folder: Path, *more: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.said = folder.parent / f"said-{self.port}"
        with open(self.said, "wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from onward.cli.main import main; main()", "serve",
                 str(folder), "--port", str(self.port), "--processes", "1", *more],
                stdout=said, stderr=said,
                env={**os.environ, "ONWARD_KEY_FILE": str(folder.with_name(folder.name + ".key"))},
            )  # fmt: skip
        end = time.monotonic() + 120
        while b"The desk is open" not in self.said.read_bytes():
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < end, self.said.read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def raw(self, data: bytes) -> bytes:
        """What comes back for some bytes, until the desk closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as wire:
            with contextlib.suppress(OSError):
                wire.sendall(data)
                wire.shutdown(socket.SHUT_WR)
            found = b""
            with contextlib.suppress(OSError):
                while part := wire.recv(65536):
                    found += part
            return found

    def ask(
        self, address: str, *headers: str, method: str = "GET", body: bytes = b"",
        host: str = "", silent: bool = False,
    ) -> tuple[int, str]:  # fmt: skip
        """(status, answer). silent: no answer at all will do as well."""
        lines = [f"{method} {address} HTTP/1.1", *headers]
        if not any(line.lower().startswith("host:") for line in headers):
            lines.insert(1, f"Host: {host or f'127.0.0.1:{self.port}'}")
        if body:
            lines += ["Content-Type: application/x-www-form-urlencoded",
                      f"Content-Length: {len(body)}"]  # fmt: skip
        answer = self.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        if silent and not answer:
            return 400, ""
        assert answer.startswith(b"HTTP/1."), answer[:200]
        return int(answer.split(b" ", 2)[1]), answer.decode("utf-8", "replace")

    def form(self, host: str = "", *headers: str) -> tuple[str, str]:
        """(cookie, token) of the page to sign in."""
        _, page = self.ask("/sign-in/", *headers, host=host)
        cookie = re.search(r"work-form=(\w+)", page)[1]  # type: ignore[index]
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]  # type: ignore[index]
        return cookie, token


def harmless(status: int, text: str) -> None:
    """No error of ours, nothing of the inside, and nobody is sent elsewhere."""
    head, _, body = text.partition("\r\n\r\n")
    # How a body is cut up that this server does not know: the standard's own word for it.
    assert status < 500 or (status == 501 and "Transfer-Encoding requested" in body), text[:500]
    assert "Traceback" not in text
    assert "site-packages" not in text
    assert not re.findall(r"""(?i)(?:href|src|action|hx-\w+)=["'][^"']*evil""", body)
    for where in re.findall(r"(?im)^location:\s*(\S+)", head):
        assert where.startswith("/"), where
        assert not where.startswith(("//", "/\\")), where


@pytest.fixture(scope="module")
def world(small_template, tmp_path_factory):
    import onward_test_site as operations

    folder = tmp_path_factory.mktemp("odd") / "meridian"
    operations.unlocked(operations.copied(small_template, folder))
    people.account("amina", "protection_officer", password=people.PASSWORD)
    people.account("bilal", "interviewer", password=people.PASSWORD)
    account = people.account("chantal", "supervisor", password=people.PASSWORD)
    starting.close_site()
    # Nobody demonstrates to the outside: the same, no demonstration, for the desk behind a proxy.
    public = operations.copied(folder, folder.with_name("public"))
    settings = public / "operation.toml"
    text = settings.read_text("utf-8")
    assert "demonstration = true" in text
    settings.write_text(text.replace("demonstration = true", "demonstration = false"), "utf-8")
    return folder, account, public


@pytest.fixture(scope="module")
def desk(world):
    made = Served(world[0])
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def behind(world):
    made = Served(world[2], "--behind", f"https://{PUBLIC_NAME}")
    try:
        yield made
    finally:
        made.stop()


OTHER_HOSTS = (
    "evil.example", "evil.example:8077", "127.0.0.1@evil.example", "127.0.0.1.evil.example", "testserver",
    "evil.example#127.0.0.1", "[::1", "[::1]evil.example", "localhost, evil.example", "127.0.0.1:99:88",
    "localhost%00.evil.example", "*", ".localhost", "xn--localhost-", "0x7f000001", "2130706433",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHER_HOSTS)
def test_a_name_that_is_not_the_desks_own_gets_no_page(desk, name):
    for address in ("/sign-in/", "/", "/people"):
        status, text = desk.ask(address, host=name)
        harmless(status, text)
        assert status == 400, (name, address, status)


@pytest.mark.slow
def test_its_own_names_are_answered_and_none_of_a_proxy_that_is_not_there(desk):
    assert desk.ask("/sign-in/", host="localhost")[0] == 200
    assert desk.ask("/sign-in/", host=f"127.0.0.1:{desk.port}")[0] == 200
    for header in ("X-Forwarded-Host: evil.example", "X-Forwarded-Server: evil.example",
                   "X-Host: evil.example", "Forwarded: host=evil.example;proto=https",
                   "X-Original-URL: /people/", "X-Rewrite-URL: /people/",
                   "X-Forwarded-Proto: https", "X-Forwarded-Port: 443", "X-Forwarded-Prefix: //evil.example"):  # fmt: skip
        status, text = desk.ask("/people", header)
        harmless(status, text)
        assert status in (301, 302), header
        assert desk.ask("/sign-in/", header)[0] == 200, header
        # Nobody has said https here: the cookie is not kept back, nothing is promised for later.
        assert "strict-transport-security" not in desk.ask("/sign-in/", header)[1].lower()


@pytest.mark.slow
@pytest.mark.parametrize(
    "lines",
    [
        ("Host: 127.0.0.1", "Host: evil.example"),
        ("Host: evil.example", "Host: 127.0.0.1"),
        ("Host: 127.0.0.1", "Host : evil.example"),
        ("Host: 127.0.0.1", "Content-Length: 3", "Content-Length: 30"),
        ("Host: 127.0.0.1", "Content-Length: 3", "Transfer-Encoding: chunked"),
        ("Host: 127.0.0.1", "Transfer-Encoding: chunked, identity"),
        ("Host: 127.0.0.1", "Transfer-Encoding: xchunked"),
        ("Host: 127.0.0.1", "Content-Length: -1"),
        ("Host: 127.0.0.1", "Content-Length: +3"),
        ("Host: 127.0.0.1", "Content-Length: 0x10"),
        ("Host: 127.0.0.1", "Cookie: work=a", "Cookie: work=b"),
        ("Host: 127.0.0.1", "Cookie: " + "work=" + "a" * 3000),
        ("Host: 127.0.0.1", " folded: evil.example"),
        ("Host: 127.0.0.1", "X_Forwarded_For: 1.2.3.4", "X-Forwarded-For: 1.2.3.4"),
        ("Host: 127.0.0.1", "A" * 300_000 + ": a"),
        ("Host: 127.0.0.1", *(f"X-{n}: {'a' * 900}" for n in range(400))),
        ("Host: 127.0.0.1", "Content-Length: 99999999999999999999"),
        ("Host: 127.0.0.1", "Expect: 100-continue", "Content-Length: 1"),
        ("Host: 127.0.0.1", "Accept-Language: " + "fa," * 20_000),
        ("Host: 127.0.0.1", "Accept-Language: ../../etc"),
        ("Host: 127.0.0.1", "HX-Current-URL: https://evil.example/", "HX-Request: true"),
    ],
    ids=lambda lines: lines[-1][:30],
)
def test_headers_that_are_broken_doubled_or_too_large_break_nothing(desk, lines):
    for method in ("GET", "POST"):
        harmless(*desk.ask("/sign-in/", *lines, method=method, silent=True))
    assert desk.ask("/sign-in/")[0] == 200


@pytest.mark.slow
def test_a_name_given_twice_is_refused(desk):
    for lines in (
        ("Host: 127.0.0.1", "Host: evil.example"),
        ("Host: evil.example", "Host: 127.0.0.1"),
    ):
        assert desk.ask("/sign-in/", *lines)[0] == 400


PATHS = (
    "/%2e%2e/%2e%2e/etc/passwd", "/static/../../../onward.db", "/static/%2e%2e/%2e%2e/%2e%2e/keys.json",
    "/static/..%2f..%2fkeys.json", "/static/..\\..\\keys.json", "/static//etc/passwd", "/static/%00", "//evil.example/",
    "//evil.example", "//evil.example/people", "/\\evil.example", "/%5cevil.example", "/%2f%2fevil.example", "/people//H1-P1/",
    "/people/H1-P1;x=1/", "/people/;/H1-P1/", "/people/H1-P1./", "/people/H1-P1%20/", "/people/H1-P1%00/", "/people/%ff/",
    "/people/%c0%ae/", "/people/H1-P1/..;/", "/./people/", "/people/%252e%252e/", "/people/" + "a" * 20_000 + "/",
    "http://evil.example/people/", "http://evil.example", "https://127.0.0.1/people/", "/sign-in/?next=//evil.example",
    "/sign-in/?next=https://evil.example/", "/sign-in/?next=%5c%5cevil.example", "/sign-in/again/?next=javascript:1",
    "/sign-in/?" + "a=1&" * 3000, "/sign-in/?%00=%00", "/PEOPLE/", "/people/?", "*", "/people/\x0bH1-P1/", "/people/H1-P1/#a",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:40])
def test_tricks_with_an_address_open_nothing(desk, path):
    for method in ("GET", "HEAD", "OPTIONS"):
        status, text = desk.ask(path, method=method)
        harmless(status, text)
        assert "root:" not in text
        assert status != 200 or "/sign-in/" in path or method == "OPTIONS", (path, status)


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "FOO", "get"]
)
def test_another_method_does_nothing(desk, method):
    for address in ("/sign-in/", "/people/H1-P1/", "/static/desk/desk.css", "/", "/blank/"):
        status, text = desk.ask(address, f"X-Probe: {CANARY}", method=method)
        harmless(status, text)
        assert CANARY not in text, "what was sent is not sent back"
    # Nor is another method taken from a header or a field.
    for header in (
        "X-HTTP-Method-Override: POST",
        "X-HTTP-Method: DELETE",
        "X-Method-Override: PUT",
    ):
        status, text = desk.ask("/leave/", header)
        harmless(status, text)
        assert status in (302, 403, 405), header


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [
        ("Origin: https://evil.example",),
        ("Origin: null",),
        ("Origin: http://127.0.0.1.evil.example",),
        ("Referer: https://evil.example/", "Origin: http://evil.example"),
        ("Origin: http://127.0.0.1",),
    ],
    ids=lambda headers: headers[0],
)
def test_a_form_of_another_site_is_refused(desk, headers):
    cookie, token = desk.form()
    body = f"csrfmiddlewaretoken={token}&login=amina&password={people.PASSWORD}".encode()
    status, text = desk.ask(
        "/sign-in/", f"Cookie: work-form={cookie}", *headers, method="POST", body=body
    )
    harmless(status, text)
    assert status == 403, headers


@pytest.mark.slow
@pytest.mark.parametrize("size", [25 * 2**20, 60 * 2**20])
def test_a_body_that_is_too_large_is_refused_before_it_is_read(desk, size):
    head = (f"POST /sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            f"Content-Length: {size}\r\n\r\n")  # fmt: skip
    answer = desk.raw(head.encode() + b"x")
    assert answer.split(b" ")[1] == b"413"
    chunks = b"POST /sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    assert desk.raw(chunks).split(b" ")[1] in (b"400", b"411")


@pytest.mark.slow
@pytest.mark.parametrize("which", ["desk", "behind"])
def test_no_header_gets_anybody_a_further_try(which, request):
    """Ten wrong passwords, each from another address if one believed the header."""
    served = request.getfixturevalue(which)
    host = PUBLIC_NAME if which == "behind" else ""
    mine = "203.0.113.7"

    def headers(number: int) -> tuple[str, ...]:
        forged = f"198.51.100.{number}"
        if which == "desk":
            return (f"X-Forwarded-For: {forged}", f"X-Real-IP: {forged}", f"Forwarded: for={forged}",
                    f"Client-IP: {forged}", f"X_Forwarded_For: {forged}")  # fmt: skip
        # A proxy adds the address it sees after what it was sent.
        return (f"X-Forwarded-For: {forged}, {mine}", f"Forwarded: for={forged}", f"X-Real-IP: {forged}",
                "X-Forwarded-Proto: https", f"Origin: https://{PUBLIC_NAME}")  # fmt: skip

    cookie, token = served.form(host, *headers(0))
    name, other = ("amina", "bilal") if which == "desk" else ("bilal", "amina")

    def attempt(who: str, password: str, *said: str) -> int:
        body = f"csrfmiddlewaretoken={token}&login={who}&password={password}"
        status, text = served.ask(
            "/sign-in/", f"Cookie: work-form={cookie}", *said,
            method="POST", body=body.encode(), host=host,
        )  # fmt: skip
        harmless(status, text)
        return status

    assert attempt(name, people.PASSWORD, *headers(0)) == 302, "the password is right"
    found = [attempt(name, "wrong", *headers(number)) for number in range(1, 11)]
    assert 429 in found, found
    assert attempt(name, people.PASSWORD, *headers(11)) != 302, found
    if which == "behind":  # and nobody is locked out from where they really are
        theirs = [line.replace(mine, "203.0.113.8") for line in headers(12)]
        assert attempt(name, people.PASSWORD, *theirs) == 302
    assert attempt(other, people.PASSWORD, *headers(13)) == 302


@pytest.mark.slow
def test_signing_in_and_choosing_a_language_lead_to_no_other_site(world, desk):
    cookie, token = desk.form()
    for away in ("//evil.example", "/\\evil.example", "https://evil.example/", "/\t/evil.example",
                 "javascript:alert(1)", "/%5cevil.example"):  # fmt: skip
        form = f"csrfmiddlewaretoken={token}&language=fr&next={away}".encode()
        for more in ((), ("Referer: https://evil.example/x",)):
            status, text = desk.ask(
                "/language/", f"Cookie: work-form={cookie}", *more, method="POST", body=form
            )
            harmless(status, text)
            assert status == 303
        form = (
            f"csrfmiddlewaretoken={token}&login=chantal&password={people.PASSWORD}&next={away}"
        )
        status, text = desk.ask(
            "/sign-in/", f"Cookie: work-form={cookie}", method="POST", body=form.encode()
        )
        harmless(status, text)
        assert status == 302
    jar = "; ".join(
        [f"work-form={cookie}", *re.findall(r"(?im)^set-cookie:\s*(work=\w+)", text)]
    )
    where = re.search(r"(?im)^location:\s*(\S+)", text)[1]
    page = desk.ask(where, f"Cookie: {jar}")[1]
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    form = f"csrfmiddlewaretoken={token}&code={people.code(world[1].secret)}&next=https://evil.example/"
    status, text = desk.ask(where, f"Cookie: {jar}", method="POST", body=form.encode())
    harmless(status, text)
    assert status == 302, text[:300]


@pytest.mark.slow
def test_behind_a_proxy_only_its_public_name_is_answered(behind):
    said = ("X-Forwarded-Proto: https", "X-Forwarded-For: 203.0.113.9")
    assert behind.ask("/sign-in/", *said, host=PUBLIC_NAME)[0] == 200
    for name in ("127.0.0.1", "localhost", "evil.example", f"{PUBLIC_NAME}.evil.example"):
        status, text = behind.ask(
            "/sign-in/", *said, f"X-Forwarded-Host: {PUBLIC_NAME}", host=name
        )
        harmless(status, text)
        assert status == 400, name
    status, text = behind.ask(
        "/people", *said, "X-Forwarded-Host: evil.example", host=PUBLIC_NAME
    )
    harmless(status, text)
    _, text = behind.ask("/sign-in/", *said, host=PUBLIC_NAME)
    kept = re.search(r"(?im)^set-cookie:\s*work-form=.*$", text)
    assert kept, text.partition("\r\n\r\n")[0]
    assert "secure" in kept[0].lower()
    assert "strict-transport-security" in text.lower()


@pytest.mark.slow
def test_the_desk_writes_nothing_of_what_it_was_sent(desk):
    """Neither standard output nor error, as a service manager would keep them: no address, no value."""
    for address in (f"/people/{CANARY}/", f"/{CANARY}/?q={CANARY}", f"/static/{CANARY}"):
        desk.ask(address)
    cookie, token = desk.form()
    body = f"csrfmiddlewaretoken={token}&login={CANARY}&password={CANARY}".encode()
    desk.ask("/sign-in/", f"Cookie: work-form={cookie}", method="POST", body=body)
    desk.ask("/sign-in/", host=f"{CANARY}.example")
    desk.raw(
        f"GET /{CANARY} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {CANARY}\r\n\r\n".encode()
    )
    desk.raw(f"{CANARY} {CANARY} {CANARY}\r\n\r\n".encode())
    said = desk.said.read_text()
    assert CANARY.lower() not in said.lower(), said
    assert "Traceback" not in said, said
    assert "evil.example" not in said, said
    environment = Path(f"/proc/{desk.process.pid}/environ").read_bytes()
    assert CANARY.encode() not in environment
    limits = Path(f"/proc/{desk.process.pid}/limits").read_text()
    assert re.search(r"Max core file size\s+0\s+0", limits)


# -- values that no form can give -------------------------------------------------------------------


def test_a_value_that_no_database_takes_is_refused_everywhere(small):
    """Signed in or not, in an address, a query, a form or a cookie: 4xx, on both databases."""
    from django.conf import settings
    from django.test import Client

    officer = people.signed_in(people.account("amina", "protection_officer"))
    officer.raise_request_exception = False
    stranger = Client(raise_request_exception=False)
    for client in (officer, stranger):
        for address in (
            "/people/%00/",
            "/people/H1-P1%00/timeline/",
            "/households/%00/",
            "/sheets/%00/fa/",
        ):
            assert client.get(address).status_code in (302, 400, 404), address
        for address in (
            "/people/?q=%00",
            "/people/?stage=a%00",
            "/sign-in/?next=%00",
            "/audit/?days=%00",
        ):
            assert client.get(address).status_code in (302, 400, 403), address
        for address in (
            "/sign-in/",
            "/people/search/",
            "/start/",
            "/breaches/",
            "/people/H1-P1/identity/",
        ):
            given = dict.fromkeys(
                ("q", "login", "password", "code", "username", "what", "purpose"), "a\x00"
            )
            assert client.post(address, given).status_code in (302, 303, 400, 403, 404), address
    for name in (
        settings.SESSION_COOKIE_NAME,
        settings.CSRF_COOKIE_NAME,
        settings.LANGUAGE_COOKIE_NAME,
    ):
        odd = Client(raise_request_exception=False)
        odd.cookies[name] = "a"
        odd.cookies[name].set(name, "a\x00b", "a\x00b")
        assert odd.get("/people/").status_code in (302, 400), name
