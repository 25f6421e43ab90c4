"""What is counted for minutes only: wrong passwords, requests for a page, codes used already.

Exists because these must hold for the whole desk and must not lie on a disk. They stay in the
memory of the process that serves the desk; where several serve it (`helpers`), all of them ask that
one, so that nobody has a second try by coming to another process. Django's cache interface comes
in, because the packages for signing in count through it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache

Ask = Callable[[str, list[Any]], Any]

MOST = 100_000
"""Counts kept. With Django's own 300, whoever made many would push a used code out."""

_elsewhere: Ask | None = None


def keep_elsewhere(ask: Ask | None) -> None:
    """Let every count of this process be kept by another; None: keep them here."""
    global _elsewhere
    _elsewhere = ask


def answer(method: str, given: list[Any]) -> Any:
    """What another process asked of the counts kept here."""
    from django.core.cache import cache

    if method not in ASKED:
        raise ValueError(method)
    key, *rest = given
    if method in ("add", "set"):
        value, seconds = rest
        return getattr(cache, method)(key, value, DEFAULT_TIMEOUT if seconds == "" else seconds)
    if method == "touch":
        return cache.touch(key, DEFAULT_TIMEOUT if rest[0] == "" else rest[0])
    if method == "incr":
        try:
            return cache.incr(key, rest[0])
        except ValueError:
            return None
    return getattr(cache, method)(key)


ASKED = frozenset({"add", "set", "get", "touch", "incr", "delete", "has_key"})


class Counters(LocMemCache):
    """The counts of the desk, here or in the process that keeps them."""

    def __init__(self, name: str, params: dict[str, Any]) -> None:
        super().__init__(name, {**params, "MAX_ENTRIES": MOST})

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> Any:
        if _elsewhere is None:
            return super().add(key, value, timeout, version)
        return _elsewhere("add", [key, value, _seconds(timeout)])

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        if _elsewhere is None:
            return super().get(key, default, version)
        found = _elsewhere("get", [key])
        return default if found is None else found

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> None:
        if _elsewhere is None:
            super().set(key, value, timeout, version)
        else:
            _elsewhere("set", [key, value, _seconds(timeout)])

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> Any:
        if _elsewhere is None:
            return super().touch(key, timeout, version)
        return _elsewhere("touch", [key, _seconds(timeout)])

    def incr(self, key: Any, delta: int = 1, version: Any = None) -> Any:
        if _elsewhere is None:
            return super().incr(key, delta, version)
        found = _elsewhere("incr", [key, delta])
        if found is None:
            raise ValueError("there is no such count")
        return found

    def has_key(self, key: Any, version: Any = None) -> Any:
        if _elsewhere is None:
            return super().has_key(key, version)
        return _elsewhere("has_key", [key])

    def delete(self, key: Any, version: Any = None) -> Any:
        if _elsewhere is None:
            return super().delete(key, version)
        return _elsewhere("delete", [key])

    def clear(self) -> None:
        """Forget what is kept here; what another process keeps, it forgets itself."""
        super().clear()


def _seconds(timeout: Any) -> Any:
    return "" if timeout is DEFAULT_TIMEOUT else timeout
