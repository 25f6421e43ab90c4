"""Writes docs/reference/commands.md and indicators.md from the code they describe.

Run it after changing a command or a definition: python tools/reference_pages.py. Tests compare
the pages with the code, so that no option and no indicator is ever missing or differs there.
"""

from __future__ import annotations

import importlib
import inspect
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from onward.cli.main import COMMANDS

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
HIDDEN = {"--help", "-h"}
HEAD = """# Commands

<!-- Written by tools/reference_pages.py from the commands themselves. Change their help, not this page. -->

`onward COMMAND --help` prints the same. Every command has an example there. Wherever a command
asks for an operation, give its [folder](operation.md).

- **Data** go to standard output, messages and progress to standard error. `--json` prints data
  for other programs; the [schemas](schemas.md) describe it.
- **Exit codes**: 0, all is well. 1, the command ran and found something: faults, a step that is
  not open, a plan to mend, a proposal that is infeasible or was stopped by time. 2, the question
  could not be asked: an option, a date, a file or a folder is wrong, and the message says what to
  do.
- **Dates** are written 2026-10-31. Where none is given, the day is `data_ends` of
  [operation.toml](operation.md#operationtoml), and without it today.
- `onward --version` prints the version.

| Command | What for |
|---|---|
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, in the order of `onward --help`, groups opened."""
    for name, (module, attribute, _) in COMMANDS.items():
        yield from _opened(name, _loaded(module, attribute))


def _loaded(module: str, attribute: str) -> Any:
    return typer.main.get_command(getattr(importlib.import_module(module), attribute))


def _opened(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if not inner:
        yield name, command
        return
    for word, one in inner.items():
        yield from _opened(f"{name} {word}", one)


def shown_name(name: str) -> str:
    """`onward forecast` is what people type for `forecast run`."""
    return "onward " + name.removesuffix(" run")


def options(command: Any) -> list[tuple[str, str]]:
    """(option or argument as typed, what it is) in the order of `--help`."""
    rows = []
    for each in command.params:
        names = [n for n in (*each.opts, *each.secondary_opts) if n not in HIDDEN]
        if not names:
            continue
        said = " ".join((getattr(each, "help", "") or "").split())
        if each.param_type_name == "argument":
            typed = (each.metavar or each.name or "").upper()
            typed = typed if each.required else f"[{typed}]"
            said = said or _argument_help(command, each.name)
        else:
            flag = getattr(each, "is_flag", False)
            value = "" if flag else f" {(each.metavar or _type_name(each)).upper()}"
            typed = ", ".join(f"{name}" for name in names) + value
            default = each.default
            if not flag and default not in (None, "", [], ()) and not callable(default):
                said += f" Without it: {default}."
            if each.required:
                said += " Required."
        rows.append((f"`{typed}`", said.replace("|", "\\|")))
    return rows


def _type_name(option: Any) -> str:
    """What kind of value an option takes, in one word."""
    if (kind := getattr(option, "type", None)) is not None:
        return str(kind.name)
    asked = option.type_descriptor.annotation
    inner = [part for part in typing.get_args(asked) if part is not type(None)]
    while inner:
        asked = inner[0]
        inner = [part for part in typing.get_args(asked) if part is not type(None)]
    words = {str: "text", int: "integer", float: "float", Path: "path", bool: "boolean"}
    return words.get(asked, getattr(asked, "__name__", "text"))


def _argument_help(command: Any, name: str) -> str:
    """An argument's help from its declaration: some versions of the parser drop it."""
    declared = typer.main.get_params_from_function(inspect.unwrap(command.callback))
    info = declared[name].default if name in declared else None
    return getattr(info, "help", None) or ""


def text_of(command: Any) -> str:
    """The help as paragraphs, its first `Example:` line as code."""
    text = inspect.cleandoc(command.help or "")
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    found = []
    for part in paragraphs:
        match = re.match(r"Example: (onward .*)", part)
        found.append(f"Example: `{match[1]}`" if match else _escaped(part))
    return "\n\n".join(found)


def _escaped(text: str) -> str:
    return re.sub(r"(?<!`)(--[a-z][a-z-]*)", r"`\1`", text)


def commands_page() -> str:
    """docs/reference/commands.md."""
    rows = "".join(
        f"| [`onward {name}`](#onward-{name}) | {COMMANDS[name][2]} |\n" for name in COMMANDS
    )
    parts = [HEAD + rows]
    top = ""
    for name, command in commands():
        first = name.split()[0]
        if first != top:
            parts.append(f"## onward {first}\n")
            top = first
        if shown_name(name) != f"onward {first}":
            parts.append(f"### {shown_name(name)}\n")
        parts.append(text_of(command) + "\n")
        table = options(command)
        if table:
            body = "\n".join(f"| {typed} | {said} |" for typed, said in table)
            parts.append(f"| Given | Meaning |\n|---|---|\n{body}\n")
    return "\n".join(parts)


INDICATORS = """# Indicators

<!-- Written by tools/reference_pages.py from onward.report.indicators.definitions. Change them there, not here. -->

What each figure of the [situation report](../tutorial/first-report.md) means. The report prints the
same definitions at its end, and every table there leads to its own.

The unit is persons unless a definition says otherwise. A person recorded twice and merged counts
once. Every figure has a date. What is not known is counted apart as *not recorded*, never as no. Small
counts are hidden by the rules of [disclosure](disclosure.md). The recognition rates follow the method
of UNHCR's statistical yearbooks.

"""


def indicators_page() -> str:
    """docs/reference/indicators.md."""
    from onward.report.indicators.definitions import DEFINITIONS

    parts = [
        f'<a id="{anchor}"></a>\n\n## {title}\n\n`{anchor}`: {text}\n'
        for anchor, (title, text) in DEFINITIONS.items()
    ]
    return INDICATORS + "\n".join(parts)


PAGES = {"commands.md": commands_page, "indicators.md": indicators_page}

if __name__ == "__main__":
    for name, made in PAGES.items():
        (REFERENCE / name).write_text(made(), "utf-8")
        print(f"Wrote docs/reference/{name}")
