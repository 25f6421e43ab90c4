"""Places: what third countries offer, what is open of it, and what the latest proposal would use."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from onward.report.counted import by_grouping, stopped_by, table_of
from onward.report.disclosure import TOTAL
from onward.report.ledger import LEAST_BEHIND
from onward.report.model import Block, Cell, Section, Table, Text, count, share, words
from onward.report.phrases import day_text, decimal, plain_name, sentence_case
from onward.report.writer import Writer
from onward.rulebook.codes import code_title


def pledges(w: Writer) -> Section | None:
    known = w.offers.known
    if not known:
        return None
    rows = [
        [words(w.country(p.country)), words(p.channel.replace("_", " ")), words(p.state),
         Cell(f"{p.places_people:,}", p.places_people),
         words("conditional" if p.conditional_on else "–"), words(day_text(p.valid_to))]
        for p in known
    ]  # fmt: skip
    blocks: list[Block] = []
    for capacity in w.counted.capacities if w.internal else ():
        pledged = sum(p.places_people for p in known if p.capacity == capacity and p.sure)
        # Allocations that name people on a list are places held for them.
        kept = sum(
            max(share.places_people - share.filled_people, 0)
            for p in known
            if p.capacity == capacity and p.sure
            for share in p.allocations
            if share.to.people
        )
        table = f"places {capacity}"
        waiting, gone = w.ledger.value(table, "waiting"), w.ledger.value(table, "departed")
        free = (
            None if waiting is None or gone is None else max(pledged - waiting - gone - kept, 0)
        )
        lines: list[tuple[str, Cell]] = [
            ("Pledged (confirmed, without condition)", count(pledged)),
            ("− accepted and not yet departed", count(waiting)),
            ("− departed", count(gone)),
            ("− reserved for people named", count(kept)),
            ("= open", count(free)),
            ("Filled", share(gone / pledged) if gone is not None and pledged else words("–" if gone is not None else "…")),
        ]  # fmt: skip
        if f"decided {capacity}" in w.ledger:
            name = f"decided {capacity}"
            lines.append(("State acceptance rate", w.ratio((name, "accepted"), (name,))))
        blocks.append(
            w.measures(
                f"places-{capacity}",
                f"{plain_name(capacity)}s: pledged, open and filled",
                lines,
                "pledges",
            )
        )
    blocks.append(
        Table("pledges", "Places offered by third countries",
              ["Country", "Channel", "State", "Places (people)", "Condition", "Valid to"], rows, w.on,
              "Only offers that may be known here are listed. Conditional and verbal offers are never added to places pledged.",
              ["#country+name+dest", "#activity+code", "#status+code", "#capacity+num", "#description", "#date"], "pledges")
    )  # fmt: skip
    return Section("pledges", "Places", blocks)


def placement(w: Writer) -> Section | None:
    """What the latest stored proposal would use; internal only, and no case is named."""
    found = w.counted.proposed
    if found is None or w.material.proposal is None:
        return None
    day, state = w.material.proposal.get("on"), w.material.proposal["state"]
    of = f" of {day_text(dt.date.fromisoformat(day))}" if day else ""
    blocks: list[Block] = [
        Text(
            f"The proposal{of} ({state.replace('_', ' ')}). Officers decide; nobody without a valid "
            "consent and open safeguards is in it."
        )
    ]
    if found["programmes"]:
        rows = []
        for x in found["programmes"]:
            used = w.ledger.value("proposed", x["programme"], "yes")
            free = None if used is None else max(int(x["places"]) - used, 0)
            rows.append(
                [
                    words(plain_name(x["programme"])),
                    count(int(x["places"])),
                    count(used),
                    count(free),
                ]
            )
        blocks.append(
            Table("programmes", "Programmes filled and open in the proposal",
                  ["Programme", "Places", "Proposed", "Open"], rows, w.on, w.note, (), "placement")
        )  # fmt: skip
    if found["missing_places"]:
        blocks.append(
            Table("missing-places", "The most valuable missing places: whom to ask, and for whom",
                  ["Ask for one more in", "For whom", "Worth", "Holds for"],
                  [[words(_asked(x)), words(x["for_whom"]), decimal(x["worth_per_place"]),
                    words("–") if x["holds_for_places"] is None else decimal(x["holds_for_places"])]
                   for x in found["missing_places"]],
                  w.on, "Worth: protection-weighted people placed by one more place. Holds for: so many places more.",
                  (), "placement")
        )  # fmt: skip
    waiting = {stopped_by(x): str(x["change"]) for x in found["unplaced_emergencies"]}
    if waiting:
        blocks.append(
            Table("unplaced-emergencies", "Emergencies without a place", ["What stops them", "What would place them", "People"],
                  [[words(sentence_case(why)), words(sentence_case(change) or "–"), w.cell("emergencies", why)]
                   for why, change in waiting.items()], w.on, w.note, (), "placement")
        )  # fmt: skip
    else:
        blocks.append(Text("No emergency case is without a place.", "good"))
    fair = _fairness(w)
    if fair is not None:
        blocks.append(fair)
    return Section("placement", "Proposed places", blocks)


def _asked(missing: Mapping[str, Any]) -> str:
    """What to ask for: a place, or a share or limit that gives way by one."""
    if missing["kind"] == "places":
        return ", ".join(filter(None, (plain_name(missing["programme"]), missing["window"])))
    said = (
        "one fewer place kept for others"
        if missing["kind"] == "earmark"
        else "one more under the limit"
    )
    return f"{said}: {missing['ask']}"


def _fairness(w: Writer) -> Table | None:
    """Share placed by group, beside taking cases in random order; only from shown counts."""
    rows = []
    found = w.counted.proposed["fairness"] if w.counted.proposed else []
    for grouping, lines in by_grouping(found).items():
        for x in lines:
            table = table_of(x)
            people = w.ledger.value(table, x["group"], TOTAL)
            placed = w.ledger.value(table, x["group"], "yes")
            known = people is not None and placed is not None
            waited = x["mean_wait_days"]
            enough = placed is not None and placed >= LEAST_BEHIND[w.audience]
            rows.append(
                [words("Everybody" if grouping == "all" else f"{sentence_case(grouping)}: {code_title(x['group'])}"),
                 count(people), count(placed),
                 share(x["share"]) if known else words("…"),
                 share(x["share_random_order"]) if known else words("…"),
                 words("–") if waited is None or not enough else Cell(f"{waited:,.0f}", round(waited))]
            )  # fmt: skip
    if not rows:
        return None
    each = any(
        x.get("counted") == "each person" for x in found if x["grouping"] in ("sex", "age")
    )
    counted = "By sex and age each person is counted; in the other groups everybody in a case. "
    return Table(
        "fairness", "Who has a proposed place, group by group, beside a random order",
        ["Group", "People", "Placed", "Share", "In random order", "Mean days waited"], rows, w.on,
        f"{counted if each else ''}A share below that of a random order is no proof of a wrong, but a question somebody has to answer. "
        f"– stands where fewer than {LEAST_BEHIND[w.audience]} people are behind a mean. {w.note}",
        (), "placement", folded=True,
    )  # fmt: skip
