"""`onward forecast --counts`: one published series, one day, one forecast.

In come a CSV of counts, optionally events, an origin and a target day; out comes the forecast in
words or as JSON, and may be kept. Rows dated after the origin are passed over unread.
`forecast_counts` and `score_counts` are what the forecast command calls; `app` lets the first be tried
by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from textwrap import wrap
from typing import Annotated, Any

import typer

from onward import __version__
from onward.cli.commands import command_app

app = command_app()


@app.command()
def _command(
    counts: Annotated[Path, typer.Option(help="CSV with columns series, date, value.")],
    series: Annotated[str, typer.Option(help="The series to forecast.")],
    origin: Annotated[str, typer.Option(help="The day of the forecast, YYYY-MM-DD.")],
    by: Annotated[str, typer.Option(help="The day to forecast, YYYY-MM-DD.")],
    events: Annotated[Path | None, typer.Option(help="An events.csv.")] = None,
    case: Annotated[str | None, typer.Option(help="The case of the events to use.")] = None,
    kind: Annotated[str | None, typer.Option(help="stock, cumulative or flow.")] = None,
    official: Annotated[
        float | None, typer.Option(help="People the official plan leaves by then.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed: the same seed, same answer.")] = None,
    keep: Annotated[Path | None, typer.Option(help="A folder to keep the run in.")] = None,
    fewer_than: Annotated[
        list[int] | None, typer.Option(help="Also the chance that it is below this.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON (forecast-counts.schema.json).")
    ] = False,
) -> None:
    """Example: --counts camp.csv --series camp_population --origin 2012-07-19 --by 2012-09-16

    Forecasts one published series from its own past and from other operations.
    """
    forecast_counts(
        counts=counts,
        series=series,
        origin=origin,
        by=by,
        events=events,
        case=case,
        kind=kind,
        official=official,
        seed=seed,
        keep=keep,
        fewer_than=fewer_than or [],
        as_json=as_json,
    )


def forecast_counts(
    *,
    counts: Path,
    series: str,
    origin: str,
    by: str,
    events: Path | None = None,
    case: str | None = None,
    kind: str | None = None,
    official: float | None = None,
    seed: int | None = None,
    keep: Path | None = None,
    fewer_than: Sequence[int] = (),
    as_json: bool = False,
) -> None:
    """Prints the forecast of one series of `counts` on day `by`, seen from day `origin`.

    events, case  dated events; with several cases in the file, `case` says which are meant.
                  The case, and every past operation with this series, is left out of the
                  reference class
    kind          stock (people there), cumulative (total so far) or flow (in a period); taken
                  from the series' name where it says so, else stock, and the answer tells which
    official      people the plan of the day leaves on `by`, where it is known
    keep          a folder to keep the run in, to be scored when its day has come
    fewer_than    numbers asked about: the chance that the count is below each
    raises        OnwardError with everything wrong in the options or the files
    """
    data = _forecast(counts, series, origin, by, events, case, kind, official, seed, fewer_than)
    typer.echo(json.dumps(data, indent=2) if as_json else _page(data))
    if keep is not None:
        from onward.forecast.counts.kept import kept

        name, text = kept(data, date.today())  # noqa: DTZ011
        keep.mkdir(parents=True, exist_ok=True)
        if not (keep / name).exists():
            (keep / name).write_text(text, encoding="utf-8")
        typer.echo(f"\nKept as {keep / name}", err=as_json)


def score_counts(folder: Path, counts: Path, as_json: bool) -> None:
    """Prints how the runs kept in a folder did, by the counts published since.

    raises  OnwardError when the counts cannot be read; Faults naming every file that is no run
    """
    from onward.errors import Fault, Faults
    from onward.forecast.counts.history import read_series
    from onward.forecast.counts.kept import read, scored

    runs, faults = [], []
    for file in sorted(folder.glob("counts-*.json")):
        try:
            runs.append((file.name, read(file.read_text("utf-8"))))
        except ValueError as wrong:
            faults.append(
                Fault(file.name, "", "", str(wrong), "a run kept by onward forecast --counts",
                      "Move the file away.")
            )  # fmt: skip
    if faults:
        raise Faults(faults)
    made = scored(runs, read_series(counts, date.max))
    if as_json:
        typer.echo(json.dumps(made, indent=2))
        return
    for line in _scores(made):
        typer.echo(line)


def _scores(made: Mapping[str, Any]) -> list[str]:
    from onward.forecast.track import FEW

    lines = []
    for row in made["scores"]:
        late = " (made afterwards)" if row["afterwards"] else ""
        lines += [
            f"{row['series']} from {row['origin']} to {row['target']}{late}: middle "
            f"{row['median']:,.0f}, nine in ten {row['q05']:,.0f} to {row['q95']:,.0f}; "
            f"{row['counted']:,.0f} counted on {row['counted_on']}",
            f"  missed by {row['crps']:,.0f} (repeating the last count: "
            f"{row['crps_last_count']:,.0f})   {row['file']}",
        ]
    for key, what in (
        ("together", "Forecasts whose day has come"),
        ("afterwards", "Made afterwards, so no forecasts"),
    ):
        one = made[key]
        if one is None:
            continue
        lines += [
            "",
            f"{what}: {one['forecasts']}. The nine-in-ten range held the count in "
            f"{one['covered90']:.0%}; missed by {one['crps']:,.0f} on average (repeating the last "
            f"count: {one['crps_last_count']:,.0f}).",
        ]
        if one["forecasts"] < FEW:
            lines.append("That is too few to judge by.")
    if made["waiting"]:
        lines += ["", f"{len(made['waiting'])} kept, with no count of their day yet."]
    return lines or ["No forecast from counts is kept there yet. Keep one with --keep."]


def _forecast(
    counts: Path,
    name: str,
    origin_text: str,
    by_text: str,
    events_file: Path | None,
    case: str | None,
    kind: str | None,
    official: float | None,
    seed: int | None,
    fewer_than: Sequence[int],
) -> dict[str, Any]:
    from typing import cast

    from onward.errors import Fault, Faults, OnwardError, one_of
    from onward.forecast.counts.history import (
        KINDS,
        Kind,
        kind_from_name,
        read_events,
        read_series,
    )
    from onward.forecast.counts.reference_class import shipped_reference
    from onward.forecast.counts.stock import SEED
    from onward.forecast.counts.unknown import gone_95, unknown
    from onward.forecast.run import equally_likely
    from onward.forecast.telling.chances import bounds, fewer

    faults: list[Fault] = []

    def day(option: str, text: str) -> date:
        try:
            return date.fromisoformat(text)
        except ValueError:
            faults.append(Fault("", "", option, f'found "{text}"', "a day such as 2012-09-16"))
            return date.min

    origin, by = day("--origin", origin_text), day("--by", by_text)
    if not faults and by <= origin:
        faults.append(
            Fault("", "", "--by", f"{by} is not after the origin {origin}", "a later day")
        )
    if kind is not None and kind not in KINDS:
        faults.append(Fault("", "", "--kind", f'found "{kind}"', one_of(KINDS)))
    if official is not None and official < 0:
        faults.append(Fault("", "", "--official", f"found {official:g}", "zero or more people"))
    if faults:
        raise Faults(faults)
    held = read_series(counts, origin)
    chosen = [one for one in held if one.name == name]
    if not chosen:
        names = [one.name for one in held]
        raise OnwardError(
            f'{counts.name}: no series "{name}" with a count on or before {origin}; expected '
            f"{one_of(names) or 'at least one count by then'}."
        )
    notes: list[str] = []
    heard = read_events(events_file, origin) if events_file else ()
    cases = sorted({event.case for event in heard})
    if case is None and len(cases) > 1:
        raise OnwardError(
            f"{events_file.name if events_file else 'events'}: events of several cases; say which "
            f"with --case: {one_of(cases)}."
        )
    if case is None:
        case = cases[0] if cases else chosen[0].case
    elif events_file is not None and case not in cases:
        notes.append(f"No event of case {case} was known on {origin}.")
    meant = kind or kind_from_name(name)
    if meant is None:
        meant = "stock"
        notes.append("Taken as a stock (people still there); say otherwise with --kind.")
    used = SEED if seed is None else seed
    read_from = {
        "counts": [(one.day.isoformat(), one.value) for one in chosen[0].known_on(origin)],
        "events": [str(one) for one in heard if one.case == case],
        "official": official,
    }
    forecast = shipped_reference(used).forecast(
        chosen[0], cast(Kind, meant), heard, case, origin, by, official=official
    )
    known = sum(event.case == case for event in heard)
    q = forecast.quantile
    draws = forecast.draws
    return {
        "series": name,
        "case": case,
        "kind": forecast.kind,
        "origin": origin.isoformat(),
        "target": by.isoformat(),
        "last": {"date": forecast.last.day.isoformat(), "value": forecast.last.value},
        "counts_used": len(chosen[0].known_on(origin)),
        "events_used": known,
        "median": q(0.5),
        "q025": q(0.025),
        "q05": q(0.05),
        "q10": q(0.1),
        "q25": q(0.25),
        "q75": q(0.75),
        "q90": q(0.9),
        "q95": q(0.95),
        "q975": q(0.975),
        "chance_zero": float((draws == 0).mean()),
        "chance_at_most_tenth_of_last": (
            float((draws <= 0.1 * forecast.last.value).mean()) if meant == "stock" else None
        ),
        "fewer_than": fewer(draws, bounds(forecast.last.value, fewer_than)),
        "asked": sorted(set(fewer_than)),
        "gone_95": gone_95(forecast),
        "unknown": unknown(forecast, len(chosen[0].known_on(origin))),
        "regimes": forecast.regimes,
        "split": forecast.split,
        "reference": list(forecast.reference),
        "seed": used,
        "draws": len(draws),
        "spread": equally_likely(draws[:, None])[0],
        "version": __version__,
        "inputs": {
            name: hashlib.sha256(json.dumps(value).encode()).hexdigest()
            for name, value in read_from.items()
        },
        "notes": [*notes, *forecast.notes],
    }


_MEANING = {
    "growth": "more arriving than leaving",
    "stall": "next to nobody leaving",
    "trickle": "leaving slowly",
    "surge": "leaving in numbers",
    "pause": "stopped after people had begun to leave",
}
_SOURCES = {
    "fit": "whether the recent pace simply goes on, or none of this fits",
    "regime": "what is going on",
    "plan dates": "what announced dates mean",
    "rates": "how fast people leave or come",
    "chance": "what comes later, and chance",
}
_WHAT = {
    "stock": "People still there",
    "cumulative": "Total so far",
    "flow": "Movements in the period",
}


def _when(dates: Mapping[str, str | None], by: str) -> str:
    early, middle, late = (dates[name] for name in ("q10", "median", "q90"))
    if early is None:
        return f"not by {by} in at least 9 of 10 futures"
    if middle is None:
        return f"by {early} in 1 of 10 futures, in half of them not by {by}"
    if late is None:
        return f"by {middle} in half of the futures, in 1 of 10 not by {by}"
    return f"by {middle} in half of the futures, by {late} in 9 of 10"


def _page(data: dict[str, Any]) -> str:
    def people(value: float) -> str:
        return f"{value:,.0f}"

    last = data["last"]
    lines = [
        f"{_WHAT[data['kind']]} on {data['target']}, forecast from {data['origin']}: "
        f"about {people(data['median'])}",
        "",
        f"  last count          {people(last['value'])} on {last['date']}",
        f"  as likely as not    {people(data['q25'])} to {people(data['q75'])}",
        f"  nine in ten         {people(data['q05'])} to {people(data['q95'])}",
        f"  nineteen in twenty  {people(data['q025'])} to {people(data['q975'])}",
    ]
    few = [
        f"  {f'fewer than {bound:,}':<19} {data['fewer_than'][str(bound)]:.0%} chance"
        for bound in data["asked"]
    ]
    if data["kind"] != "stock":
        lines += few
    else:
        lines += [
            f"  nobody left         {data['chance_zero']:.0%} chance",
            f"  a tenth or fewer    {data['chance_at_most_tenth_of_last']:.0%} chance",
            *few,
            f"  95% have left       {_when(data['gone_95'], data['target'])}",
            "",
            "What the counts say is going on, on the day of the forecast:",
        ]
        for name, share in sorted(data["regimes"].items(), key=lambda item: -item[1]):
            lines.append(f"  {name:<8} {share:>4.0%}  {_MEANING[name]}")
    if data["split"]:
        lines += ["", "What the uncertainty comes from"]
        lines += [
            f"  {_SOURCES[name]:<62}{share:>4.0%}"
            for name, share in sorted(data["split"].items(), key=lambda item: -item[1])
            if share >= 0.005
        ]
    if data["unknown"]:
        lines += ["", "Not yet known"]
        lines += [
            line
            for text in data["unknown"]
            for line in wrap(text, 96, initial_indent="  - ", subsequent_indent="    ")
        ]
    lines += [
        "",
        f"Rests on {data['counts_used']} count(s) and {data['events_used']} event(s) known on the "
        "day, and on",
        f"past operations: {', '.join(data['reference']) or 'none had published counts by then'}.",
    ]
    lines += [f"Note: {note}" for note in data["notes"]]
    lines.append(
        f"Seed {data['seed']}, {data['draws']:,} draws; the same seed, the same answer."
    )
    return "\n".join(lines)
