"""One entry of a plan's text changed, and everything else left as it was written.

A plan is a text that people also read and edit by hand, so a form that changes one pledge must
not reorder the rest or lose its remarks. In come a text, a section, an id and the entry as plain
data; out comes the new text. Lines that say nothing new stay as they are. Whether the plan then
holds together is asked of `load.py` and `check.py`, never here.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import yaml

from onward.errors import OnwardError

WIDTH, FEW = 110, 4
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ASIDE = (
    "This entry is written in a way that a form cannot change without touching others. Change it "
    "in the text of the plan."
)


def entries(text: str, section: str) -> dict[str, dict[str, Any]]:
    """The entries of a section as plain data; empty where the plan has none."""
    found = _plain(text).get(section)
    return {key: dict(value) for key, value in found.items()} if isinstance(found, dict) else {}


def with_entry(text: str, section: str, id: str, entry: Mapping[str, Any] | None) -> str:
    """The text with one entry added, changed or (None) taken out.

    raises  OnwardError where that cannot be done without changing anything else
    """
    wanted = _plain(text)
    before = dict(wanted.get(section) or {})
    there = dict(before)
    if entry is None:
        there.pop(id, None)
    else:
        there[id] = dict(entry)
    wanted[section] = there
    new = _spliced(text, section, id, entry, before, there)
    # What was meant is compared with what was written: an anchor used elsewhere, for instance,
    # would change more than this entry.
    meant = {key: value for key, value in wanted.items() if value or key != section}
    try:
        written = _plain(new)
    except yaml.YAMLError:
        raise OnwardError(ASIDE) from None
    if written != meant:
        raise OnwardError(ASIDE)
    return new


def _spliced(
    text: str, section: str, id: str, entry: Mapping[str, Any] | None,
    before: Mapping[str, Any], there: Mapping[str, Any],
) -> str:  # fmt: skip
    if not text.endswith("\n"):
        text += "\n"
    root = yaml.compose(text, Loader=LOADER)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise OnwardError(ASIDE)
    lines = text.splitlines(keepends=True)
    named = next(((k, v) for k, v in root.value if k.value == section), None)
    if named is None:
        return text + (f"\n{_written({section: dict(there)}, 3)}" if there else "")
    key, value = named
    first, last = _span(lines, key, value)
    if not isinstance(value, yaml.MappingNode) or value.flow_style or not there:
        rewritten = _written({section: dict(there)}, 3) if there else ""
        return "".join([*lines[:first], rewritten, *lines[last:]])
    inside = [(k, v, *_span(lines, k, v)) for k, v in value.value]
    indent = value.value[0][0].start_mark.column
    for at, (k, v, begins, ends) in enumerate(inside):
        if k.value != id:
            continue
        if entry is None:
            following = inside[at + 1][2] if at + 1 < len(inside) else ends
            return "".join([*lines[:begins], *lines[following:]])
        return "".join(
            [*lines[:begins], _entry(lines, k, v, id, before[id], entry, indent), *lines[ends:]]
        )
    if entry is None:
        return text
    end = inside[-1][3]
    return "".join(
        [*lines[:end], _indented(_written({id: dict(entry)}, 2), indent), *lines[end:]]
    )


def _entry(
    lines: list[str], key: yaml.Node, value: yaml.Node, id: str, before: Mapping[str, Any],
    entry: Mapping[str, Any], indent: int,
) -> str:  # fmt: skip
    """One entry with the lines of what stays the same kept, remarks and all."""
    if not isinstance(value, yaml.MappingNode) or value.flow_style or not value.value:
        return _indented(_written({id: dict(entry)}, 2), indent)
    deeper = value.value[0][0].start_mark.column
    said = [lines[key.start_mark.line]]
    at = key.start_mark.line + 1
    for k, v in value.value:
        begins, ends = _span(lines, k, v)
        said += lines[at:begins]
        at = ends
        name = k.value
        if name not in entry:
            continue
        if before.get(name) == entry[name]:
            said += lines[begins:ends]
        else:
            said.append(_indented(_written({name: entry[name]}), deeper))
    said += [
        _indented(_written({name: worth}), deeper)
        for name, worth in entry.items()
        if name not in before
    ]
    return "".join(said)


def _span(lines: list[str], key: yaml.Node, value: yaml.Node) -> tuple[int, int]:
    """First line of a key and the line after its value, without blank lines and remarks that
    follow it (a parser counts those to what stands before)."""
    first, last = key.start_mark.line, value.end_mark.line
    # What is written over several lines ends, for the parser, where the next thing begins.
    block = (
        value.style in ("|", ">")
        if isinstance(value, yaml.ScalarNode)
        else not getattr(value, "flow_style", False)
    )
    last += not block
    while last > first + 1 and (
        not lines[last - 1].strip() or lines[last - 1].lstrip().startswith("#")
    ):
        last -= 1
    return first, max(last, first + 1)


class _Writer(yaml.SafeDumper):
    """Never writes an anchor: the same day twice is the same day written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _written(data: Mapping[str, Any], blocks: int = 1) -> str:
    """Data as people write it: so many levels and long mappings line by line, the rest in one."""
    writer = _Writer(io.StringIO(), default_flow_style=None)
    node = writer.represent_data(dict(data))
    _opened(node, blocks)
    text: str = yaml.serialize(node, Dumper=_Writer, allow_unicode=True, width=WIDTH)
    return text


def _opened(node: yaml.Node, blocks: int) -> None:
    if isinstance(node, yaml.MappingNode):
        if blocks > 0 or len(node.value) > FEW:
            node.flow_style = False
        for _key, value in node.value:
            _opened(value, blocks - 1)


def _indented(text: str, columns: int) -> str:
    return "".join(" " * columns + line for line in text.splitlines(keepends=True))


def _plain(text: str) -> dict[str, Any]:
    found = yaml.load(text, Loader=LOADER)
    return dict(found) if isinstance(found, dict) else {}
