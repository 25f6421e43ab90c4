"""No step or pathway of any rulebook is named in code: an operation's own count like the shipped ones."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import onward
from onward.rulebook import load, shipped_names, shipped_path

ROOT = Path(onward.__file__).parent
STEP = re.compile(r"T\d+[a-z]?(\.[a-z_]*)?")
PATHWAYS = frozenset(
    pathway
    for name in shipped_names()
    for pathway in load(shipped_path(name)).kinds["person"].facts["intended_pathway"].allowed
)
"""A hand-over is not among them: the floor's own word, which no operation can call otherwise."""


def modules(*rooms: str):
    for path in sorted(ROOT.rglob("*.py")):
        if not rooms or path.relative_to(ROOT).parts[0] in rooms:
            yield path.relative_to(ROOT), ast.parse(path.read_text("utf-8"))


def texts(tree: ast.AST):
    """Every text of a module but its docstrings."""
    said = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in said
        ):
            yield node.lineno, node.value


def asked_by_name(tree: ast.AST):
    """Where something called a pathway is compared with the name of one. A title looked up by it
    is no such thing: it is what pages call the shipped ones, and others keep their own name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and "pathway" in ast.unparse(node):
            named = {text for _line, text in texts(node)} & PATHWAYS
            if named:
                yield node.lineno, sorted(named)


def test_no_step_is_named_in_code():
    """A sentence may give one as an example; nothing may be compared with one."""
    found = [
        f"{path}:{line}: {text[:60]}"
        for path, tree in modules()
        for line, text in texts(tree)
        if STEP.fullmatch(text)
    ]
    assert found == []


def test_no_pathway_is_asked_by_its_name():
    """Wherever somebody is let go, held back, recorded, counted, forecast, placed or told of."""
    found = [
        f"{path}:{line}: {named}"
        for path, tree in modules()
        for line, named in asked_by_name(tree)
    ]
    assert found == []


def test_the_search_finds_a_step_that_is_named():
    planted = ast.parse(
        '"""T7."""\nsay("a step, as T4.return")\nHOME = "T7."\nkeys = ("T12b.expired", "T4")\n'
    )
    assert [text for _line, text in texts(planted) if STEP.fullmatch(text)] == [
        "T7.", "T12b.expired", "T4",
    ]  # fmt: skip


def test_the_search_finds_a_pathway_that_is_asked_by_name():
    planted = ast.parse(
        'TITLES = {"return": "Home"}\nif move.pathway == "return":\n    pass\n'
        'if pathway in ("stay", "protection") or move.pathway == "handover":\n    pass\n'
    )
    assert list(asked_by_name(planted)) == [(2, ["return"]), (4, ["protection", "stay"])]
