"""Serves the desk on this machine, or refuses and says why.

Exists so that there is one way to start it and no unsafe one. In comes a folder and an address;
before the first page is served the store, the settings, the files' permissions and the address
have been looked at.
"""

from __future__ import annotations

import errno
import gc
import importlib.util
import ipaddress
import os
import resource
import socket
import stat
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from onward.engine.cores import cores
from onward.errors import OnwardError
from onward.registry.keyring import keys
from onward.registry.opening import open_operation

THREADS = 4
"""Requests at a time. More than a few for each core only wait for each other, and each keeps a
connection with its own memory."""


MOST_PROCESSES = 2
"""Processes that answer when nobody says how many. Each keeps the operation and the names it has
searched in memory, so more are asked for by whoever has cores and memory for them."""


NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"
"""The only way of sending mail that sends none."""


class NotSafe(OnwardError):
    """The desk was not started; each line says what is wrong and what to do."""


HAND_ON_SECONDS = 0.0005
"""How soon a thread that computes lets another go on that only asks the database in between:
with Python's own 5 ms a page of twenty-five short questions waits for each of its neighbours."""


def be_quick() -> None:
    """Set this process up to answer many short requests beside some long ones."""
    sys.setswitchinterval(HAND_ON_SECONDS)
    # What was loaded stays for good: no collection has to look through it again.
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class Setup:
    """What every process that answers for one desk is set up with.

    behind   public address of the proxy in front; "": none
    threads  requests at a time, in each process
    """

    behind: str = ""
    threads: int = THREADS


def serve(
    directory: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8077,
    behind: str = "",
    threads: int = THREADS,
    processes: int = 0,
    say: Callable[[str], None] = lambda text: None,
) -> None:
    """Serve until interrupted.

    processes  processes that answer; 0: one for each core, `MOST_PROCESSES` at most
    """
    operation = open_operation(directory)
    if not operation.settings.encrypted:
        raise NotSafe(
            f"{directory.name} keeps its record in plain files. The desk needs the encrypted "
            "store: make one with onward new DIR (or, to look around, onward new DIR --example "
            "meridian --key-file FILE)."
        )
    refuse_unsafe(directory, host, behind)
    if importlib.util.find_spec("waitress") is None:
        raise OnwardError(keys.MISSING_EXTRA)
    operation.store.head()
    # A dump of this process, or of one it starts, would hold the keys.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    setup = Setup(behind, threads)
    set_up(setup)
    from onward.registry.now import projection
    from onward.registry.now.judging import Judge
    from onward.registry.web import starting
    from onward.registry.web.helpers import Helpers
    from onward.registry.web.jobs import Worker

    say("Reading the record")
    projection.ensure(operation)
    if operation.settings.demonstration:
        _demonstration(host if not behind else "0.0.0.0", say)
    listening = listen(host, port)
    more = (processes or min(cores(), MOST_PROCESSES)) - 1
    beside = (Worker(), Judge(), Helpers(more, listening, asdict(setup)))
    for each in beside:
        each.start()
    say(f"The desk is open at {behind or f'http://{host}:{port}'}. Stop it with Ctrl-C.")
    try:
        answer(listening, setup)
    finally:
        for each in beside:
            each.stop()
        starting.close_site()


def set_up(setup: Setup) -> None:
    """Django as this desk needs it; raises NotSafe when it is not set as it must be."""
    from django.conf import settings

    if setup.behind:
        address = urlsplit(setup.behind)
        settings.ALLOWED_HOSTS = [str(address.hostname)]
        settings.CSRF_TRUSTED_ORIGINS = [setup.behind.rstrip("/")]
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
        settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
        settings.SECURE_HSTS_SECONDS = 31_536_000
    refuse_settings()


def listen(host: str, port: int) -> socket.socket:
    """A socket of this machine's own address to which nobody else listens."""
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise OnwardError(
            f"Port {port} of this machine is in use: the desk may be open already. Choose another "
            f"with --port {port + 1}."
        ) from None


