"""The lists in a plan's entry as rows of a form: places, shares of them, texts, effects of work.

Exists so that each list is asked, read back and said in words in one place. Comes in: an entry as
the plan's text holds it and what was sent. Goes out: rows of inputs, the list as it would be, and
the list in words. A row that nobody touched stays exactly as the text has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from onward.desk import dates, forms, words
from onward.desk.plan_asks import CONDITIONS, RANGE, About

SPARE = 2
"""Empty rows below those a list has."""
THREE = (("", "likely"), (".earliest", "earliest"), (".latest", "latest"))
SPAN = (("", "likely"), (".least", "min"), (".most", "max"))


@dataclass
class Row:
    """One thing asked: one input, or several under one legend."""

    legend: Any
    inputs: list[forms.Input]
    hint: Any = ""

    @property
    def many(self) -> bool:
        return len(self.inputs) > 1


# -- values that have three sides --------------------------------------------------------------------


def three(
    name: str, worth: Any, look: str, *, required: bool = False, label: Any = ""
) -> list[forms.Input]:
    """Inputs of a value that may be one or three: "range" of days, "span" of numbers, or "pace"."""
    days = look == "range"
    found = worth if isinstance(worth, dict) else {"likely": worth}
    said = (
        {"likely": _("Likely"), "earliest": _("Earliest"), "latest": _("Latest")} if days
        else {"likely": _("Likely"), "min": _("Least"), "max": _("Most")}
    )  # fmt: skip
    each = {"range": "day", "pace": "chance"}.get(look, "number")
    return [
        forms.Input(
            name + tail,
            f"{label}: {said[key]}" if key == "likely" else said[key],
            "date" if days else "number",
            value=shown(each, found.get(key)),
            required=required and key == "likely",
        )
        for tail, key in (THREE if days else SPAN)
    ]


def read_three(form: forms.Form, name: str, look: str) -> Any:
    """One value, or three, or None; what is wrong with it stands beside its field."""
    found: dict[str, Any] = {}
    for tail, key in THREE if look == "range" else SPAN:
        worth = form.facts.get(name + tail)
        if worth is None:
            continue
        if look == "range":
            found[key] = date.fromisoformat(str(worth))
        else:
            found[key] = hundredth(worth) if look == "pace" else int(worth)
    if not found:
        return None
    if "likely" not in found:
        form.fail(name, gettext("The likely one is needed."))
        return None
    if len(found) == 1:
        return found["likely"]
    _likely, first, last = (key for _tail, key in (THREE if look == "range" else SPAN))
    values = {first: found.get(first, found["likely"]), "likely": found["likely"],
              last: found.get(last, found["likely"])}  # fmt: skip
    if not values[first] <= values["likely"] <= values[last]:
        form.fail(name, gettext("They are out of order: earliest or least, likely, latest or most."))  # fmt: skip
    return values


def hundredth(worth: Any) -> float | int:
    """A percentage as the plan writes it: 150 is 1.5, 100 is 1."""
    found = round(int(worth) / 100, 2)
    return int(found) if found == int(found) and found > 1 else found


def three_said(worth: Any, look: str = "range") -> str:
    if worth is None:
        return ""
    if not isinstance(worth, dict):
        return plain(worth, look)
    likely, *ends = (
        plain(worth[key], look) for key in ("likely", *(k for k in worth if k != "likely"))
    )
    if len(ends) == 2:
        return gettext("likely %(likely)s, between %(first)s and %(last)s") % {
            "likely": likely, "first": ends[0], "last": ends[1],
        }  # fmt: skip
    return likely


def shown(look: str, worth: Any) -> Any:
    """A value of the plan as its field shows it."""
    if look in ("several", "waits", "whom"):
        return list(worth or ())
    if worth is None:
        return ""
    if isinstance(worth, bool):
        return "yes" if worth else "no"
    if look == "chance":
        return dates.digits(f"{float(worth) * 100:g}")
    if isinstance(worth, date):
        return dates.typed(worth.isoformat())
    if look == "number":
        return dates.digits(f"{worth:g}" if isinstance(worth, float) else str(worth))
    return str(worth)


def sent(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(sorted(map(str, value)))
    return str(value or "").strip().replace("\r\n", "\n")


def plain(worth: Any, look: str = "") -> str:
    """A single value in words."""
    if look == "pace":
        return dates.percent(float(worth))
    if isinstance(worth, date):
        return dates.shown(worth)
    if isinstance(worth, int | float):
        return dates.digits(f"{worth:g}")
    return str(worth)


def put(entry: dict[str, Any], path: str, worth: Any) -> None:
    head, _dot, rest = path.partition(".")
    if rest:
        inner = dict(entry.get(head) or {})
        put(inner, rest, worth)
        worth = inner or None
    if worth in (None, ""):
        entry.pop(head, None)
    else:
        entry[head] = worth


# -- lists --------------------------------------------------------------------------------------------


class Rows:
    """A list in an entry, asked row by row with a few empty rows below.

    name  how its fields begin, and the key in the entry
    """

    name: ClassVar[str]

    def rows(self, known: Mapping[str, Any], about: About) -> Iterator[Row]:
        old = list(known.get(self.name) or ())
        for number in range(len(old) + SPARE):
            yield self.row(f"{self.name}.{number}", old[number] if number < len(old) else {}, number, about)  # fmt: skip

    def row(self, name: str, worth: Mapping[str, Any], number: int, about: About) -> Row:
        raise NotImplementedError

    def read(
        self, form: forms.Form, about: About, entry: dict[str, Any], touched: set[str]
    ) -> None:
        """Put the list as it would be into the entry; what is wrong stands beside its field."""
        if not any(each.startswith(f"{self.name}.") for each in touched):
            return
        old = list(entry.get(self.name) or ())
        found = []
        for number in range(len(old) + SPARE):
            was = old[number] if number < len(old) else None
            start = f"{self.name}.{number}."
            mine = {each.removeprefix(start) for each in touched if each.startswith(start)}
            worth = self.taken(form, start, was, mine, about) if mine else was
            if worth is not None:
                found.append(worth)
        put(entry, self.name, found or None)

    def taken(
        self, form: forms.Form, start: str, was: Any, touched: set[str], about: About
    ) -> dict[str, Any] | None:
        """One touched row as the plan would write it; None where it is taken out."""
        raise NotImplementedError

    def pairs(
        self, label: Any, about: About, was: Mapping[str, Any], new: Mapping[str, Any]
    ) -> list[tuple[Any, str, str]]:
        """What the list was and would be, in words."""
        return [(label, self.said(about, was), self.said(about, new))]

    def said(self, about: About, entry: Mapping[str, Any]) -> str:
        return "\n".join(self.one_said(about, row) for row in entry.get(self.name) or ())

    def one_said(self, about: About, row: Mapping[str, Any]) -> str:
        raise NotImplementedError


PERIODS = ("day", "week", "month", "once")
PER = {
    "day": _("%(n)s more a day: %(what)s"), "week": _("%(n)s more a week: %(what)s"),
    "month": _("%(n)s more a month: %(what)s"), "once": _("%(n)s more, once: %(what)s"),
}  # fmt: skip
EFFECTS = {
    "opens": _("Opens"), "closes": _("Closes"), "scales": _("Changes the pace of"),
    "adds": _("Adds to a capacity"), "brings": _("Brings into being"),
}  # fmt: skip


class Effects(Rows):
    """What a piece of work changes in what people may do, or how fast."""

    name = "effects"

    def row(self, name: str, worth: Mapping[str, Any], number: int, about: About) -> Row:
        kind = next((one for one in EFFECTS if one in worth), "")
        target = str(worth.get(kind) or "")
        options = self._every(about)
        if target and target not in dict(options):
            options.append((target, target))
        return Row(
            _("Effect no. %(n)s") % {"n": dates.digits(str(number + 1))},
            [
                forms.Input(f"{name}.kind", _("What it does"), "pick", list(EFFECTS.items()), value=kind, blank="–"),
                forms.Input(f"{name}.target", _("To what"), "pick", options, value=target, blank="–"),
                forms.Input(f"{name}.at", _("From when"), "pick",
                            [("finish", _("When the work is done")), ("start", _("When the work begins"))],
                            value=str(worth.get("at") or ("finish" if worth else "")), blank="–"),
                forms.Input(f"{name}.until", _("Last day of it"), "date", value=shown("day", worth.get("until"))),
                forms.Input(f"{name}.amount", _("How much more"), "number", value=shown("number", worth.get("amount"))),
                forms.Input(f"{name}.per", _("In how long"), "pick", [(one, words.code(one)) for one in PERIODS],
                            value=str(worth.get("per") or ("week" if kind == "adds" else "")), blank="–"),
                *three(f"{name}.factor", worth.get("factor"), "pace", label=_("Pace then, in percent of now")),
            ],
            _("An amount belongs to a capacity, a pace to what becomes faster or slower. To take an effect out, choose – for what it does."),
        )  # fmt: skip

    def _every(self, about: About) -> list[tuple[str, Any]]:
        """All that can be named, and what kind of thing it is."""
        found: list[tuple[str, Any]] = []
        for title, options in (
            (_("Step"), about.outcomes()), (_("Safeguard"), about.findings()),
            (_("Capacity"), about.capacities()), (_("Authority"), about.entries("authorities")),
            (_("Assurance"), about.entries("assurances")), (_("Offer of places"), about.entries("pledges")),
        ):  # fmt: skip
            found += [(value, f"{title} – {word}") for value, word in options]
        return found

    def _fits(self, about: About, kind: str) -> set[str]:
        steps = {value for value, _word in about.outcomes()}
        capacities = {value for value, _word in about.capacities()}
        if kind == "adds":
            return capacities
        if kind == "scales":
            return steps | capacities
        if kind == "brings":
            return {one for one, _word in about.entries("authorities", "assurances", "pledges")}
        return steps | {value for value, _word in about.findings()}

    def taken(
        self, form: forms.Form, start: str, was: Any, touched: set[str], about: About
    ) -> dict[str, Any] | None:
        facts = form.facts
        kind = str(facts.get(start + "kind") or "")
        if not kind:
            if was is None and any(form.get(start + one).value for one in touched):  # type: ignore[union-attr]
                form.fail(start + "kind", gettext("Say what it does."))
            return None
        old = was or {}
        target = str(facts.get(start + "target") or "")
        same = target == old.get(kind)
        if not target or (not same and target not in self._fits(about, kind)):
            form.fail(start + "target", {
                "opens": gettext("Choose a step or a safeguard."),
                "closes": gettext("Choose a step or a safeguard."),
                "scales": gettext("Choose a step or a capacity."),
                "adds": gettext("Choose a capacity."),
                "brings": gettext("Choose an authority, an assurance or an offer."),
            }[kind])  # fmt: skip
        row: dict[str, Any] = {kind: target}
        if kind == "adds":
            row["amount"] = facts.get(start + "amount") if "amount" in touched else old.get("amount")  # fmt: skip
            if row["amount"] is None:
                form.fail(start + "amount", gettext("How much more?"))
            per = str(facts.get(start + "per") or "")
            if "per" in old or per not in ("", "week"):
                row["per"] = per or "week"
        if kind == "scales":
            pace = any(one.startswith("factor") for one in touched)
            row["factor"] = read_three(form, start + "factor", "pace") if pace else old.get("factor")  # fmt: skip
            if row["factor"] is None:
                form.fail(start + "factor", gettext("At what pace then?"))
        at = str(facts.get(start + "at") or "finish")
        if "at" in old or at == "start":
            row["at"] = at
        if until := facts.get(start + "until"):
            row["until"] = date.fromisoformat(str(until))
        return row

    def one_said(self, about: About, row: Mapping[str, Any]) -> str:
        kind = next((one for one in EFFECTS if one in row), "")
        target = str(row.get(kind) or "")
        what = dict(self._every(about)).get(target, target).partition(" – ")[2] or target
        if kind == "adds":
            said = str(PER[str(row.get("per") or "week")]) % {"n": plain(row.get("amount") or 0), "what": what}  # fmt: skip
        elif kind == "scales":
            said = gettext("%(what)s at %(pace)s of its pace now") % {
                "what": what, "pace": three_said(row.get("factor"), "pace"),
            }  # fmt: skip
        else:
            said = gettext("%(does)s: %(what)s") % {
                "does": EFFECTS.get(kind, kind),
                "what": what,
            }
        if row.get("at") == "start":
            said = words.listed((said, gettext("from when the work begins")))
        if row.get("until"):
            said = words.listed((said, gettext("to %(day)s") % {"day": plain(row["until"])}))
        return said


EVERYBODY = "everyone"


class Allocations(Rows):
    """Shares of an offer that are kept for some people."""

    name = "allocations"

    def row(self, name: str, worth: Mapping[str, Any], number: int, about: About) -> Row:
        options = self._options(about)
        value = _key(worth.get("to"))
        if value and value not in dict(options):
            options.append((value, rule_said(about, worth.get("to"))))
        return Row(
            _("Share no. %(n)s") % {"n": dates.digits(str(number + 1))},
            [
                forms.Input(f"{name}.to", _("Kept for"), "pick", options, value=value, blank="–"),
                forms.Input(f"{name}.places", _("Places for people"), "number", value=shown("number", worth.get("places"))),
                forms.Input(f"{name}.filled", _("Places already used"), "number", value=shown("number", worth.get("filled"))),
            ],
            _("All shares together are at most the places offered. To take a share out, choose – for whom it is."),
        )  # fmt: skip

    def _options(self, about: About) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = [(EVERYBODY, _("Everybody"))]
        facts = about.rulebook.kinds["person"].facts
        for column in CONDITIONS:
            if column in facts:
                label = words.translated(facts[column].label)
                found += [(f"{column}={value}", f"{label}: {word}") for value, word in about.allowed(column)]  # fmt: skip
        return found

    def taken(
        self, form: forms.Form, start: str, was: Any, touched: set[str], about: About
    ) -> dict[str, Any] | None:
        key = str(form.facts.get(start + "to") or "")
        places = form.facts.get(start + "places")
        if not key:
            if places is not None and (was is None or "to" not in touched):
                form.fail(start + "to", gettext("Say for whom."))
            return None
        if places is None:
            form.fail(start + "places", gettext("How many places?"))
        to: Any = key
        if was is not None and key == _key(was.get("to")):
            to = was.get("to")
        elif key != EVERYBODY:
            column, _sign, value = key.partition("=")
            to = {column: [value]}
        filled = form.facts.get(start + "filled")
        return {"to": to, "places": places} | ({} if filled is None else {"filled": filled})

    def one_said(self, about: About, row: Mapping[str, Any]) -> str:
        said = gettext("%(n)s places for %(whom)s") % {
            "n": plain(row.get("places") or 0), "whom": rule_said(about, row.get("to")),
        }  # fmt: skip
        if not row.get("filled"):
            return said
        return words.listed((said, f"{gettext('Places already used')}: {plain(row['filled'])}"))


def _key(to: Any) -> str:
    """What a list to choose from calls whom a rule of the plan names."""
    if isinstance(to, dict) and to:
        return "&".join(
            f"{column}={'+'.join(map(str, values))}" for column, values in to.items()
        )
    return str(to or "")


def rule_said(about: About, to: Any) -> str:
    """Whom a rule of the plan names; people one by one only by how many they are."""
    if not isinstance(to, dict):
        return gettext("Everybody")
    facts = about.rulebook.kinds["person"].facts
    parts = []
    for column, values in to.items():
        if column == "people":
            found = ngettext(
                "%(n)s person named by number", "%(n)s people named by number", len(values)
            )
            parts.append(found % {"n": dates.digits(str(len(values)))})
            continue
        label = words.translated(facts[column].label) if column in facts else words.code(column)
        parts.append(f"{label}: {words.listed(words.code(str(one)) for one in values)}")
    return words.listed(parts)


class Windows(Rows):
    """The places of an offer, one lot after the other, however the text writes them."""

    name = "windows"

    def rows(self, known: Mapping[str, Any], about: About) -> Iterator[Row]:
        yield from super().rows({"windows": windows_of(known)}, about)

    def row(self, name: str, worth: Mapping[str, Any], number: int, about: About) -> Row:
        return Row(
            _("Places no. %(n)s") % {"n": dates.digits(str(number + 1))},
            [
                forms.Input(f"{name}.places", _("Places for people"), "number", value=shown("number", worth.get("places"))),
                *three(f"{name}.from", worth.get("from"), "range", label=_("Usable from")),
                forms.Input(f"{name}.to", _("Usable to"), "date", value=shown("day", worth.get("to"))),
            ],
            RANGE,
        )  # fmt: skip

    def read(
        self, form: forms.Form, about: About, entry: dict[str, Any], touched: set[str]
    ) -> None:
        if not any(each.startswith("windows.") for each in touched):
            return
        rows = []
        number = 0
        while form.get(f"windows.{number}.places") is not None:
            name = f"windows.{number}"
            places = form.facts.get(f"{name}.places")
            start = read_three(form, f"{name}.from", "range")
            end = form.facts.get(f"{name}.to")
            if places is not None:
                row: dict[str, Any] = {"places": places}
                if start is not None:
                    row["from"] = start
                if end:
                    row["to"] = date.fromisoformat(str(end))
                rows.append((name, row))
            elif start is not None or end:
                form.fail(f"{name}.places", gettext("How many places?"))
            number += 1
        if not rows:
            form.fail("windows.0.places", gettext("How many places?"))
            return
        for gone in ("places", "opens", "windows"):
            entry.pop(gone, None)
        if len(rows) == 1 and "to" not in rows[0][1]:
            entry["places"] = rows[0][1]["places"]
            if "from" in rows[0][1]:
                entry["opens"] = rows[0][1]["from"]
            return
        for name, row in rows:
            if "from" not in row:
                form.fail(f"{name}.from", gettext("From which day?"))
        entry["windows"] = [row for _name, row in rows]

    def said(self, about: About, entry: Mapping[str, Any]) -> str:
        return "; ".join(self.one_said(about, row) for row in windows_of(entry))

    def one_said(self, about: About, row: Mapping[str, Any]) -> str:
        text = gettext("%(n)s places") % {"n": dates.digits(str(row["places"]))}
        if row.get("from") is not None:
            text += " " + gettext("from %(day)s") % {"day": three_said(row["from"])}
        if row.get("to") is not None:
            text += " " + gettext("to %(day)s") % {"day": three_said(row["to"])}
        return text


def windows_of(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The places of an offer one lot after the other, however the text writes them."""
    if "places" in entry:
        return [{"places": entry["places"], "from": entry.get("opens")}]
    return [dict(row) for row in entry.get("windows") or ()]


