"""When people, or somebody else, may be told a message of the plan.

Exists so that every door asks the same question before a message is read out: is it meant for
them, and does nothing hold it back? In come a plan, one of its messages and a day; out comes yes
or no. Whether somebody approved its text is asked of the text.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from onward.plan.model import Message, Plan

TO_PEOPLE = ("everyone", "group", "individual")


def may_be_told(
    plan: Plan, message: Message, on: dt.date, to: Collection[str] = TO_PEOPLE
) -> bool:
    """Whether people (or another audience) may be told this on a day: meant for them, and held
    back by no embargo, by no day of release, and by no work that is still to be done."""
    if message.audience not in to:
        return False
    if message.embargo_until is not None and on < message.embargo_until.latest:
        return False
    if message.released is not None and on < message.released:
        return False
    if message.released_after:
        done = done_on(plan, message.released_after)
        return done is not None and done <= on
    return True


def replaced(plan: Plan) -> set[str]:
    """The messages in whose place another one stands."""
    return {message.supersedes for message in plan.messages.values() if message.supersedes}


def done_on(plan: Plan, id: str) -> dt.date | None:
    """The day work was done or a milestone reached; None while it is not."""
    if id in plan.actions:
        return plan.actions[id].finished
    days = [done_on(plan, each) for each in plan.milestones[id].after]
    known = [day for day in days if day is not None]
    return max(known) if known and len(known) == len(days) else None
