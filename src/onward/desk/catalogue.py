"""The catalogues of words: what must be translated, and the compiled form pages read.

Exists so that nobody needs the gettext programs: `python -m onward.desk.catalogue` gathers every
text of the pages and of the shipped rulebooks, adds what is new to each `django.po`, marks what
nobody uses any more, and compiles `django.mo`. Translations are drafts until a named person
approves them; a catalogue's header says so.
"""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from onward.plan.model import CHANNELS
from onward.rulebook.codes import code_title

HERE = Path(__file__).parent
LOCALE = HERE / "locale"
REGISTRY = HERE.parent / "registry"
LANGUAGES = ("fr", "ar", "fa", "ckb")
PLURALS = {
    "fr": "nplurals=2; plural=(n > 1);",
    "ar": "nplurals=6; plural=n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 && n%100<=99 ? 4 : 5;",
    "fa": "nplurals=2; plural=(n > 1);",
    "ckb": "nplurals=2; plural=(n != 1);",
}
FUNCTIONS = {"_", "gettext", "gettext_lazy", "ngettext", "gettext_noop"}


@dataclass
class Entry:
    """One text. `plural` "" for none; `said` has one translation, or one per plural form."""

    text: str
    plural: str = ""
    said: list[str] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return bool(self.said) and all(self.said)


# -- gathering ----------------------------------------------------------------------------------


def texts() -> dict[str, str]:
    """Every text that must be translated -> its plural, in the order of the files."""
    found: dict[str, str] = {}
    for text, plural in [*_python(), *_templates(), *((text, "") for text in rulebook_texts())]:
        if text and not found.get(text):
            found[text] = plural
    return found


def _python() -> Iterator[tuple[str, str]]:
    for path in sorted([*HERE.rglob("*.py"), *REGISTRY.rglob("*.py")]):
        if path.name == "catalogue.py":
            continue
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            values = [
                a.value
                for a in node.args
                if isinstance(a, ast.Constant) and isinstance(a.value, str)
            ]
            if name in FUNCTIONS and values:
                yield values[0], values[1] if name == "ngettext" and len(values) > 1 else ""


def _templates() -> Iterator[tuple[str, str]]:
    from django.utils.translation.template import templatize

    for path in sorted((HERE / "templates").rglob("*.html")):
        code = templatize(path.read_text("utf-8"), origin=path.name)
        for name, arguments in re.findall(
            r"\b(gettext|ngettext|_)\(((?:u?r?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\s*,?\s*)+)",
            code,
        ):
            values = [
                ast.literal_eval(v)
                for v in re.findall(r"u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", arguments)
            ]
            if values:
                yield values[0], values[1] if name == "ngettext" and len(values) > 1 else ""


def rulebook_texts() -> list[str]:
    """Titles, labels, sentences, remedies, owners and allowed values of the shipped rulebooks."""
    from onward.desk import list_words, placement_words, words
    from onward.forecast.telling.wording import DOUBTS, REASONS, REMEDIES_OF_DOUBT
    from onward.placement.problem.doors import BARRIERS
    from onward.placement.telling.fairness import GROUPINGS
    from onward.plan.clocks import STATUS_BY_LAW
    from onward.registry.computing.reporting import STEPS
    from onward.registry.keyring.rotation import STEPS as RENEWING
    from onward.registry.permissions.roles import load_rules
    from onward.report.charts import FAN_WORDS
    from onward.report.indicators.definitions import DEFINITIONS
    from onward.report.texts import TEXTS as REPORTED
    from onward.rulebook import load, shipped_names, shipped_path

    found: list[str] = []
    for name in shipped_names():
        book = load(shipped_path(name))
        for kind in book.kinds.values():
            found.append(kind.title)
            for fact in kind.facts.values():
                found.append(fact.label)
                found += [code_text(value) for value in fact.allowed]
        for axis in book.axes.values():
            found += [axis.title, *(state.title for state in axis.states.values())]
        found += [process.title for process in book.processes.values()]
        for counted in book.forecast_states.values():
            found += [counted.title, code_text(counted.gone)]
        for step in book.transitions.values():
            found += [step.title, step.decides, *step.evidence, code_text(step.consumes)]
        for safeguard in book.safeguards.values():
            found.append(safeguard.title)
            for finding in safeguard.findings.values():
                found += [finding.sentence, finding.remedy, finding.owner_role]
        found.append(book.title)
    found += STATUS_BY_LAW.values()
    found += [
        *FAN_WORDS,
        *REASONS.values(),
        *BARRIERS.values(),
        *placement_words.FIXED,
        *STEPS,
        *RENEWING,
        *REPORTED,
        *DOUBTS.values(),
        *REMEDIES_OF_DOUBT.values(),
        *(text for both in DEFINITIONS.values() for text in both),
    ]
    rules = load_rules()
    found += [role.title for role in rules.roles.values()]
    found += [action.title for action in rules.actions.values()]
    found += [each.title for each in rules.classes.values()]
    found += [code_text(name) for name in rules.classes]
    found += ["Name", "Number", "National id", *PAIRS]
    found += [code_text(name) for name in (*GROUPINGS, *FAIRNESS)]
    found += ["Day", "Week", "Month", "Once"]
    found += [*SIGNING_IN, *list_words.texts(), *_work_titles()]
    found += [title for _, title in words.GROUPS]
    found += [*words.PARTS.values(), *words.SCRIPTS.values()]
    every = [*found, *_plan_texts(), *_rights_texts(), *_refusals(), *_example_texts()]
    return list(dict.fromkeys(every))


