"""Words for what the rulebook declares, in the reader's language.

The rulebook speaks English; its titles, labels, sentences and remedies are message ids of the
desk's catalogues. A word no catalogue knows is shown as the rulebook writes it. Translations
are drafts until a named person approves them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from onward.desk import dates
from onward.report import tongues
from onward.rulebook.codes import code_title
from onward.rulebook.model import Move, Rulebook

STATUS = {
    "open": _("Open"),
    "blocked": _("Blocked"),
    "unknown": _("Not known"),
    "overdue": _("Overdue"),
    "due": _("Due"),
    "done": _("Done"),
    "paused": _("Paused"),
    "breach": _("Breach"),
    "draft": _("Draft"),
    "now": _("Now"),
    "gone": _("Not here"),
    "ended": _("Ran out"),
    "sealed": _("Sealed"),
}

# The outcomes of steps, as buttons and lists say them. Keys are the rulebook's.
OUTCOMES = {
    "done": _("done"),
    "held": _("held"),
    "declined": _("declined"),
    "return": _("return"),
    "protection": _("protection"),
    "resettlement": _("resettlement"),
    "onward": _("onward departure"),
    "relocation": _("relocation"),
    "stay": _("lawful stay"),
    "handover": _("hand-over"),
    "none": _("no choice"),
    "withdrawn": _("withdrawn"),
    "verified": _("verified"),
    "lapsed": _("lapsed"),
    "lodged": _("lodged"),
    "recognised": _("recognised"),
    "complementary": _("complementary protection"),
    "rejected": _("rejected"),
    "excluded": _("excluded"),
    "overturned": _("overturned"),
    "upheld": _("upheld"),
    "expired": _("expired"),
    "back": _("came back"),
    "accepted": _("accepted"),
    "split": _("split decision"),
    "deferred": _("deferred"),
    "denied": _("denied"),
    "departed": _("departed"),
    "arrived": _("arrived"),
    "signed": _("waiver signed"),
    "left_unassisted": _("left without help"),
    "proposed": _("proposed"),
    "assessed": _("assessed"),
    "dropped": _("dropped"),
    "notified": _("notified"),
    "cleared": _("cleared"),
    "stopped": _("stopped"),
    "contacted": _("contacted"),
    "closed": _("closed"),
    "absent": _("absent"),
    "deceased": _("died"),
    "reappeared": _("came back"),
}

ALWAYS = {
    "recorded": _("Facts recorded"),
    "registered": _("Registered"),
    "merged": _("Merged with another record"),
    "retracted": _("Taken back"),
    "adopted": _("Rulebook adopted"),
    "breach": _("Breach opened"),
    "override": _("Safeguard set aside by two people"),
}

LANGUAGES = (("fa", "فارسی"), ("ar", "العربية"), ("ckb", "کوردیی ناوەندی"), ("ku", "Kurmancî"),
             ("az", "آذری"), ("ps", "پښتو"), ("en", "English"), ("fr", "Français"))  # fmt: skip
"""Languages people are heard in, by what each calls itself; forms offer these."""
_MORE_LANGUAGES = {"prs": "دری", "ur": "اردو"}

# Classes of fields, parts of a name and scripts: English here, translated where shown.
GROUPS: tuple[tuple[str, Any], ...] = (
    ("biodata", "Birth date, sex, nationality, language"),
    ("internal", "Household, site, registration"),
    ("confidential", "Casework"),
    ("needs", "Specific needs and capacity"),
    ("medical", "Health"),
    ("complaints", "Complaints, coercion, incidents"),
    ("grounds", "Claims, risk findings and affiliation"),
)


PARTS = {
    "given": "Given name", "father": "Father's name", "grandfather": "Grandfather's name",
    "family": "Family name", "title": "Title", "nom_de_guerre": "Name used in the group",
    "mother": "Mother's name", "full": "Name",
}  # fmt: skip
SCRIPTS = {"Arab": "Arabic script", "Latn": "Latin script"}


# What the plan's room says of its clocks, with numbers and names in it.
PLAN_SAYS = (
    (r"must be reviewed by this day", _("must be reviewed by this day")),
    (r"takes effect", _("takes effect")),
    (r"unused places lapse", _("unused places lapse")),
    (
        r"last day to ask for renewal, (\d+) days before expiry",
        _("last day to ask for renewal, %(one)s days before expiry"),
    ),
    (
        r"every step that relies on it is blocked at once",
        _("every step that relies on it is blocked at once"),
    ),
    (r"basis review required", _("basis review required")),
)


def plan_says(text: str) -> str:
    """What the plan says of a clock, part by part; what somebody wrote into it stays as it is."""
    parts = []
    for part in filter(None, text.split("; ")):
        for pattern, said in PLAN_SAYS:
            if match := re.fullmatch(pattern, part):
                one = dates.digits(match[1]) if match.groups() else ""
                part = str(said) % {"one": one} if one else str(said)
                break
        parts.append(part)
    return listed(parts, ";")


HEADLINE = re.compile(
    r"([\d,]+) people are here, with ([\d,]+) days until (\d{1,2} \w{3} \d{4})"
    r"(?:\. Under the plan as it stands, between ([\d,]+) and ([\d,]+) of them will probably "
    r"still be here then \(8 futures in 10\))?\."
)
FILES = {"html": _("Page"), "pdf": _("Paper"), "xlsx": _("Workbook"), "json": _("Data")}


def headline(text: str) -> str:
    """A report's headline in the reader's language; "" where it says something else than usual."""
    from datetime import datetime

    found = HEADLINE.fullmatch(text)
    if found is None or (get_language() or "en").startswith("en"):
        return text if found else ""
    people, days, until, low, high = found.groups()
    day = datetime.strptime(until, "%d %b %Y").date()  # noqa: DTZ007
    count = [
        dates.counted(int(n.replace(",", ""))) if n else "" for n in (people, days, low, high)
    ]
    said = gettext("%(people)s people are here, with %(days)s days until %(day)s.") % {
        "people": count[0], "days": count[1], "day": dates.shown(day),
    }  # fmt: skip
    if low:
        said += " " + gettext(
            "Under the plan as it stands, between %(low)s and %(high)s of them will probably still be here then (8 futures in 10)."
        ) % {"low": count[2], "high": count[3]}
    return dates.digits(said)


PURPOSES = {
    "return": _("Assurance from %(country)s for return"),
    "hand-over": _("Assurance from %(country)s for hand-over"),
    "taking the site over": _("Assurance from %(country)s for taking the site over"),
}
MORE_REASONS = {"Resettlement place": _("Resettlement place")}


def reason(text: str) -> str:
    """What is behind a reason of a forecast, in the reader's language."""
    if found := re.fullmatch(r"Assurance from (.+) for ([a-z -]+)", text):
        said = PURPOSES.get(found[2])
        if said is not None:
            return str(said) % {"country": translated(found[1])}
    return str(MORE_REASONS.get(text) or translated(text))


