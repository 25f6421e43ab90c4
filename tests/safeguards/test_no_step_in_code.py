"""No step of any rulebook is named in code: an operation's own steps count like the shipped ones."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import onward

ROOT = Path(onward.__file__).parent
STEP = re.compile(r"T\d+[a-z]?(\.[a-z_]*)?")


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


def test_no_step_is_named_in_code():
    """A sentence may give one as an example; nothing may be compared with one."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text[:60]}"
        for path in sorted(ROOT.rglob("*.py"))
        for line, text in texts(ast.parse(path.read_text("utf-8")))
        if STEP.fullmatch(text)
    ]
    assert found == []


def test_the_search_finds_a_step_that_is_named():
    planted = ast.parse(
        '"""T7."""\nsay("a step, as T4.return")\nHOME = "T7."\nkeys = ("T12b.expired", "T4")\n'
    )
    assert [text for _line, text in texts(planted) if STEP.fullmatch(text)] == [
        "T7.", "T12b.expired", "T4",
    ]  # fmt: skip