def _work_titles() -> Iterator[str]:
    """What the shipped lines of whose work is what are called (`desk.work`)."""
    import yaml

    lines = yaml.safe_load((HERE / "data" / "work.yaml").read_text("utf-8"))["work"]
    yield from (line["title"] for line in lines.values())


def _example_texts() -> Iterator[str]:
    """What the example's plan, its scenarios and its sheets are called, so that it can be read
    in every language of the desk."""
    import csv

    import yaml

    from onward.shipped import example

    folder = example("meridian")
    asked = {
        "title",
        "why",
        "owner",
        "grantor",
        "at_expiry",
        "by",
        "approved_by",
        "country_names",
    }

    def said(value: object, inside: bool = False) -> Iterator[str]:
        if isinstance(value, dict):
            for name, one in value.items():
                yield from said(one, inside or name in asked)
        elif isinstance(value, list):
            for one in value:
                yield from said(one, inside)
        elif (
            inside
            and re.fullmatch(r"[ -~]*[A-Za-z]{3}[ -~]*", str(value))
            and value not in found["deadlines"]
        ):
            yield str(value)

    found = yaml.safe_load((folder / "plan.yaml").read_text("utf-8"))
    yield from (channel.replace("_", " ") for channel in CHANNELS)
    yield from said(found)
    for file in sorted((folder / "scenarios").glob("*.yaml")):
        yield from said(yaml.safe_load(file.read_text("utf-8")))
    for file in sorted((folder / "profiles").glob("*.yaml")):
        name = yaml.safe_load(file.read_text("utf-8"))["profile"]
        yield code_text(name.replace("-", "_"))
    with (folder / "logs" / "sites.csv").open(encoding="utf-8") as rows:
        yield from (code_text(row["ref"].replace("-", "_")) for row in csv.DictReader(rows))


PAIRS = (
    "where", "names", "father", "birth", "sex", "birthplace", "documents", "household", "the same",
    "one", "another",
)  # fmt: skip
"""What is set side by side of two who may be one person (`intake.review`)."""

FAIRNESS = ("normal", "urgent", "emergency", "none", "yes", "no")
"""Groups of a proposal of places that are words; what they are groups of is asked of `fairness`."""

SIGNING_IN = (
    "Current Password", "New Password", "New Password (again)", "Passwordless",
    "Enabling passwordless operation allows you to sign in using just this key, but imposes additional requirements such as biometrics or PIN protection.",
)  # fmt: skip
"""Texts of the package for accounts that it has not in every language."""

SAYS_NO = (
    "recording",
    "breaches",
    "access",
    "assignments",
    "rights",
    "retention",
    "placements",
    "vault_db",
    "lists",
    "exporting",
    "planning",
    "wordings",
)
"""Rooms and modules of the registry whose refusals a page shows as they are."""


def _module(name: str) -> Path:
    """The one module of this name, in whichever part of the registry it lies."""
    (found,) = (
        path
        for path in REGISTRY.rglob(f"{name}.py")
        if path.parent.name not in ("models", "web")
    )
    return found


def _refusals() -> Iterator[str]:
    """What the registry answers when something cannot be done, where it is one fixed sentence."""
    for name in SAYS_NO:
        room = sorted((REGISTRY / name).glob("*.py"))
        for path in room or [_module(name)]:
            yield from _raised(path)


