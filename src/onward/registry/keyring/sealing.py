"""Seals what an encrypted operation keeps on disk beside its record, as the cache.

In go bytes and the place they are kept at; out they come sealed under a key of their own, and are
opened only at that place.
"""

from __future__ import annotations

from onward.registry import site
from onward.registry.keyring import keys


class CacheSeal:
    """AES-256-GCM under a key of its own, each file bound to its place."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, data: bytes, place: str) -> bytes:
        return keys.wrap(self._key, data, place)

    def open(self, data: bytes, place: str) -> bytes:
        return keys.unwrap(self._key, data, place)


def cache_seal() -> CacheSeal:
    """What seals the cache of the operation that is open."""
    return CacheSeal(keys.derive(site.current().ring.file_key, "cache"))
