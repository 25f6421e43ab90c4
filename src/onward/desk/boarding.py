"""The form of a convoy: what it showed of somebody, what was marked on it, and what that changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from onward.errors import OnwardError
from onward.registry.models import ThingNow

GONE = ("departed", "arrived")
"""States of a convoy that left."""

_WORDS: Mapping[bool | None, str] = {True: "yes", False: "no", None: ""}


class Meanwhile(OnwardError):
    """Somebody else said otherwise of these seats while the form was open."""

    def __init__(self, seats: Collection[str]) -> None:
        super().__init__(
            _(
                "Somebody else said otherwise of some people while this page was open. Nothing of yours was recorded yet. They are marked below, with what is on record now; everything else is as you marked it. Look at them and send it again."
            )
        )
        self.seats = frozenset(seats)


def words_of(facts: Mapping[str, Any]) -> dict[str, str]:
    """What is on record of somebody, in the words of the form."""
    return {
        "boarded": _WORDS[facts.get("boarded")],
        "arrived": _WORDS[facts.get("arrived")],
        "explained": str(facts.get("explained") or ""),
    }


def as_shown(facts: Mapping[str, Any]) -> str:
    """The same in one field, which the form sends back."""
    return "/".join(words_of(facts).values())


def marked(seat: ThingNow, sent: QueryDict) -> dict[str, str]:
    """What is marked on the form: a choice that was left alone is not sent, and stays as it was."""
    was = _was(seat, sent)
    return {name: sent.get(f"{name}-{seat.thing}", word) for name, word in was.items()}


def changed(seat: ThingNow, sent: QueryDict, called: str) -> dict[str, str] | None:
    """What the form says of somebody and did not show before; None where somebody else said
    otherwise meanwhile.

    called  boarded or arrived, where that roll was called: whoever is not marked otherwise did.
            Who came onto the manifest after the form was opened was on nobody's roll.
    """
    now, was, said = words_of(seat.facts), _was(seat, sent), marked(seat, sent)
    if (
        called and f"shown-{seat.thing}" in sent
        and not said[called] and not said["explained"]
        and (called == "boarded" or now["boarded"] == "yes")
    ):  # fmt: skip
        said[called] = "yes"
    mine = {name: word for name, word in said.items() if word != was[name]}
    if any(now[name] not in (was[name], word) for name, word in mine.items()):
        return None
    return {name: word for name, word in mine.items() if word != now[name]}


def state_after(
    convoy: ThingNow, said: Mapping[str, Mapping[str, Any]], *, arrived: bool
) -> Any:
    """The state of a convoy once this is said of its seats.

    It left when the first is said to have boarded, and arrived when the first is said to have, or when
    the roll was called there (`arrived`). Who did not board, or did not arrive, settles that person
    only.
    """
    now = convoy.facts.get("state")
    if arrived or any(one.get("arrived") is True for one in said.values()):
        return "arrived"
    if now not in GONE and any(one.get("boarded") is True for one in said.values()):
        return "departed"
    return now


def nobody_left(seats: Sequence[ThingNow], said: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether it turns out that none of those who were said to have boarded did."""
    aboard = {seat.thing for seat in seats if seat.facts.get("boarded") is True}
    off = {thing for thing, one in said.items() if one.get("boarded", True) is not True}
    return (
        bool(aboard) and aboard <= off and not any(one.get("boarded") for one in said.values())
    )


def _was(seat: ThingNow, sent: QueryDict) -> dict[str, str]:
    """What the form showed; where it does not say, what is on record."""
    now = words_of(seat.facts)
    shown = sent.get(f"shown-{seat.thing}", as_shown(seat.facts)).split("/")
    return dict(zip(now, shown, strict=True)) if len(shown) == len(now) else now
