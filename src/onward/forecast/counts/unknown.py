"""What published counts alone cannot tell yet, in words, and by when nearly all will have gone.

Exists because "not yet known" is an answer. Comes in: a forecast from counts. Goes out: sentences,
none where the counts can tell, the last of them on what would narrow the answer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from onward.forecast.telling.levels import LEVELS

if TYPE_CHECKING:
    from onward.forecast.counts.reference_class import CountForecast

WIDE = 0.4
"""A range of 8 in 10 that holds this share of the last count says little; as for an operation."""
STALE_DAYS = 42
FEW_COUNTS = 4


def gone_95(forecast: CountForecast) -> dict[str, str | None] | None:
    """When 95% of the last count will have left: the day in each of three shares of the futures,
    None where that is not by the target; None altogether for what is no stock."""
    if forecast.kind != "stock":
        return None
    found: dict[str, str | None] = {}
    for name in ("q10", "median", "q90"):
        place = min(int(LEVELS[name] * len(forecast.gone)), len(forecast.gone) - 1)
        day = float(forecast.gone[place])
        known = day != float("inf")
        found[name] = str(forecast.origin + timedelta(days=int(day))) if known else None
    return found


def unknown(forecast: CountForecast, counts: int) -> list[str]:
    """What the counts cannot tell, in words.

    counts  how many were known on the day of the forecast
    """
    said = []
    low, high = forecast.quantile(LEVELS["q10"]), forecast.quantile(LEVELS["q90"])
    last = max(forecast.last.value, 1.0)
    stock = forecast.kind == "stock"
    if stock and high - low > WIDE * last:
        said.append(
            f"How many will still be there is not known yet: 8 in 10 futures spread over "
            f"{(high - low) / last:.0%} of the last count."
        )
    if not stock and high - low > WIDE * max(forecast.quantile(0.5), 1.0):
        what = (
            "What the total will be" if forecast.kind == "cumulative" else "How many will move"
        )
        said.append(f"{what} is not known yet: {low:,.0f} to {high:,.0f} in 8 of 10 futures.")
    if stock and max(forecast.regimes.values()) < 0.5:
        first, second = sorted(forecast.regimes, key=lambda name: -forecast.regimes[name])[:2]
        said.append(f"The counts do not yet tell a {first} from a {second}.")
    if said:
        said.append(f"What would narrow it most: {_narrows(forecast, counts)}.")
    return said


def _narrows(forecast: CountForecast, counts: int) -> str:
    """What is worth asking for first."""
    age = (forecast.origin - forecast.last.day).days
    if age > STALE_DAYS:
        return f"a newer count (the last is {age} days old)"
    if counts < FEW_COUNTS:
        return "more counts, some weeks apart"
    if forecast.kind != "stock":
        return "what the pace will depend on (vehicles, places, permits) and from when"
    if forecast.regimes["surge"] > 0.5:
        return "the next counts, a week or two apart, while people are leaving"
    return "whether a destination and transport are secured, and from which day"
