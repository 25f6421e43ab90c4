"""Who is here: by status, place, step, sex and age; and where everybody ever registered is.

Exists because every other figure is read beside these. Comes in: the record. Goes out: counts, still
unprotected.
"""

from __future__ import annotations

import numpy as np

from onward.report.disclosure import Counts, counted
from onward.report.indicators.record import Mask, Record


def by_status_and_site(r: Record) -> Counts:
    """Active people by legal status and site; without sites, by place."""
    where = "site" if r.has("person", "site") else "place"
    order = tuple(r.rulebook.axes["legal"].states) if "legal" in r.rulebook.axes else ()
    places = tuple(r.rulebook.axes["place"].states) if where == "place" else ()
    legal, legal_codes = r.category(r.col("legal"), r.active, order, "not recorded")
    sites, site_codes = r.category(r.col(where), r.active, places, "not recorded")
    return counted(
        "caseload", ("legal status", where), (legal, sites), (legal_codes, site_codes)
    )


def pipeline(r: Record) -> Counts:
    """Active people by forecast state, in the rulebook's order."""
    labels, codes = r.category(
        r.col("forecast_state"), r.active, tuple(r.rulebook.forecast_states), "not recorded"
    )
    return counted("pipeline", ("step",), (labels,), (codes,))


def by_sex_and_age(r: Record) -> Counts:
    """Active people by sex and whether adult on the date; an unknown age is its own row."""
    words = {True: "adult", False: "child", None: "age not known"}
    ages = np.array([words[v] for v in r.col("adult")], dtype=object)
    age, age_codes = r.category(ages, r.active, tuple(words.values()), "age not known")
    fact = r.rulebook.kinds["person"].facts.get("sex")
    sex, sex_codes = r.category(r.col("sex"), r.active, fact.allowed if fact else (), "unknown")
    return counted("sex-and-age", ("age", "sex"), (age, sex), (age_codes, sex_codes))


def whereabouts(r: Record) -> Counts:
    """Everybody ever registered: here, gone by which way, absent or dead."""
    registered = np.array([day is not None for day in r.col("registered_on")], dtype=bool)
    parts: dict[str, Mask] = {"here": r.active}
    for way in r.reading.ways:
        parts[way] = r.is_in("stage", {s for s, w in r.reading.exits.items() if w == way})
    for stage in r.reading.lost:
        parts[stage] = r.is_in("stage", {stage})
    used = {name: mask for name, mask in parts.items() if name == "here" or mask.any()}
    gone = tuple(name for name in used if name in r.reading.ways)
    return r.split("whereabouts", used, registered, "not known", universe="registered",
                   sums={"gone": gone})  # fmt: skip


def cases(r: Record) -> int:
    """Movement units of the people who are here."""
    return len({unit for unit in r.col("unit")[r.active] if unit is not None})