PROGRESS = (
    (r"([\d,]+) futures of ([\d,]+) days", _("Playing %(one)s futures of %(two)s days")),
    (
        r"Placing ([\d,]+) cases in ([\d,]+) windows",
        _("Placing %(one)s cases in %(two)s windows"),
    ),
    (r"([\d,]+) of ([\d,]+): decided on .*", _("%(one)s of %(two)s days tried")),
    (r"([\d,]+) of ([\d,]+): .*", _("%(one)s of %(two)s scenarios")),
    (r"Working out where the width comes from", _("Working out where the width comes from")),
    (r"Judging past months by the safeguards", _("Judging past months by the safeguards")),
    (r"Asking the safeguards for each country", _("Asking the safeguards for each country")),
    (r"Saying why", _("Saying why")),
)


def progress(text: str) -> str:
    """What long work says of itself, in the reader's language."""
    for pattern, said in PROGRESS:
        if match := re.fullmatch(pattern, text):
            numbers = [dates.counted(int(n.replace(",", ""))) for n in match.groups()]
            return (
                str(said) % dict(zip(("one", "two"), numbers, strict=False))
                if numbers
                else str(said)
            )
    return gettext(text)


def status(name: str) -> Any:
    return STATUS.get(name, name)


def translated(text: str) -> str:
    """A text of the rulebook in the reader's language; empty stays empty."""
    return gettext(text) if text else ""


def state(rulebook: Rulebook, axis: str, name: str | None) -> str:
    """The title of a state; "Not known" where none is on record."""
    if not name:
        return str(STATUS["unknown"])
    found = rulebook.axes[axis].states.get(name)
    return translated(found.title) if found else name


def outcome(name: str) -> str:
    return str(OUTCOMES.get(name, name.replace("_", " ")))


def move(rulebook: Rulebook, key: str) -> str:
    """ "Confirm return", or "Interview: held" where a step has several outcomes."""
    found: Move | None = rulebook.moves().get(key)
    if found is None:
        return event_kind(rulebook, key)
    step = rulebook.transitions[found.transition]
    title = translated(step.title)
    if len(step.moves) == 1:
        return title
    return gettext("%(step)s: %(outcome)s") % {"step": title, "outcome": outcome(found.name)}


def steps_named(rulebook: Rulebook, text: str) -> str:
    """A text in which steps stand by their keys, with their titles instead."""

    def title(found: re.Match[str]) -> str:
        key = found[0]
        if key in rulebook.moves():
            return move(rulebook, key)
        step = rulebook.transitions.get(key)
        return translated(step.title) if step else key

    return re.sub(r"\bT\d+[a-z]?(?:\.[a-z_]+)?\b", title, text)


