"""One entry of a plan's text changed, and everything else left as it was written.

A plan is a text that people also read and edit by hand, so a form that changes one pledge must
not reorder the rest or lose its remarks. In come a text, a section, an id and the entry as plain
data; out comes the new text. Lines that say nothing new stay as they are. What an entry lends to
others by an anchor is first written out where it is used next, which then lends it on. Whether the
plan then holds together is asked of `load.py` and `check.py`, never here.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from typing import Any

import yaml

from onward.errors import OnwardError
from onward.said import form

WIDTH, FEW = 110, 4
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ASIDE = form(
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
    try:
        return _with_entry(text, section, id, entry)
    except OnwardError:
        lent = lends(text, section, id)
        if not lent:
            raise
    return _with_entry(_freed(text, section, id), section, id, entry)


def lends(text: str, section: str, id: str) -> tuple[str, ...]:
    """The other entries that repeat, by an alias, something written in this one: "pledges.norway"."""
    first, last = _lines_of(text, section, id)
    found = [
        where for _name, line, where in _aliases(text, first, last) if not first <= line < last
    ]
    return tuple(dict.fromkeys(found))


def _with_entry(text: str, section: str, id: str, entry: Mapping[str, Any] | None) -> str:
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


# -- what is written once and used twice -----------------------------------------------------------


def _lines_of(text: str, section: str, id: str) -> tuple[int, int]:
    """First line of an entry and the line after it; (0, 0) where it is not there."""
    root = yaml.compose(text, Loader=LOADER)
    if isinstance(root, yaml.MappingNode):
        for key, value in root.value:
            if key.value == section and isinstance(value, yaml.MappingNode):
                for k, v in value.value:
                    if k.value == id:
                        return _span(text.splitlines(keepends=True), k, v)
    return 0, 0


def _line(event: Any) -> int:
    return int(event.start_mark.line)


def _aliases(text: str, first: int, last: int) -> list[tuple[str, int, str]]:
    """Every alias of what is written between two lines: its name, its line, the entry it is in."""
    events: list[Any] = list(yaml.parse(text, Loader=LOADER))
    made = {
        event.anchor for event in events
        if isinstance(event, yaml.NodeEvent) and not isinstance(event, yaml.AliasEvent)
        and event.anchor and first <= _line(event) < last
    }  # fmt: skip
    root: Any = yaml.compose(text, Loader=LOADER)
    starts = [
        (k.start_mark.line, f"{section.value}.{k.value}")
        for section, held in (root.value if isinstance(root, yaml.MappingNode) else ())
        if isinstance(held, yaml.MappingNode)
        for k, _v in held.value
    ]
    return [
        (event.anchor, _line(event),
         max((one for one in starts if one[0] <= _line(event)), default=(0, ""))[1])
        for event in events
        if isinstance(event, yaml.AliasEvent) and event.anchor in made
    ]  # fmt: skip


def _freed(text: str, section: str, id: str) -> str:
    """The same plan in a text in which this entry lends nothing: whoever used it first afterwards
    now says it in full, and lends it on to the others."""
    wanted = _plain(text)
    while True:
        first, last = _lines_of(text, section, id)
        every = _aliases(text, first, last)
        lent = [name for name, line, _where in every if not first <= line < last]
        if not lent:
            break
        text = _moved(text, lent[0], first, last)
    if _plain(text) != wanted:
        raise OnwardError(ASIDE)
    return text


def _moved(text: str, anchor: str, first: int, last: int) -> str:
    """One anchor taken out of these lines and set where it is first used outside of them."""
    here: Any = None
    uses: list[Any] = []
    events: list[Any] = list(yaml.parse(text, Loader=LOADER))
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            if event.anchor == anchor:
                uses.append(event)
        elif isinstance(event, yaml.NodeEvent) and event.anchor == anchor:
            here = event
    worth = _anchored(yaml.compose(text, Loader=LOADER), here)
    # What lies inside may be lent or borrowed itself; it is written out in full, which says the same.
    said = _in_one_line(worth)
    inside = [one for one in uses if first <= one.start_mark.line < last]
    outside = [one for one in uses if one not in inside]
    edits = [(one.start_mark, one.end_mark, said) for one in inside]
    edits.append((outside[0].start_mark, outside[0].end_mark, f"&{anchor} {said}"))
    lines = text.splitlines(keepends=True)
    for start, end, new in sorted(edits, key=lambda each: (each[0].line, each[0].column), reverse=True):  # fmt: skip
        line = lines[start.line]
        lines[start.line] = line[: start.column] + new + line[end.column :]
    at = here.start_mark
    line = lines[at.line]
    lines[at.line] = line[: at.column] + re.sub(rf"&{re.escape(anchor)}[ \t]*", "", line[at.column :], count=1)  # fmt: skip
    return "".join(lines)


def _anchored(node: Any, event: Any) -> Any:
    """The node that begins where an event does."""
    if node.start_mark.index == event.start_mark.index and type(node).__name__[0] == type(event).__name__[0]:  # fmt: skip
        return node
    inside = [one for pair in node.value for one in pair] if isinstance(node, yaml.MappingNode) else (
        node.value if isinstance(node, yaml.SequenceNode) else ()
    )  # fmt: skip
    for one in inside:
        found = _anchored(one, event)
        if found is not None:
            return found
    return None


def _in_one_line(node: Any) -> str:
    """A node written in one line, so that it can stand wherever an alias stood."""
    if isinstance(node, yaml.MappingNode):
        pairs = (f"{_in_one_line(k)}: {_in_one_line(v)}" for k, v in node.value)
        return "{" + ", ".join(pairs) + "}"
    if isinstance(node, yaml.SequenceNode):
        return "[" + ", ".join(map(_in_one_line, node.value)) + "]"
    if node.tag != "tag:yaml.org,2002:str":
        return str(node.value)
    plain: str = yaml.dump(node.value, Dumper=_Writer, allow_unicode=True, width=math.inf,
                           default_flow_style=True, default_style='"' if "\n" in node.value else None)  # fmt: skip
    return plain.removesuffix("...\n").strip()


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
