"""Random lists and questions through the commands, from an empty folder on: `check` opens no step that a
plain reading of the rulebook forbids, and what was brought in lets no function authorise one; every list of
what happened is taken, and each movement on it opens the breach that the same reading names.

A list can only record: no command authorises. So families for whom everything is in place for an exit
come in by `onward import`; then lists say more of them, or correct what was said so that a fact is not
known any more; some are undone. In between, `onward check` is asked of everybody, families ask for
their step, and lists tell who left anyway. Beside the record stand dictionaries, judged by the
three-valued reader of conditions, which shares no code with the SQL.
"""

from __future__ import annotations

import contextlib
import copy
import csv
import io
import json
import random
import sys
import uuid
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
import yaml
from random_families import SHIPPED, Camp
from registry_cast import EVERYBODYS

from onward.caseload.events import REGISTERED
from onward.registry import site
from onward.registry.now import projection
from onward.registry.recording import acts
from onward.registry.recording.actors import Actor
from onward.registry.web import starting
from onward.safeguards.evaluate import asked_findings
from onward.safeguards.record import opens_breach

DAY, SAID = date(2026, 6, 10), "2026-06-09"
AMINA = Actor("amina", EVERYBODYS)
HOMES = 40
site_for_tests = sys.modules["onward_test_site"]


