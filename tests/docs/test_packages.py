"""What is installed is what was locked, and nothing is locked without the hash of its files."""

from __future__ import annotations

import importlib.util
import re
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("locked", ROOT / "tools" / "locked.py")
assert _spec is not None
assert _spec.loader is not None
lock = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(lock)


def test_every_file_of_every_package_is_locked_by_its_hash():
    files = lock.locked()
    assert len(files) > 100
    assert [package for package, hashes in files.items() if not hashes] == []
    for hashes in files.values():
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)


def test_the_constraints_are_those_of_the_lock():
    named = {(name, version) for name, version, _ in lock.wanted()}
    assert named == set(lock.locked())


def test_what_is_installed_here_is_of_the_versions_locked():
    here = {
        name: version
        for name, version, when in lock.wanted()
        if not when or Marker(when).evaluate()
    }
    here.pop("setuptools", None)  # a new environment brings its own; nothing of ours loads it
    other = {}
    for each in metadata.distributions():
        name = re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower()
        if name in here and each.version != here[name]:
            other[name] = each.version
    assert other == {}