def _raised(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            said = node.exc.args[0]
            text = said.value if isinstance(said, ast.Constant) else None
            if isinstance(text, str) and " " in text and text not in UNSEEN:
                yield text


UNSEEN = (
    "An act needs an idempotency key, so that sending twice does once.",
    "Identities of this operation are not encrypted; there is no key to destroy.",
    "An identity has no key: the record is damaged.",
    "The file is not kept here.",
    "The written file has more than one sheet, or a hidden one.",
    "The written file does not hold what was approved; nothing was sent.",
    "The written file holds a formula, a link or something hidden.",
    "The file was not sealed; nothing was sent.",
    "The key that opens this office's identities is not in keys.json. Put back the keys.json that "
    "belongs to this record (onward restore).",
    "The file has no key: it was erased, or the record is damaged.",
)
"""Faults of the program or the record, told in English as they stand in the log."""


def _plan_texts() -> Iterator[str]:
    """What the plan's room says by itself: its drawing, its clocks, its states and findings."""
    from typing import get_args, get_type_hints

    from onward.plan import model
    from onward.plan.gantt import WORDS
    from onward.plan.timeline import KINDS
    from onward.registry import plan_people

    yield from WORDS.values()
    yield from (plan_people.FOUND, plan_people.ALLOWED, plan_people.REMEDY)
    yield from KINDS.values()
    yield from _said()
    yield from (text[:1].upper() + text[1:] for text in model.FACTORS.values())
    for values in (
        get_type_hints(model.Assurance)["state"], get_type_hints(model.Message)["audience"],
        get_type_hints(model.Conclusion)["finding"], model.PledgeState, model.Factor,
        get_type_hints(model.Assurance)["purpose"], get_type_hints(model.Message)["kind"],
        get_type_hints(model.Deadline)["clock"], model.AuthorityType, model.Confidentiality,
    ):  # fmt: skip
        yield from (code_text(value) for value in get_args(values) if value)
    yield from map(code_text, model.CHANNELS)
    yield from (text[:1].upper() + text[1:] for text in model.SAYS.values())


SAYING = {
    "PlanFinding": 4, "fault": 2, "name": 4, "Fault": 3, "Said": 0, "form": 0, "refers": 4,
    "_word_list": 3, "Refused": 0, "refuse": 0, "Problem": 0, "Doubt": 1, "_row_fault": 2,
    "Finding": 3, "Question": 2, "Asked": 1,
}  # fmt: skip
"""Calls by which rooms that read files, and the plan's check, say something, and the place from which
their arguments are words."""


OF_LISTS = (
    "read", "mapping", "stage", "dates", "values", "households", "events", "review", "match",
    "profile",
)  # fmt: skip
"""Modules of the intake room whose sentences a page shows."""


def _said() -> Iterator[str]:
    """What those who read a plan, a table of work or a list and the plan's check say, each text
    where it is written."""
    room = HERE.parent
    lists = [room / "intake" / f"{name}.py" for name in OF_LISTS]
    lists += [*(room / "intake" / "parse").glob("*.py"), HERE / "views" / "imports.py"]
    files = [
        room / "rulebook" / "reading.py",
        room / "report" / "release.py",
        REGISTRY / "computing" / "reporting.py",
        *(room / "plan").glob("*.py"),
        HERE / "work.py",
    ]
    for path in sorted([*files, *lists]):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else ast.unparse(node.func)
            )
            for argument in node.args[SAYING.get(name, len(node.args)) :]:
                either = isinstance(argument, ast.IfExp)
                parts = (argument.body, argument.orelse) if either else (argument,)
                for part in parts:
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.value


