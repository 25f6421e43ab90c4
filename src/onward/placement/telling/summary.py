"""What the situation report says about placement, as plain tables.

In: the document of a proposal. Out: programmes filled and open, the most valuable missing
places, emergencies without a place, and the fairness table. Sensitive programmes are left out
when asked, together with every total they could be worked out from.
"""

from __future__ import annotations

from typing import Any


def summary(
    content: dict[str, Any], *, sensitive: tuple[str, ...] = (), most: int = 10
) -> dict[str, list[dict[str, Any]]]:
    """Tables `programmes`, `missing_places`, `unplaced_emergencies`, `fairness`, `headline`.

    content: the document of a proposal (`document.document`). sensitive: programmes that must
    not appear; then no total over programmes is given either, since subtraction reveals it."""
    places = [
        r
        for r in content["limits"]
        if r["kind"] == "places" and r["programme"] not in sensitive
    ]
    by_programme: dict[str, dict[str, Any]] = {}
    for row in places:
        line = by_programme.setdefault(
            row["programme"],
            {
                "programme": row["programme"],
                "places": 0,
                "filled": 0,
                "open": 0,
                "full_windows": 0,
                "windows": 0,
            },
        )
        line["places"] += row["allowed"]
        line["filled"] += row["persons"]
        line["open"] += row["allowed"] - row["persons"]
        line["windows"] += 1
        line["full_windows"] += row["persons"] >= row["allowed"]
    missing = sorted(
        (r for r in content["limits"]
         if r["programme"] not in sensitive and (r["worth_of_one_more"] or 0) > 0),
        key=lambda r: (-r["worth_of_one_more"], r["limit"]),
    )  # fmt: skip
    headline: list[dict[str, Any]] = [{"what": "state", "value": content["state"]}]
    if not sensitive:
        headline += [
            {"what": "persons placed", "value": content["persons"]["placed"]},
            {"what": "persons without a place", "value": content["persons"]["unplaced"]},
            {"what": "places open", "value": sum(x["open"] for x in by_programme.values())},
        ]
    headline.append({"what": "largest proven gap", "value": content["gap"]})
    return {
        "headline": headline,
        "programmes": sorted(by_programme.values(), key=lambda x: x["programme"]),
        "missing_places": [
            {
                "ask": r["limit"],
                "kind": r["kind"],
                "programme": r["programme"],
                "window": r["window"],
                "for_whom": r["counts"],
                "worth_per_place": r["worth_of_one_more"],
                "holds_for_places": r["holds_for_more"],
            }
            for r in missing[:most]
        ],
        "unplaced_emergencies": [
            {k: r[k] for k in ("case", "size", "reason", "change")}
            for r in content["unplaced"]
            if r["priority"] == "emergency"
        ],
        # The shares of everybody give the total away, and with it the programme left out.
        "fairness": []
        if any(r["programme"] in sensitive for r in content["limits"])
        else content["fairness"],
    }