def onward(*arguments: object) -> tuple[int, str, str]:
    """A command in this process: its exit code, and what it wrote on both streams."""
    from onward.cli.main import main

    before, out, err = sys.argv, io.StringIO(), io.StringIO()
    sys.argv = ["onward", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.argv = before
    return code, out.getvalue(), err.getvalue()


def cell(value: object) -> str:
    """A value as an office writes it; nothing for what is not known."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        first, last = value
        return first.isoformat() if first == last else str(first.year)
    return ",".join(sorted(value)) if isinstance(value, frozenset | set) else str(value)


class Office:
    """An operation made and filled by commands, and what the test itself knows of each family."""

    def __init__(self, folder: Path, rulebook: str, seed: int) -> None:
        self.chance = random.Random(seed)
        self.camp = Camp(rulebook)
        self.rulebook = self.camp.rulebook
        self.folder, self.lists = folder / "camp", folder / "lists"
        self.lists.mkdir(parents=True)
        self.did: Counter[str] = Counter()
        self.sheets = 0
        self.made(self.folder)
        self.rows, self.steps = self.families()
        self.moved: set[str] = set()
        self.bring_people(self.rows)
        for kind in self.rulebook.kinds:
            if kind not in ("person", "household"):
                everything = [rows.get(kind, {}) for rows in self.rows.values()]
                self.bring_records(kind, {k: v for rows in everything for k, v in rows.items()})
        self.ids = self.numbers()

    def made(self, folder: Path) -> None:
        code, _out, err = onward(
            "new", folder, "--rulebook", self.rulebook.name, "--from", "2026-01-01",
            "--key-file", folder.parent / "camp.key",
            "--store", site_for_tests.new_store(f"commands_{uuid.uuid4().hex}"),
        )  # fmt: skip
        assert code == 0, err
        settings = folder / "operation.toml"
        text = settings.read_text("utf-8").replace(
            "# data_ends = 2026-06-30", f"data_ends = {DAY}"
        )
        settings.write_text(text, "utf-8")
        starting.close_site()  # the next command reads the settings anew

    def families(self):
        """Home -> kind -> id -> row: couples, each with all that its way out asks for; and that step."""
        homes, steps = {}, {}
        _log, worlds, _day = self.camp.families(HOMES, self.chance)
        for world in worlds:
            rows = copy.deepcopy(world["first"])
            house, (first, *others) = world["house"], rows["person"]
            mine = rows["person"][first]
            for other in others:
                rows["person"][other] = {
                    **mine,
                    "id": other,
                    "birth": rows["person"][other].get("birth"),
                }
                for kind, found in rows.items():
                    for name, row in list(found.items()):
                        if kind != "person" and row.get("person") == first:
                            found[f"{name}-{other}"] = {
                                **row,
                                "id": f"{name}-{other}",
                                "person": other,
                            }
            # A list that does not say how many a home counts is itself the count.
            homes[house], steps[house] = rows, world["step"]
            for home, row in rows["household"].items():
                living = sum(one["household"] == home for one in rows["person"].values())
                row.setdefault("roster_size", living)
        return homes, steps

    # -- lists ------------------------------------------------------------------------------------

    def bring_people(self, houses) -> dict[str, object]:
        """A list of people: all that is known of everybody of these families."""
        people = []
        sized = "roster_size" in self.rulebook.kinds["household"].facts
        for house in houses:
            homes = self.rows[house]["household"]
            for name, row in self.rows[house]["person"].items():
                told = {k: v for k, v in row.items() if k != "id"}
                if sized:
                    told["roster_size"] = homes.get(row["household"], {}).get("roster_size")
                people.append({"person": name, "card": f"card {name}", **told})
        columns = {"card": "document.card"}
        return self.send("people", people, {"rows": "people", "effective": SAID}, **columns)

    def bring_records(self, kind: str, rows) -> dict[str, object]:
        """A list of one kind of record: all that is known of each of these."""
        refers = "person" in self.rulebook.kinds[kind].refs
        told = [
            {"ref": name, "date": SAID, **{k: v for k, v in row.items() if k not in ("id", "household")}}
            for name, row in rows.items()
        ]  # fmt: skip
        about = {"rows": "events", "event": {"kind": kind}}
        return self.send(
            kind, told, about, ref="row" if refers else "person", date="event.date"
        )

    def send(self, name: str, rows, about, **targets: str) -> dict[str, object]:
        """`onward import` of a list, which must take it: an exit code that is not 0 fails the test.

        targets  what columns are whose name is not that of a fact
        """
        if not rows:
            return {}
        self.sheets += 1
        header = list(dict.fromkeys(column for row in rows for column in row))
        file = self.lists / f"{self.sheets}.csv"
        with file.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(header)
            writer.writerows([[cell(row.get(column)) for column in header] for row in rows])
        profile = self.lists / f"{self.sheets}.yaml"
        said = {
            "profile": name.replace("_", "-"), "numbers": "camp", "calendar": "gregorian",
            "date_order": "year-month-day", "most_matched_percent": 100,
            "file": {"encoding": "utf-8", "delimiter": "comma"},
            "columns": {column: targets.get(column, column) for column in header}, **about,
        }  # fmt: skip
        profile.write_text(yaml.safe_dump(said), "utf-8")
        code, out, err = onward("import", self.folder, file, "--profile", profile, "--json")
        assert code == 0, (name, out, err)
        self.did["lists"] += 1
        self.did["rows"] += len(rows)
        return json.loads(out)["receipts"][0]

    def numbers(self) -> dict[str, str]:
        """The office's number of each person -> the id that the import gave."""
        operation = site.operation()
        registered = {
            event.subject.id
            for event in operation.store.read()
            if event.kind == REGISTERED and event.subject.kind == "person"
        }
        return {operation.vault.get(person)["number"]: person for person in registered}

    # -- what happens -----------------------------------------------------------------------------

    def more_is_known(self) -> None:
        """One list more: some rows of one kind said again, otherwise or with a cell left empty."""
        before = copy.deepcopy(self.rows)
        kinds = sorted({kind for house in self.waiting() for kind in self.rows[house]})
        kind = self.chance.choice([k for k in kinds if k != "household"] + ["person"] * 3)
        told: dict[str, dict[str, object]] = {}
        houses = self.chance.sample(self.waiting(), min(8, len(self.waiting())))
        for house in houses:
            rows = self.rows[house].setdefault(kind, {})
            if not rows and kind not in ("claim", "complaint", "incident"):
                continue
            if kind in ("claim", "complaint", "incident") and self.chance.random() < 0.5:
                told |= self.something_new(house, kind)
                continue
            if rows:
                name = self.chance.choice(sorted(rows))
                self.changed(rows[name], kind)
                told[name] = rows[name]
        if kind == "person":
            receipt = self.bring_people([house for house in houses if self.rows[house]])
        else:
            receipt = self.bring_records(kind, told)
        if receipt.get("receipt") and self.chance.random() < 0.2:
            code, out, err = onward("intake", "undo", self.folder, receipt["receipt"], "--json")
            assert code == 0, (out, err)
            self.rows = before
            self.did["undone"] += 1

    def something_new(self, house: str, kind: str) -> dict[str, dict[str, object]]:
        """A fear, a complaint or an incident of this family, with what such a record starts with."""
        declared = self.rulebook.kinds[kind]
        self.did[kind] += 1
        row: dict[str, object] = {
            f.name: f.starts for f in declared.facts.values() if f.starts is not None
        }
        row |= {"id": f"{house}-{kind}-{self.sheets}", "person": self.chance.choice(sorted(self.rows[house]["person"]))}  # fmt: skip
        if "destination" in declared.facts:
            mine = self.rows[house]["person"][row["person"]]
            row["destination"] = mine.get("intended_destination") or f"{house}-origin"
        self.changed(row, kind)
        self.changed(row, kind)
        self.rows[house].setdefault(kind, {})[str(row["id"])] = row
        return {str(row["id"]): row}

    def changed(self, row: dict[str, object], kind: str) -> None:
        for column, value in self.camp.change(kind, self.chance, DAY).items():
            if value is None and self.rulebook.kinds[kind].facts[column].starts is not None:
                continue  # an empty cell says nothing, and a new record starts with an answer
            row[column] = value

    def left_anyway(self) -> None:
        """A list of who left, or was taken a step of a hand-over, whatever the safeguards say."""
        moves = [m for m in self.rulebook.moves().values() if opens_breach(self.rulebook, m)]
        rows, expected = [], {}
        for house in self.chance.sample(self.waiting(), min(3, len(self.waiting()))):
            move = self.chance.choice(moves)
            if self.chance.random() < 0.6:
                move = self.rulebook.moves()[self.way_out(house)]
            if not opens_breach(self.rulebook, move):
                continue
            to = self.recipient(house) if move.pathway == "handover" else None
            for person, found in self.plainly(house, move, to).items():
                rows.append({"person": person, "date": DAY, "step": move.key, "to": to})
                wrong = frozenset(key for key, truth in found.items() if truth is not True)
                expected[self.ids[person], move.key] = wrong
            self.moved.add(house)
        before = site.operation().store.last_seq()
        self.happened(rows)
        breaches = {
            (event.subject.id, event.facts["move"]): frozenset(event.facts["safeguards"])
            for event in site.operation().store.read()
            if event.seq > before and event.kind == "breach"
        }
        assert breaches == {key: wrong for key, wrong in expected.items() if wrong}
        self.did["breaches"] += len(breaches)
        self.did["left in order"] += len(expected) - len(breaches)

    def anything(self) -> None:
        """Steps of every kind, of anybody, in any order, those among them who have left."""
        moves = sorted(self.rulebook.moves())
        people = self.chance.sample(sorted(self.ids), 12)
        self.happened(
            [{"person": one, "date": DAY, "step": self.chance.choice(moves)} for one in people]
        )
        self.moved |= {
            house for house, rows in self.rows.items() if {*people} & {*rows["person"]}
        }
        kind = self.chance.choice(("claim", "complaint", "incident"))
        houses = self.chance.sample(sorted(self.moved), min(8, len(self.moved)))
        told = [self.something_new(house, kind) for house in houses]
        self.bring_records(kind, {name: row for rows in told for name, row in rows.items()})

    def happened(self, rows) -> None:
        self.send("steps", rows, {"rows": "events"}, date="event.date", step="event.kind", to="went_to")  # fmt: skip

    # -- what is asked ----------------------------------------------------------------------------

    def waiting(self) -> list[str]:
        return sorted(self.rows.keys() - self.moved)

    def way_out(self, house: str) -> str:
        """The step for which everything was in place when the family was first told of."""
        return self.steps[house]

    def comes_next(self, house: str, person: str, move) -> bool:
        """Whether a step leads on from where this person is, on every axis it names."""
        row = self.rows[house]["person"][person]
        return all(
            (row.get(name) or self.rulebook.axes[name].starts) in states
            for name, states in move.sources.items()
        )

    def recipient(self, house: str) -> str | None:
        found = self.rows[house].get("assurance", {})
        return next((row.get("recipient") for row in found.values()), None)

    def plainly(self, house: str, move, to: str | None) -> dict[str, dict[str, object]]:
        """Person -> finding -> what the three-valued reader says of it."""
        homes = [house]
        if move.pathway == "handover" and to is None:
            homes = sorted(
                self.rows
            )  # to whom nobody knows: what befell anybody anywhere counts
        rows: dict[str, list[object]] = {}
        for home in homes:
            for kind, told in self.rows[home].items():
                rows.setdefault(kind, []).extend(told.values())
        at = "movement" if self.rulebook.is_movement(move) else "decision"
        answers = {}
        for person, own in self.rows[house]["person"].items():
            plain = move.pathway in ("", "common", "chosen")
            own_way = own.get("intended_pathway") if plain else move.pathway
            own_to = None if move.pathway == "handover" else own.get("intended_destination")
            answers[person] = {
                f.key: self.camp.interpreter.holds(
                    self.camp.conditions[f.key], rows, person, on=DAY,
                    destination=to or own_to, pathway=own_way,
                )
                for f in asked_findings(self.rulebook, move, at)
            }  # fmt: skip
        return answers

    def check(self) -> None:
        """`onward check` of a step, for everybody at once."""
        key = self.way_out(self.chance.choice(self.waiting()))
        move = self.rulebook.moves()[key]
        code, out, err = onward("check", self.folder, "--transition", key, "--json")
        assert code == 0, err
        (step,) = json.loads(out)["steps"]
        opened = {*step["open_people"]}
        for house in self.waiting():
            found = self.plainly(house, move, None)
            wrong = {p: {k for k, t in f.items() if t is not True} for p, f in found.items()}
            for person, keys in wrong.items():
                assert not (keys and self.ids[person] in opened), (key, person, keys)
            comes_next = all(self.comes_next(house, person, move) for person in wrong)
            if comes_next and not any(wrong.values()):
                assert {self.ids[person] for person in wrong} <= opened, (key, house)
                self.did["check open"] += 1
            else:
                self.did["check closed"] += 1

    def ask(self) -> None:
        """The function that authorises, on what the commands brought in."""
        house = self.chance.choice(self.waiting())
        key, to = self.way_out(house), self.recipient(house)
        move = self.rulebook.moves()[key]
        to = to if move.pathway == "handover" else None
        found = self.plainly(house, move, to)
        wrong = {k for f in found.values() for k, truth in f.items() if truth is not True}
        try:
            acts.authorise(
                AMINA, [self.ids[person] for person in found], key, to, on=DAY,
                idempotency_key=f"a{self.sheets}-{self.did.total()}",
            )  # fmt: skip
            authorised = True
            self.moved.add(house)
        except acts.NotOpen:
            authorised = False
        assert not (authorised and wrong & self.camp.hard), (house, key, wrong)
        comes_next = all(self.comes_next(house, person, move) for person in found)
        assert authorised is (comes_next and not wrong), (house, key, wrong)
        self.did["authorised" if authorised else "refused"] += 1

    # -- the same record elsewhere ----------------------------------------------------------------

    def answers(self, folder: Path) -> dict[str, object]:
        """What `onward check` says of every way out, and of the whole operation."""
        said = {}
        for key in ("", *sorted({*self.steps.values()})):
            asked = ["--transition", key] if key else []
            code, out, err = onward("check", folder, *asked, "--json")
            assert code == 0, err
            said[key] = json.loads(out)
        return said

    def loaded_elsewhere(self) -> None:
        """`onward load` of the log into a new operation: the same answers, and nothing lost on the way."""
        before = self.answers(self.folder)
        log = [(event.id, event.kind, event.facts) for event in site.operation().store.read()]
        assert onward("verify", self.folder)[0] == 0
        other = self.folder.parent / "elsewhere" / "camp"
        other.parent.mkdir()
        starting.close_site()
        self.made(other)
        code, _out, err = onward("load", other, self.folder)
        assert code == 0, err
        assert self.answers(other) == before
        there = [(event.id, event.kind, event.facts) for event in site.operation().store.read()]
        assert there[1:] == log[1:], "all but the rulebook, which each operation adopts itself"
        assert onward("verify", other)[0] == 0


def walked(office: Office, rounds: int) -> None:
    """Lists and questions in turns; then what happened to anybody; then the record moves."""
    for _ in range(rounds):
        if len(office.waiting()) < 6:
            break
        act = office.chance.choice(
            [office.more_is_known] * 4 + [office.check] * 2 + [office.ask] * 4 + [office.left_anyway]
        )  # fmt: skip
        act()
    office.check()
    for _ in range(max(rounds // 10, 1)):
        office.anything()
    projection.ensure(site.operation())
    assert projection.compare(site.operation()) == []
    office.loaded_elsewhere()


def enough(did: Counter[str], *, lists: int, each: int) -> None:
    """Acts of every kind were there, or the walk would show nothing."""
    assert did["lists"] >= lists, did
    assert min(did["check open"], did["check closed"]) >= each * 5, did
    assert min(did["authorised"], did["refused"], did["breaches"]) >= each, did
    assert min(did["undone"], did["left in order"]) > 0, did


@pytest.fixture
def office(tmp_path, request):
    try:
        yield Office(tmp_path, *request.param)
    finally:
        starting.close_site()


# A server is asked a part of it: what is judged is the same code, and each act takes longer there.
PART = 1 if site_for_tests.DATABASE != "postgresql" else 3


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.parametrize("office", [(name, 31) for name in SHIPPED], indirect=True)
def test_random_lists_open_nothing_wrongly_and_take_all_that_happened(office):
    walked(office, 60 // PART)
    enough(office.did, lists=30 // PART, each=5 // PART)


@pytest.mark.soak
@pytest.mark.parametrize("office", [(n, s) for n in SHIPPED for s in range(50)], indirect=True)
def test_a_hundred_times_random_lists(office):
    walked(office, 150)
    enough(office.did, lists=60, each=5)
