"""Who came after the first registration, and in what families: as a forecast counts them.

Exists because people arrive as they leave, in families, and a log that is read move by move shows
single people. Goes in: a caseload. Comes out: families that came and their sizes, children born
into families here, and people who joined one.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from onward.caseload.model import Caseload

TOGETHER, BORN, JOINED = "together", "born", "joined"
SAME_ARRIVAL = timedelta(days=28)
"""Registering one family may take days; who is registered later came later."""
SCHEMA = pa.schema([("how", pa.string()), ("people", pa.int64()), ("units", pa.int64())])


def newcomers(caseload: Caseload, since: date) -> pa.Table:
    """Everybody first registered from a day on, each once.

    how      together: a family that came, or a person of no known household;
             born: a child born from that day on into a family that was here already;
             joined: anybody else who was registered into such a family
    people   how many come as one: the size of the family, else 1
    units    how often that was seen
    """
    rows = caseload.people.select(["household", "birth_first", "registered_on"])
    rows = rows.filter(pc.is_valid(rows["registered_on"]))
    late = rows.filter(pc.greater_equal(rows["registered_on"], pa.scalar(since)))
    of_them = rows.filter(pc.is_in(rows["household"], pc.drop_null(late["household"].unique())))
    first = {
        row["household"]: row["registered_on_min"]
        for row in of_them.group_by("household")
        .aggregate([("registered_on", "min")])
        .to_pylist()
    }
    found: Counter[tuple[str, int]] = Counter()
    families: Counter[str] = Counter()
    for row in late.to_pylist():
        household, born, came = row["household"], row["birth_first"], row["registered_on"]
        if household is None:
            found[TOGETHER, 1] += 1
        elif (
            born is not None
            and max(since, first[household] + timedelta(days=1)) <= born <= came
        ):
            found[BORN, 1] += 1
        elif first[household] >= since and came - first[household] < SAME_ARRIVAL:
            families[household] += 1
        else:
            found[JOINED, 1] += 1
    found.update((TOGETHER, people) for people in families.values())
    return pa.Table.from_pylist(
        [
            {"how": how, "people": people, "units": units}
            for (how, people), units in sorted(found.items())
        ],
        schema=SCHEMA,
    )
