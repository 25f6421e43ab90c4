"""What the plan says of its offers, as placement counts it: windows, shares, conditions.

Exists because an offer that is put forward to the wrong people is lost, and its people with it:
whatever a pledge declares must reach the proposal. Comes in: the plan's pledges with places that
count, and the people of each case. Goes out: windows with the places left, caps and earmarks for
its shares, what opens after another offer, and per case the offers whose conditions it is not
known to meet. An unknown answer never meets a condition.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from onward.placement.inputs.tables import PRIORITIES, Limit, Selector, Window
from onward.placement.inputs.tables import Pledge as Opens
from onward.plan.model import Plan, Pledge, Rule

Person = Mapping[str, Any]
MOST_TOGETHER = 4
"""Shares of one offer of which every combination is kept free; of more, each and all of them."""


@dataclass(frozen=True)
class Offers:
    """One plan's offers as tables, and the pledges they were made from."""

    pledges: tuple[Pledge, ...]
    windows: tuple[Window, ...]
    opens: tuple[Opens, ...]
    limits: tuple[Limit, ...]

    def unmet(self, members: Sequence[Person]) -> tuple[str, ...]:
        """The offers of whose conditions one is not known to be met by these people."""
        return tuple(pledge.id for pledge in self.pledges if not _meets(pledge, members))

    def shares(self, members: Sequence[Person]) -> tuple[str, ...]:
        """The shares of offers that are kept for these people."""
        return tuple(name for pledge in self.pledges for name in _shares_of(pledge, members))


def offers(
    plan: Plan,
    pledges: Sequence[Pledge],
    on: dt.date,
    put_forward: Sequence[tuple[str, Sequence[Person]]] = (),
) -> Offers:
    """The offers of a plan that count, on a day.

    pledges      those with places that count
    put_forward  (country, people) of each case that was put forward and has not left: it has a
                 place, until the country says no
    """
    taken, of_shares = _taken(plan, pledges, put_forward)
    windows: list[Window] = []
    opens: list[Opens] = []
    limits: list[Limit] = []
    for pledge in pledges:
        waits = _still_to_leave(plan, pledge)
        earliest = _not_before(plan, pledges, pledge, waits, on)
        used = pledge.filled_people + taken[pledge.id]
        left = 0
        for number, window in enumerate(pledge.windows, 1):
            places = max(window.places_people - used, 0)
            used = max(used - window.places_people, 0)
            closes = window.end or pledge.valid_to
            if closes is not None and closes < on:
                continue
            left += places
            made = Window(
                programme=pledge.id,
                # Those that wait for another offer are opened by its row, never by themselves.
                persons=0 if waits else places,
                window=str(number),
                country=pledge.country,
                channel=pledge.channel,
                opens=max(window.start.likely, earliest),
                closes=closes,
                processing_days=pledge.processing_days,
                min_size=2 if pledge.families_only else None,
                max_size=pledge.max_size,
                excluded_needs=pledge.excluded_needs,
                nationalities=tuple(pledge.conditions.get("nationality", ())),
                categories=tuple(pledge.conditions.get("categories", ())),
                state=pledge.state,
                valid_to=pledge.valid_to,
                confidentiality=pledge.confidentiality,
            )
            windows.append(made)
            after = pledge.conditional_on
            if after is not None and waits and places and _counts(pledges, after.pledge):
                opens.append(
                    Opens(
                        pledge=f"{pledge.id}/{number}",
                        if_programme=after.pledge,
                        if_persons=waits,
                        opens_programme=pledge.id,
                        opens_persons=places,
                        opens_window=str(number),
                        state=pledge.state,
                    )
                )
        limits += _limits(pledge, left, of_shares, waits=bool(waits))
    return Offers(tuple(pledges), tuple(windows), tuple(opens), tuple(limits))


SHARE = " share "
"""What stands between an offer's id and the numbers of its shares in the name of a limit."""


def share_name(pledge: Pledge, *numbers: int) -> str:
    """What shares of an offer are called in a proposal: never by whom they are for."""
    return f"{pledge.id}{SHARE}{'+'.join(map(str, numbers))}"


def accepts(members: Sequence[Person], column: str, values: Sequence[str]) -> bool:
    """Whether people are known to meet one condition of an offer.

    What is said of a case as a whole, its categories, needs and priority, needs one member;
    everything else must be known of every member, and be accepted.
    """
    if not members:
        return False
    if column == "priority":
        found = {member.get(column) for member in members}
        return next((p for p in PRIORITIES if p in found), None) in values
    answers = [member.get(column) for member in members]
    if any(isinstance(answer, list) for answer in answers):
        return any(value in (answer or ()) for answer in answers for value in values)
    return all(answer in values for answer in answers)


