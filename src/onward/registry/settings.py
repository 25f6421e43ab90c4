"""What `operation.toml` says: the settings of one operation, read, checked and written.

Comes in: the file. Goes out: `Settings`, or everything that is wrong in it at once.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from onward.dates import NotADate, full_date
from onward.errors import Fault, Faults

SETTINGS = "operation.toml"

FILES, ENCRYPTED = "files", "encrypted"
"""What `store` says besides a PostgreSQL address."""


@dataclass(frozen=True)
class Settings:
    """What `operation.toml` says.

    id             short id written into every event
    title          what pages and reports are headed
    titles         the same in other languages: (language, title)
    kind           the kind of operation, as the rulebook's name
    time_zone      IANA name; "today" is a day there
    languages      BCP 47 tags of the languages people are informed in
    demonstration  everybody in it is invented; identity may be kept in clear
    deadline       id of the authority in plan.yaml whose end is the deadline; "" for none
    data_ends      the last day the record covers: the default as-of date. None: today
    store          "files" (in clear: demonstrations, or a purely pseudonymous record),
                   "encrypted" (`onward.db`), or a PostgreSQL address without a password
    key_file       opens an encrypted operation unattended; outside the folder. "": none
    """

    id: str
    title: str
    kind: str
    time_zone: str = "UTC"
    languages: tuple[str, ...] = ("en",)
    demonstration: bool = False
    deadline: str = ""
    data_ends: date | None = None
    store: str = FILES
    key_file: str = ""
    titles: tuple[tuple[str, str], ...] = ()

    def titled(self, language: str) -> str:
        """What the operation is called in a language; its one title where it has none in it."""
        return dict(self.titles).get(language.split("-")[0], self.title)

    @property
    def encrypted(self) -> bool:
        """Whether the record needs a key to be opened."""
        return self.store != FILES


def settings_text(settings: Settings) -> str:
    """`operation.toml` as people find it, with a word on each line."""
    languages = ", ".join(f'"{tag}"' for tag in settings.languages)
    ends = settings.data_ends.isoformat() if settings.data_ends else ""
    return f"""# The operation's settings. See docs/reference/operation.md.
id = {_toml(settings.id)}
title = {_toml(settings.title)}
kind = {_toml(settings.kind)}
time_zone = {_toml(settings.time_zone)}
languages = [{languages}]

# true only where everybody is invented: identity may then be kept in clear.
demonstration = {str(settings.demonstration).lower()}

# The authority in plan.yaml whose end is the deadline.
deadline = {_toml(settings.deadline)}

# The last day the record covers; without it, today.
{f"data_ends = {ends}" if ends else "# data_ends = 2026-06-30"}

# Where the record is kept: encrypted (onward.db), files (in clear, without identities), or a
# PostgreSQL address without a password.
store = {_toml(settings.store)}
{_key_line(settings)}{_titles(settings)}"""


def _key_line(settings: Settings) -> str:
    if not settings.key_file:
        return ""
    return f"\n# Opens the record unattended. Keep it on another disk than this folder.\nkey_file = {_toml(settings.key_file)}\n"


def _titles(settings: Settings) -> str:
    if not settings.titles:
        return ""
    lines = "".join(f"{language} = {_toml(title)}\n" for language, title in settings.titles)
    return f"\n# What the operation is called in other languages.\n[titles]\n{lines}"


def read_settings(file: Path) -> Settings:
    """The settings in a file; raises Faults with everything wrong in it."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Faults([Fault(str(file), "", "", f"not TOML: {error}")]) from None
    faults: list[Fault] = []

    def fault(field: str, found: str, allowed: str) -> None:
        faults.append(Fault(str(file), "", field, found, allowed))

    known = {field.name for field in fields(Settings)}
    for name in sorted(set(data) - known):
        fault(name, "an unknown setting", ", ".join(sorted(known)))
    for name in ("id", "title", "kind"):
        if not isinstance(data.get(name), str) or not data[name].strip():
            fault(name, "missing or not text", "text")
    if isinstance(data.get("id"), str) and not re.fullmatch(
        r"[A-Za-z0-9][\w.\-]{0,79}", data["id"]
    ):
        fault("id", "not an id", "letters, digits and . _ -")
    zone = data.get("time_zone", "UTC")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        fault("time_zone", "not a time zone", "an IANA name as Asia/Baghdad")
    languages = data.get("languages", ["en"])
    if not isinstance(languages, list) or not all(isinstance(tag, str) for tag in languages):
        fault("languages", "not a list of languages", 'a list as ["en", "fa"]')
    if not isinstance(data.get("demonstration", False), bool):
        fault("demonstration", "not true or false", "true or false")
    if not isinstance(data.get("deadline", ""), str):
        fault("deadline", "not text", "the id of an authority in plan.yaml")
    store = data.get("store", FILES)
    if not isinstance(store, str) or not (
        store in (FILES, ENCRYPTED) or store.startswith(("postgresql://", "postgres://"))
    ):
        fault(
            "store", "not a store", 'encrypted, files, or an address as "postgresql:///onward"'
        )
    elif re.match(r"\w+://[^/@]*:[^/@]*@", store):
        fault("store", "an address with a password", "one without: libpq reads ~/.pgpass")
    if not isinstance(data.get("key_file", ""), str):
        fault("key_file", "not text", "the path of a key file outside the operation folder")
    ends = data.get("data_ends")
    if isinstance(ends, str):
        try:
            ends = full_date(ends)
        except NotADate:
            fault("data_ends", "not a date", "a date as 2026-06-30")
    elif ends is not None and (not isinstance(ends, date) or isinstance(ends, datetime)):
        fault("data_ends", "not a date", "a date as 2026-06-30")
    titles = data.get("titles", {})
    if not isinstance(titles, dict) or not all(
        isinstance(title, str) and title.strip() for title in titles.values()
    ):
        fault("titles", "not titles by language", '[titles] with lines as fa = "…"')
    if faults:
        raise Faults(faults)
    return Settings(
        **{
            **data,
            "languages": tuple(languages),
            "data_ends": ends,
            "titles": tuple(titles.items()),
        }
    )


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