class Texts(Rows):
    """What a message says in each language, who translated it and who approved it."""

    name = "texts"

    def rows(self, known: Mapping[str, Any], about: About) -> Iterator[Row]:
        texts = known.get("texts") or {}
        for language in dict.fromkeys((*about.plan.languages, *texts)):
            row, name = texts.get(language) or {}, f"texts.{language}"
            asked = [
                forms.Input(f"{name}.text", _("Text"), "words", value=shown("line", row.get("text")), limit=20_000),
                forms.Input(f"{name}.translator", _("Translated by"), "text", value=shown("line", row.get("translator")), hint=_("The role, never a name.")),
                forms.Input(f"{name}.approved_by", _("Approved by"), "text", value=shown("line", row.get("approved_by")), hint=_("The role, never a name. A changed text is a draft again until it is approved.")),
                forms.Input(f"{name}.approved_on", _("Approved on"), "date", value=shown("day", row.get("approved_on"))),
            ]  # fmt: skip
            yield Row(_own(language), asked[1:] if row.get("path") else asked)

    def read(
        self, form: forms.Form, about: About, entry: dict[str, Any], touched: set[str]
    ) -> None:
        texts = dict(entry.get("texts") or {})
        for language in dict.fromkeys((*about.plan.languages, *texts)):
            name = f"texts.{language}"
            if not any(each.startswith(name + ".") for each in touched):
                continue
            row = dict(texts.get(language) or {})
            for part in ("text", "translator", "approved_by", "approved_on"):
                if form.get(f"{name}.{part}") is None:
                    continue
                worth = form.facts.get(f"{name}.{part}")
                if part == "text" and worth:
                    worth = str(worth).replace("\r\n", "\n")
                if part == "approved_on" and worth:
                    worth = date.fromisoformat(str(worth))
                put(row, part, worth)
            approval = {f"{name}.approved_by", f"{name}.approved_on"}
            if f"{name}.text" in touched and not approval & touched:
                row.pop("approved_by", None)  # what was approved was another text
                row.pop("approved_on", None)
            if "text" in row or "path" in row:
                texts[language] = row
            else:
                texts.pop(language, None)
        entry["texts"] = texts
        if not texts:
            for each in form.inputs:
                if each.name.endswith(".text") and not form.problems:
                    each.error = gettext("A message needs a text in at least one language.")

    def pairs(
        self, label: Any, about: About, was: Mapping[str, Any], new: Mapping[str, Any]
    ) -> list[tuple[Any, str, str]]:
        old, now = was.get("texts") or {}, new.get("texts") or {}
        return [
            (f"{label}, {_own(code)}", _text_said(old.get(code)), _text_said(now.get(code)))
            for code in dict.fromkeys((*old, *now))
        ]


def _own(language: str) -> str:
    """What a language calls itself."""
    return words.language(language)


def _text_said(row: Mapping[str, Any] | None) -> str:
    if not row:
        return ""
    text = str(row.get("text") or row.get("path") or "")
    state = (
        gettext("approved by %(who)s") % {"who": row["approved_by"]}
        if row.get("approved_by") and row.get("approved_on") else gettext("draft")
    )  # fmt: skip
    return f"{text} ({state})"


LISTS: Mapping[str, Rows] = {
    each.name: each for each in (Windows(), Allocations(), Texts(), Effects())
}