def _covers(rule: Rule, members: Sequence[Person]) -> bool:
    """Whether a rule is known to cover every one of these people."""
    if rule.people:
        return bool(members) and all(member["id"] in rule.people for member in members)
    return all(accepts(members, column, values) for column, values in rule.columns.items())


def _taken(
    plan: Plan, pledges: Sequence[Pledge], put_forward: Sequence[tuple[str, Sequence[Person]]]
) -> tuple[dict[str, int], dict[str, int]]:
    """How many places of each offer, and of each share, those put forward have.

    Of several offers of a country, the first that has room and whose conditions they are known to
    meet; else the first that has room.
    """
    taken = {pledge.id: 0 for pledge in pledges}
    of_shares: dict[str, int] = {}
    for country, members in put_forward:
        open_to = [
            pledge
            for pledge in pledges
            if pledge.country == country
            and not _still_to_leave(plan, pledge)
            and pledge.filled_people + taken[pledge.id] < pledge.places_people
        ]
        meant = [pledge for pledge in open_to if _meets(pledge, members)] or open_to
        if meant:
            pledge = meant[0]
            taken[pledge.id] += len(members)
            for name in _shares_of(pledge, members)[:1]:
                of_shares[name] = of_shares.get(name, 0) + len(members)
    return taken, of_shares


def _meets(pledge: Pledge, members: Sequence[Person]) -> bool:
    return all(accepts(members, column, values) for column, values in pledge.conditions.items())


def _shares_of(pledge: Pledge, members: Sequence[Person]) -> tuple[str, ...]:
    return tuple(
        share_name(pledge, number)
        for number, share in enumerate(pledge.allocations, 1)
        if not share.to.everyone and _covers(share.to, members)
    )


def _limits(
    pledge: Pledge, left: int, of_shares: Mapping[str, int], *, waits: bool
) -> Iterable[Limit]:
    """The limits by which shares are kept for some people: everybody else has the rest.

    left       places of the offer that are left, in all its windows
    of_shares  places of a share that people put forward have
    waits      its places are opened after another offer's, so that they are none by themselves
    """
    kept = {
        number: max(
            share.places_people
            - share.filled_people
            - of_shares.get(share_name(pledge, number), 0),
            0,
        )
        for number, share in enumerate(pledge.allocations, 1)
        if not share.to.everyone
    }
    numbers = sorted(number for number, places in kept.items() if places)
    sizes: Sequence[int] = range(1, len(numbers) + 1)
    if len(numbers) > MOST_TOGETHER:
        sizes = (1, len(numbers))
    for some in (some for size in sizes for some in combinations(numbers, size)):
        # Who is in none of these shares has the places that none of them keeps.
        places = min(sum(kept[number] for number in some), left)
        name = share_name(pledge, *some)
        who = tuple(share_name(pledge, number) for number in some)
        if waits:
            yield Limit(name, pledge.id, left - places, who=Selector(shares=who, outside=True))
        else:
            yield Limit(name, pledge.id, places, kind="earmark", who=Selector(shares=who))


def _counts(pledges: Sequence[Pledge], name: str) -> bool:
    return any(pledge.id == name for pledge in pledges)


def _still_to_leave(plan: Plan, pledge: Pledge) -> int:
    """How many people must still take another offer before this one opens; 0: it is open."""
    after = pledge.conditional_on
    if after is None:
        return 0
    return max(after.departed_people - plan.pledges[after.pledge].filled_people, 0)


def _not_before(
    plan: Plan, pledges: Sequence[Pledge], pledge: Pledge, waits: int, on: dt.date
) -> dt.date:
    """The first day that what an offer waits for leaves to it.

    Where enough people have left, they had by the day on which what the plan says was true; where
    not, nobody more can leave before the day of the proposal, or before the other offer opens.
    """
    after = pledge.conditional_on
    if after is None:
        return dt.date.min
    met = plan.as_of
    if waits:
        starts = [
            window.start.likely
            for window in plan.pledges[after.pledge].windows
            if (closes := window.end or plan.pledges[after.pledge].valid_to) is None
            or closes >= on
        ]
        met = max(on, min(starts, default=on))
    return met + dt.timedelta(days=after.delay_days)