def answer(listening: socket.socket, setup: Setup) -> None:
    """Answer what is asked at a socket, until interrupted; several processes may do so at one."""
    from waitress import create_server
    from waitress.channel import HTTPChannel
    from waitress.parser import HTTPRequestParser

    class Parser(HTTPRequestParser):  # type: ignore[misc]
        """Every connection ends with its answer, so that each request is taken by a process that
        is idle and not by the one that happened to answer the last. On this machine's own
        address, or from the proxy, a new connection costs next to nothing."""

        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            self.headers["CONNECTION"] = "close"

    class Channel(HTTPChannel):  # type: ignore[misc]
        parser_class = Parser

    made = application()
    be_quick()
    # No access log: it would hold whom somebody looked at.
    server: Any = create_server(
        made, sockets=[listening], threads=setup.threads, ident=None,
        clear_untrusted_proxy_headers=not setup.behind,
        **({"trusted_proxy": "127.0.0.1", "trusted_proxy_headers": "x-forwarded-proto x-forwarded-for"}
           if setup.behind else {}),
        inbuf_overflow=32 * 2**20, outbuf_overflow=64 * 2**20,
        max_request_body_size=24 * 2**20,
    )  # fmt: skip
    server.channel_class = Channel
    server.run()


def application() -> Any:
    """The WSGI application of the site that is open, with every page loaded: nobody's first
    request waits for that."""
    from django.core.wsgi import get_wsgi_application
    from django.urls import get_resolver

    made = get_wsgi_application()
    _ = get_resolver().url_patterns
    return made


def refuse_unsafe(directory: Path, host: str, behind: str) -> None:
    """Raise NotSafe for an address or a folder from which others could reach the record."""
    wrong = []
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        wrong.append(
            f"--host {host}: other machines could connect without encryption. Keep 127.0.0.1 and "
            "put a TLS proxy of this machine in front (--behind https://…)."
        )
    if behind and (urlsplit(behind).scheme != "https" or not urlsplit(behind).hostname):
        wrong.append(
            f"--behind {behind}: expected the proxy's address, as https://desk.example."
        )
    for path in (directory / keys.KEYS, directory / "onward.db"):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            wrong.append(f"{path.name} can be read by others; close it with: chmod 600 {path}")
    if not directory.is_dir() or stat.S_IMODE(directory.stat().st_mode) & 0o002:
        wrong.append(
            f"{directory} can be written by anybody; close it with: chmod 700 {directory}"
        )
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        wrong.append("DJANGO_SETTINGS_MODULE is set; unset it, Onward has its own settings.")
    if wrong:
        raise NotSafe("The desk was not started.\n" + "\n".join(f"  {line}" for line in wrong))


def refuse_settings() -> None:
    """Raise NotSafe when Django is not set as it must be."""
    from django.conf import settings

    wrong = []
    if settings.DEBUG:
        wrong.append("DEBUG is on: errors would show the record.")
    if "*" in settings.ALLOWED_HOSTS or not settings.ALLOWED_HOSTS:
        wrong.append("ALLOWED_HOSTS allows every name.")
    if settings.DATABASES["default"].get("ATOMIC_REQUESTS"):
        wrong.append("ATOMIC_REQUESTS is on.")
    if settings.FILE_UPLOAD_HANDLERS != ["onward.registry.importing.uploads.MemoryOnly"]:
        wrong.append("Uploads could be written to temporary files in clear.")
    if settings.ADMINS or settings.MANAGERS or settings.EMAIL_BACKEND != NO_MAIL:
        wrong.append("Mail is on: it would carry what people typed.")
    if len(settings.SECRET_KEY) < 64:
        wrong.append("The secret key is too short.")
    if wrong:
        raise NotSafe("The desk was not started.\n" + "\n".join(f"  {line}" for line in wrong))


def _demonstration(host: str, say: Callable[[str], None]) -> None:
    from onward.registry.permissions.demo_accounts import make_demo_accounts

    made = make_demo_accounts(host)
    if not made:
        return
    password = next(iter(made.values()))
    say("\nDemonstration accounts, shown once. Everybody in this operation is invented.")
    say(f"  Password of all of them: {password}")
    for name in made:
        say(f"  {name}")
    say("  The second step shows its code on the page, in a demonstration only.\n")