def _rights_texts() -> Iterator[str]:
    """Requests, outcomes, who must be told of a breach and why, exports, and what alarms say."""
    import yaml

    rules = yaml.safe_load((REGISTRY / "data" / "rights.yaml").read_text("utf-8"))
    for each in rules["requests"].values():
        yield each["title"]
        yield each["source"]
    yield from rules["outcomes"].values()
    breaches = yaml.safe_load((REGISTRY / "data" / "breaches.yaml").read_text("utf-8"))
    for each in (text for kind in breaches.values() for text in kind.values()):
        yield each["title"]
        yield each["why"]
    exports = yaml.safe_load((REGISTRY / "data" / "export_profiles.yaml").read_text("utf-8"))
    yield from (each["title"] for each in exports["profiles"].values())
    yield from exports["recipient_kinds"].values()
    yield from exports["refused_kinds"].values()
    for node in ast.parse(_module("alarms").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "KINDS":
            yield from ast.literal_eval(node.value).values()


def code_text(value: str) -> str:
    text = value.replace("_", " ")
    return code_title(text[:1].upper() + text[1:])


# -- .po ------------------------------------------------------------------------------------------


def read_po(text: str) -> dict[str, Entry]:
    """The entries of a catalogue; the header is the entry of the empty text."""
    found: dict[str, Entry] = {}
    current: Entry | None = None
    where = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if match := re.match(r'(msgid|msgid_plural|msgstr(?:\[\d+\])?)\s+"(.*)"$', line):
            where, value = match[1], _unquoted(match[2])
            if where == "msgid":
                current = Entry(value)
            elif current is not None and where == "msgid_plural":
                current.plural = value
            elif current is not None:
                current.said.append(value)
                found[current.text] = current
        elif (match := re.match(r'"(.*)"$', line)) and current is not None:
            value = _unquoted(match[1])
            if where == "msgid":
                found.pop(current.text, None)
                current.text += value
            elif where == "msgid_plural":
                current.plural += value
            else:
                current.said[-1] += value
    return found


def write_po(language: str, entries: Iterable[Entry]) -> str:
    header = (
        "# Words of the desk. A draft: nobody has approved this translation yet.\n"
        'msgid ""\nmsgstr ""\n'
        f'"Language: {language}\\n"\n"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=UTF-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n'
        f'"Plural-Forms: {PLURALS[language]}\\n"\n'
    )
    parts = [header]
    for entry in entries:
        lines = [f"msgid {_quoted(entry.text)}"]
        if entry.plural:
            lines.append(f"msgid_plural {_quoted(entry.plural)}")
            said = entry.said or [""] * forms_of(language)
            lines += [f"msgstr[{n}] {_quoted(text)}" for n, text in enumerate(said)]
        else:
            lines.append(f"msgstr {_quoted(entry.said[0] if entry.said else '')}")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def forms_of(language: str) -> int:
    found = re.search(r"nplurals=(\d)", PLURALS[language])
    assert found is not None
    return int(found[1])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), text)


# -- .mo ------------------------------------------------------------------------------------------


def compiled(language: str, text: str) -> bytes:
    """A catalogue in the form gettext reads; texts not yet translated are left out."""
    header = (
        f"Language: {language}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
        f"Content-Transfer-Encoding: 8bit\nPlural-Forms: {PLURALS[language]}\n"
    )
    pairs: list[tuple[bytes, bytes]] = [(b"", header.encode())]
    for entry in read_po(text).values():
        if entry.text and entry.done:
            key = entry.text + (f"\0{entry.plural}" if entry.plural else "")
            pairs.append((key.encode(), "\0".join(entry.said).encode()))
    pairs.sort()
    count = len(pairs)
    keys_at, values_at = 28, 28 + 8 * count
    data_at = 28 + 16 * count
    keys = b"".join(key + b"\0" for key, _ in pairs)
    table: list[int] = []
    at = data_at
    for key, _ in pairs:
        table += [len(key), at]
        at += len(key) + 1
    for _, value in pairs:
        table += [len(value), at]
        at += len(value) + 1
    values = b"".join(value + b"\0" for _, value in pairs)
    head = struct.pack("<7I", 0x950412DE, 0, count, keys_at, values_at, 0, 0)
    return head + struct.pack(f"<{4 * count}I", *table) + keys + values


def paths(language: str) -> tuple[Path, Path]:
    folder = LOCALE / language / "LC_MESSAGES"
    return folder / "django.po", folder / "django.mo"


def refresh(language: str) -> tuple[int, int]:
    """Bring one catalogue up to date; returns texts translated and texts in all."""
    po, mo = paths(language)
    po.parent.mkdir(parents=True, exist_ok=True)
    known = read_po(po.read_text("utf-8")) if po.exists() else {}
    entries = []
    for text, plural in texts().items():
        old = known.get(text)
        entries.append(old if old and bool(old.plural) == bool(plural) else Entry(text, plural))
    written = write_po(language, entries)
    po.write_text(written, "utf-8")
    mo.write_bytes(compiled(language, written))
    return sum(entry.done for entry in entries), len(entries)


def main() -> None:
    for language in LANGUAGES:
        done, every = refresh(language)
        print(f"{language}: {done} of {every} texts")


if __name__ == "__main__":
    main()
