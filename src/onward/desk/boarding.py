"""The form of a convoy: what it showed of somebody, what was marked on it, and what that changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from onward.errors import OnwardError
from onward.registry.models import ThingNow

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


def _was(seat: ThingNow, sent: QueryDict) -> dict[str, str]:
    """What the form showed; where it does not say, what is on record."""
    now = words_of(seat.facts)
    shown = sent.get(f"shown-{seat.thing}", as_shown(seat.facts)).split("/")
    return dict(zip(now, shown, strict=True)) if len(shown) == len(now) else now