HAPPENINGS = {
    "none": _("Does not choose now"),
    "withdrawn": _("Withdraws the choice"),
    "declined": _("Declines the interview"),
    "lodged": _("Lodges a claim"),
    "legal.withdrawn": _("Withdraws the claim"),
    "left_unassisted": _("Left without help"),
    "absent": _("Is absent"),
    "deceased": _("Has died"),
    "reappeared": _("Came back"),
    "back": _("Came back from the site"),
    "lapsed": _("Renunciation lapsed"),
    "deferred": _("The State deferred"),
    "denied": _("The State denied"),
    "arrived": _("Arrived"),
    "expired": _("The stay expired"),
    "dropped": _("Hand-over dropped"),
    "stopped": _("Hand-over stopped"),
}
"""By the rulebook's word for an outcome, with the axis it changes where one word means two things."""


def happening(rulebook: Rulebook, key: str) -> str:
    """What somebody did or suffered, as a button says it."""
    found = rulebook.moves()[key]
    for word in (*(f"{axis}.{found.name}" for axis in found.targets), found.name):
        if found.records and word in HAPPENINGS:
            return str(HAPPENINGS[word])
    return move(rulebook, key)


def event_kind(rulebook: Rulebook, kind: str) -> str:
    if kind in rulebook.moves():
        return move(rulebook, kind)
    return str(ALWAYS.get(kind, kind))


# Codes that are no English words, for who reads English; the catalogues translate the code.
SPELT = {
    "National id": "National identity card",
    "Rsd": "Refugee status determination", "Follow up": "Follow-up",
    "Onward": "Onward departure", "Handover": "Hand-over",
    "Sc resolution": "Security Council resolution", "Mou": "Memorandum of understanding",
    "Sop": "Standard operating procedure",
}  # fmt: skip


def code(value: str) -> str:
    """An allowed value of a fact: the catalogue's word for it, else the value without bars."""
    text = value.replace("_", " ")
    text = code_title(text[:1].upper() + text[1:])
    said = translated(text)
    return SPELT.get(text, said) if said == text else said


PROFILES = {
    "desk": _("Columns chosen at the desk"),
    "kobo-household": _("KoBo: one form for each household"),
    "primero-like": _("As Primero exports cases"),
    "progres-like": _("As proGres exports individuals"),
}
"""Profiles of lists that come with the product, and the one a form at the desk writes."""


def profile(name: str | None) -> str:
    """What a list was read with: a profile of ours in words, an office's own by its name."""
    if not name:
        return "–"
    return str(PROFILES[name]) if name in PROFILES else code(name.replace("-", "_"))


def sign(mark: str) -> str:
    """A comma, a semicolon or a colon as the reader's language writes it."""
    return tongues.sign(mark, get_language() or "en")


def listed(parts: Iterable[str], mark: str = ",") -> str:
    """Words or parts of a sentence one after another, as the reader's language parts them."""
    return tongues.listed(parts, get_language() or "en", mark)


def in_rows(text: str) -> str:
    """Where something stands in a list: "row 214", "line 3" with the reader's word and digits."""
    said = re.sub(
        r"\brow (\d+)\b", lambda at: gettext("row %(n)s") % {"n": dates.digits(at[1])}, text
    )
    return re.sub(
        r"\bline (\d+)\b",
        lambda at: gettext("line %(line)s") % {"line": dates.digits(at[1])},
        said,
    )


def language(code: str) -> str:
    """What a language calls itself; its code where that is not known."""
    return {**dict(LANGUAGES), **_MORE_LANGUAGES}.get(code, code)


def site(name: str) -> str:
    """A site as people call it, from the code it is recorded under."""
    text = name.replace("-", " ").replace("_", " ")
    text = text[:1].upper() + text[1:]
    said = translated(text)
    # What no catalogue knows stands on another language's page as the office writes it.
    return name if said == text and not (get_language() or "en").startswith("en") else said


ACTIONS = {
    "sign-in": _("Signed in"), "sign-out": _("Signed out"),
    "factor.used": _("Second factor used"), "factor.added": _("Second factor added"),
    "factor.removed": _("Second factor removed"), "start": _("Start code used"),
    "lock": _("Screen locked"), "leave": _("Left quickly"), "panic": _("All sessions ended"),
    "account.frozen": _("Account frozen"), "person.unassign": _("Assignment ended"),
    "key.drill": _("Recovery drill held"), "key.renewed": _("Keys renewed"),
}  # fmt: skip
"""What the log of access calls what is not an action of the table of roles."""
