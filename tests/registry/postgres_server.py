"""A PostgreSQL server for one test run: a new cluster in a temporary folder, on a socket only.

Debian's own binaries; run as an unprivileged user, because the server refuses root. Ends with
the process that started it.
"""

from __future__ import annotations

import atexit
import itertools
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

OWNER, DESK, REPORT = "onward_owner", "onward_desk", "onward_report"
ENOUGH = 4 << 30
"""Bytes free: a run's databases take some hundred megabytes."""


class Server:
    """One cluster: databases by address."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found:
            raise RuntimeError(
                "PostgreSQL is not installed: apt-get install postgresql (make test does it)"
            )
        self.bin = found[-1].parent
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        self.folder = Path(tempfile.mkdtemp(prefix="onward-pg-", dir=_where()))
        self.folder.chmod(0o755)
        if os.getuid() == 0:
            shutil.chown(self.folder, self.user)
        self._numbers = itertools.count(1)
        self._copies: dict[str, Path] = {}
        data = self.folder / "data"
        self._run("initdb", "-D", str(data), "-U", "boss", "--auth=trust", "-E", "UTF8", "--no-sync",
                  "--locale=C.UTF-8")  # fmt: skip
        options = f"-c listen_addresses='' -k {self.folder} -c max_connections=60"
        options += " -c shared_preload_libraries=pg_stat_statements -c max_wal_size=128MB"
        self._run("pg_ctl", "-D", str(data), "-o", options, "-l", str(self.folder / "log"), "-w",
                  "start")  # fmt: skip
        atexit.register(self.stop)
        for role in (OWNER, DESK, REPORT):
            self.sql("postgres", f"CREATE ROLE {role} LOGIN")

    def stop(self) -> None:
        data = self.folder / "data"
        self._run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> str:
        command = [str(self.bin / program), *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", self.user, "--", *command]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", close_fds=True,
                              stdin=subprocess.DEVNULL)  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr or done.stdout}")
        return done.stdout

    def sql(self, database: str, text: str, user: str = "boss") -> str:
        return self._run(
            "psql", "-h", str(self.folder), "-U", user, "-d", database, "-Atqc", text
        )

    def address(self, database: str, user: str = DESK) -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def new_database(self, name: str) -> str:
        """An empty database; returns the address as the desk's role."""
        self.sql("postgres", f'CREATE DATABASE "{name}" OWNER {OWNER}')
        os.environ["ONWARD_STORE_OWNER"] = OWNER
        return self.address(name)

    def copy_of(self, address: str, folder: Path) -> str:
        """A copy of a database nobody is connected to; it lasts as long as the folder it is for.

        A copy takes some ten megabytes, and a run makes more than a thousand.
        """
        for gone in [copy for copy, of in self._copies.items() if not of.exists()]:
            self.sql("postgres", f'DROP DATABASE IF EXISTS "{gone}" WITH (FORCE)')
            del self._copies[gone]
        name = re.search(r"@/([^?]+)", address).group(1)  # type: ignore[union-attr]
        copy = f"copy_{os.getpid()}_{next(self._numbers)}"
        self.sql("postgres", f'CREATE DATABASE "{copy}" TEMPLATE "{name}" OWNER {OWNER}')
        self._copies[copy] = folder
        return self.address(copy)


def _where() -> str | None:
    """The folder for the cluster: memory, where there is enough of it.

    Every database made or dropped waits for the disk, thousands of times, and the desk opens no record on a
    server that does not wait. What the tests kill are writers, never the server or the machine."""
    memory = "/dev/shm"
    if os.path.isdir(memory) and shutil.disk_usage(memory).free >= ENOUGH:
        return memory
    return None


@cache
def running() -> Server:
    return Server()
