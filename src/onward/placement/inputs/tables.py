"""What placement needs to know, as plain tables.

Placement works the same from an operation's record and from a few files, so both fill the same
tables: cases, programmes (one row per window), limits, conditional pledges, scores, what the
safeguards left open, locks and last week's proposal. In: rows made by a caller (`files` reads
them from files). Out: `Tables`. Nothing is guessed: a blank consent is no consent, a pair that
was not scored is not a possible pair once scores are given at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from onward.placement.inputs.scores import ScoreColumns

PRIORITIES = ("emergency", "urgent", "normal")
PLEDGE_STATES = ("verbal", "offered", "confirmed", "open", "exhausted", "withdrawn")
CONFIDENTIALITY = ("public", "partners", "sensitive")
LIMIT_KINDS = ("cap", "earmark")
FOR_SHARE = "those for whom the share is kept"
BUT_SHARE = f"everybody but {FOR_SHARE}"


@dataclass(frozen=True, slots=True)
class Case:
    """One case: people who are processed together and never split.

    Lists are tuples of codes. Destinations in `refused`, `forbidden`, `preferred`, `consents`
    and `ties` are names of programmes or of countries. `consents` is None when the input holds
    no consents at all (then the proposal says so); an empty tuple means: consented to none.
    `sex` and `age` are those of the principal applicant; `people` holds the sex and age of every
    person of the case, and is empty where they are not known one by one.

    unmet   programmes of whose declared conditions one is not known to be met; which, and by
            whom, stays with the record
    shares  named shares of programmes (`Selector.shares`) that are kept for this case too
    """

    case: str
    size: int
    household: str = ""
    split_agreed: bool = False
    nationality: str = ""
    category: str = ""
    category_2: str = ""
    priority: str = "normal"
    needs: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    ready_on: date | None = None
    leave_by: date | None = None
    ties: tuple[str, ...] = ()
    linked_to: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    preferred: tuple[str, ...] = ()
    consents: tuple[str, ...] | None = None
    locked: str = ""
    locked_window: str = ""
    sex: str = ""
    age: int | None = None
    single_parent: bool | None = None
    registered_on: date | None = None
    people: tuple[tuple[str, int | None], ...] = ()
    unmet: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(c for c in (self.category, self.category_2) if c)


@dataclass(frozen=True)
class Selector:
    """Whom a limit or a pledge counts: empty fields select everybody.

    shares   the cases for whom one of these shares is kept; `outside`: everybody else
    """

    categories: tuple[str, ...] = ()
    nationalities: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    min_size: int | None = None
    max_size: int | None = None
    shares: tuple[str, ...] = ()
    outside: bool = False

    def selects(self, case: Case) -> bool:
        if self.shares and bool(set(self.shares) & set(case.shares)) == self.outside:
            return False
        if self.categories and not set(self.categories) & set(case.categories):
            return False
        if self.nationalities and case.nationality not in self.nationalities:
            return False
        if self.needs and not set(self.needs) & set(case.needs):
            return False
        if self.min_size is not None and case.size < self.min_size:
            return False
        return not (self.max_size is not None and case.size > self.max_size)

    def words(self) -> str:
        parts = []
        if self.shares:
            parts.append(BUT_SHARE if self.outside else FOR_SHARE)
        if self.categories:
            parts.append("category " + "/".join(self.categories))
        if self.nationalities:
            parts.append("nationality " + "/".join(self.nationalities))
        if self.needs:
            parts.append("need " + "/".join(self.needs))
        if self.min_size is not None:
            parts.append(f"{self.min_size} persons or more")
        if self.max_size is not None:
            parts.append(f"{self.max_size} persons or fewer")
        return ", ".join(parts) or "everybody"


@dataclass(frozen=True)
class Window:
    """One programme in one window: places in persons and whom the country accepts.

    closes and the case's leave-by date bound the departure; ready-on plus `processing_days`
    must not lie after them. Empty `nationalities` or `categories` accept all.
    """

    programme: str
    persons: int
    window: str = ""
    country: str = ""
    channel: str = ""
    opens: date | None = None
    closes: date | None = None
    processing_days: int = 0
    min_size: int | None = None
    max_size: int | None = None
    nationalities: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    excluded_needs: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    state: str = "open"
    valid_to: date | None = None
    confidentiality: str = "partners"

    @property
    def name(self) -> str:
        return f"{self.programme}, {self.window}" if self.window else self.programme

    @property
    def destination(self) -> str:
        return self.country or self.programme

    @property
    def last_day(self) -> date | None:
        days = [day for day in (self.closes, self.valid_to) if day is not None]
        return min(days) if days else None


@dataclass(frozen=True)
class Limit:
    """A sub-quota. `cap`: at most so many of the selected persons. `earmark`: so many places
    are kept for the selected persons, which caps everyone else at the places that remain.

    programme  a programme, a country, or "all"
    window     blank counts all windows together
    """

    limit: str
    programme: str
    persons: int
    window: str = ""
    kind: str = "cap"
    who: Selector = Selector()


@dataclass(frozen=True)
class Pledge:
    """A conditional pledge: `opens_programme` opens places once `if_programme` has taken
    `if_persons` of the selected persons."""

    pledge: str
    if_programme: str
    if_persons: int
    opens_programme: str
    opens_persons: int
    opens_window: str = ""
    who: Selector = Selector()
    state: str = "open"


@dataclass(frozen=True, slots=True)
class Opening:
    """What the safeguards answered for one case and one destination (a country or programme).

    The operation adapter fills this table by asking the safeguards room; placement never
    decides it. A pair that is missing is not open. told: a proposal may say the reason."""

    case: str
    destination: str
    allowed: bool
    reason: str = ""
    told: bool = True


@dataclass(frozen=True)
class Lock:
    """The officer's word: this case goes there (window blank: any window of the programme).
    A blank programme holds the case back: it is not placed in this proposal."""

    case: str
    programme: str
    window: str = ""
    by: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Tables:
    """Everything one proposal is made from. `openings` None: the safeguards were not asked.

    scores     given as any sequence of `Score`, kept as columns
    expected   cases expected later, of which `rolling.keep_for_later` knew
    kept       (case, programme, window) not proposed now: kept for those expected later"""

    cases: tuple[Case, ...]
    windows: tuple[Window, ...]
    limits: tuple[Limit, ...] = ()
    pledges: tuple[Pledge, ...] = ()
    scores: ScoreColumns | None = None
    openings: tuple[Opening, ...] | None = None
    locks: tuple[Lock, ...] = ()
    previous: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    on: date | None = None
    expected: int = 0
    kept: tuple[tuple[str, str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.scores is not None:
            object.__setattr__(self, "scores", ScoreColumns.of(self.scores))

    def in_order(self) -> Tables:
        """The same tables, sorted by name, so that the order of rows in a file is nothing."""
        return replace(
            self,
            cases=tuple(sorted(self.cases, key=lambda c: c.case)),
            windows=tuple(sorted(self.windows, key=window_key)),
            limits=tuple(sorted(self.limits, key=lambda x: (x.limit, x.programme, x.window))),
            pledges=tuple(sorted(self.pledges, key=lambda p: p.pledge)),
            scores=None if self.scores is None else self.scores.in_order(),
            openings=None
            if self.openings is None
            else tuple(sorted(self.openings, key=lambda o: (o.case, o.destination))),
            locks=tuple(sorted(self.locks, key=lambda x: (x.case, x.programme, x.window))),
            previous=dict(sorted(self.previous.items())),
        )


def window_key(window: Window) -> tuple[str, str, str]:
    opens = window.opens or window.closes
    return (window.programme, opens.isoformat() if opens else "", window.window)
