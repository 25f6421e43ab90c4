"""Where the examples that ship with the product stand, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from onward.errors import OnwardError, one_of


def examples() -> Path:
    """The folder of shipped examples."""
    here = Path(__file__).resolve().parent
    for folder in (here / "shipped" / "examples", here.parents[1] / "examples"):
        if folder.is_dir():
            return folder
    raise OnwardError("The examples are not installed with this copy of Onward.")


def example(name: str) -> Path:
    """One example operation; raises OnwardError naming those there are."""
    known = sorted(p.parent.name for p in examples().glob("*/imports.yaml"))
    if name not in known:
        raise OnwardError(f"There is no example {name!r}; expected {one_of(known)}.")
    return examples() / name
