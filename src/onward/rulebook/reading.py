"""Walks a YAML file node by node, so that every fault is found at once and has a line.

Rulebooks, floors and situations are written by people who are not programmers; "unexpected
token" helps none of them. In comes a file's bytes; out come plain values and a list of faults
(unknown or missing key, key written twice, wrong type, unknown name). No YAML tag constructs
an object, and nothing outside the file is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from onward.errors import Fault, Faults, OnwardError, one_of
from onward.said import Said, form, typed

MAX_BYTES = 2_000_000


def read_bytes(path: Path, what: str, *, called: str = "") -> bytes:
    """The bytes of a small file, with a message a person can act on when it is not there.

    called  what the message calls the file; left out: its path
    """
    called = called or str(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise OnwardError(f"{called}: larger than {MAX_BYTES:,} bytes; not a {what} file.")
        return path.read_bytes()
    except OSError as error:
        reason = (
            "is a folder" if path.is_dir() else (error.strerror or "cannot be read").lower()
        )
        raise OnwardError(
            f"{called}: {reason}; expected a {what} file. Check the path."
        ) from None


class Reader:
    """Walks a YAML file node by node and collects faults instead of stopping at the first.

    Every method returns a usable value after noting a fault, so that the rest of the file is
    still read; `finish` raises when anything was noted. No YAML tag constructs an object.
    """

    def __init__(self, file: str, data: bytes) -> None:
        self.file = file
        self.data = data
        self.faults: list[Fault] = []
        self.text = ""
        self.root: yaml.Node | None = None
        try:
            self.text = data.decode("utf-8-sig")
            self.root = yaml.compose(self.text, Loader=_LOADER)
        except UnicodeDecodeError:
            raise Faults(
                [Fault(file, "", "", "not UTF-8 text", "a YAML file in UTF-8")]
            ) from None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = Said("line %(line)s", line=mark.line + 1) if mark else ""
            said = getattr(error, "problem", None) or "not YAML"
            raise Faults(
                [Fault(file, where, "", Said("not readable as YAML (%(a)s)", a=said), "a YAML file",
                       "Check the indentation, colons and quotes around this line.")]
            ) from None  # fmt: skip
        if self.root is None:
            raise Faults([Fault(file, "", "", "an empty file", "a YAML file")])

    def fault(
        self,
        at: yaml.Node | int | None,
        field: str,
        found: str,
        allowed: str = "",
        do: str = "",
    ) -> None:
        line = at if isinstance(at, int) else line_of(at)
        where = Said("line %(line)s", line=line) if line else ""
        self.faults.append(Fault(self.file, where, field, found, allowed, do))

    def in_order(self) -> list[Fault]:
        """Every fault once, in the order of the file."""
        return list(dict.fromkeys(sorted(self.faults, key=lambda f: _line_number(f.where))))

    def finish(self) -> None:
        if self.faults:
            raise Faults(self.in_order())

    # -- values -------------------------------------------------------------------------------
    def mapping(
        self,
        node: yaml.Node | None,
        path: str,
        *,
        required: Iterable[str] = (),
        optional: Iterable[str] = (),
        free: bool = False,
    ) -> dict[str, yaml.Node]:
        """The entries of a mapping by key. With `free`, any key that is text is accepted."""
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, path, describe(node), "a mapping (key: value)")
            return {}
        required, optional = tuple(required), tuple(optional)
        known = (*required, *optional)
        entries: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith((":str", ":value")):
                self.fault(key, path, Said("the key %(a)s", a=describe(key)), "a word as key",
                           "Put it in quotes if it is meant as text.")  # fmt: skip
            elif key.value in entries:
                self.fault(key, join_path(path, key.value), "written twice", "each key once",
                           Said("It already stands in line %(a)s.", a=line_of(entries[key.value])))  # fmt: skip
            elif not free and key.value not in known:
                self.fault(key, join_path(path, key.value), "an unknown key", one_of(known))
            else:
                entries[key.value] = value
        for key in required:
            if key not in entries:
                self.fault(node, join_path(path, key), "missing", "a value here")
        return entries

    def items(self, node: yaml.Node | None, path: str) -> list[yaml.Node]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.fault(node, path, describe(node), "a list in [brackets]")
            return []
        return list(node.value)

    def scalar(self, node: yaml.Node | None, path: str, kind: str) -> str | None:
        """The text of a scalar of the wanted kind (str, int, bool), or None after a fault."""
        if node is None:
            return None
        wanted = _KINDS[kind]
        if not isinstance(node, yaml.ScalarNode) or not node.tag.endswith(f":{kind}"):
            hint = ""
            if kind == "str" and isinstance(node, yaml.ScalarNode):
                hint = "Put it in quotes if it is meant as text."
            self.fault(node, path, describe(node), wanted, hint)
            return None
        return str(node.value)

    def string(self, node: yaml.Node | None, path: str, *, empty: bool = False) -> str:
        value = self.scalar(node, path, "str")
        if value is not None and not value.strip() and not empty:
            self.fault(node, path, "an empty text", "some text")
        return " ".join((value or "").split())

    def integer(self, node: yaml.Node | None, path: str, *, least: int = 0) -> int:
        value = self.scalar(node, path, "int")
        try:
            number = least if value is None else int(value.replace("_", ""), 10)
        except ValueError:
            number = least
            self.fault(node, path, typed(value), "a whole number in ordinary digits")
        if number < least:
            self.fault(node, path, str(number), Said("%(a)s or more", a=least))
        return number

    def boolean(self, node: yaml.Node | None, path: str) -> bool:
        value = self.scalar(node, path, "bool")
        if value is not None and value.lower() not in ("true", "false"):
            self.fault(node, path, value, "true or false")
        return (value or "").lower() == "true"

    def choice(self, node: yaml.Node | None, path: str, allowed: Iterable[str]) -> str:
        value = self.scalar(node, path, "str")
        allowed = tuple(allowed)
        if value is not None and value not in allowed:
            self.fault(node, path, typed(value), one_of(allowed))
        return value or ""

    def strings(self, node: yaml.Node | None, path: str) -> tuple[str, ...]:
        found = [self.string(item, path) for item in self.items(node, path)]
        for value in sorted({value for value in found if value and found.count(value) > 1}):
            self.fault(node, path, Said("%(a)s twice", a=typed(value)), "each value once")
        return tuple(dict.fromkeys(value for value in found if value))

    def name(
        self, key: str, node: yaml.Node, path: str, pattern: re.Pattern[str], say: str
    ) -> None:
        if not pattern.match(key):
            self.fault(node, path, Said("the name %(a)s", a=typed(key)), say)

    def refers(
        self, node: yaml.Node | None, path: str, value: str, known: Iterable[str], what: str
    ) -> bool:
        """Note a fault unless `value` is a known name; an empty value was noted before."""
        known = tuple(known)
        if value and value not in known:
            found = Said("no %(a)s called %(b)s", a=what, b=typed(value))
            self.fault(node, path, found, one_of(known))
            return False
        return bool(value)


_KINDS = {
    "str": form("text"), "int": form("a whole number"), "bool": form("true or false"),
}  # fmt: skip
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def line_of(node: yaml.Node | None) -> int:
    return node.start_mark.line + 1 if node is not None else 0


def join_path(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def describe(node: yaml.Node) -> str:
    """What stands there, as a person would say it."""
    if isinstance(node, yaml.MappingNode):
        return form("a mapping")
    if isinstance(node, yaml.SequenceNode):
        return form("a list")
    value = str(node.value)
    if node.tag.endswith(":null"):
        return form("nothing")
    if node.tag.endswith(":str"):
        return typed(value if len(value) <= 60 else value[:57] + "...")
    if node.tag.startswith("tag:yaml.org,2002:"):
        return Said("%(a)s (read as %(b)s)", a=value, b=node.tag.rsplit(":", 1)[1])
    return Said("the tag %(a)s", a=node.tag)


def _line_number(where: str) -> int:
    return int(where.removeprefix("line ")) if where.startswith("line ") else 0
