"""The profiles that come with Onward, under the rulebooks that come with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from onward.intake.events import declared, kind_of_list
from onward.intake.forms import spreadsheet_template, xlsform
from onward.intake.mapping import suggest_columns
from onward.intake.profile import load_profile, parse_profile, shipped_profiles
from onward.intake.read import read
from onward.intake.stage import stage
from onward.rulebook import load

ROOT = Path(__file__).parents[2]
SECRET = b"a key of the demonstration operation"


@pytest.fixture(scope="module", params=["protected-camp", "voluntary-return"])
def declared_facts(request):
    return declared(load(ROOT / "rulebooks" / f"{request.param}.yaml"), "person")


LISTS = {
    "progres-like": (
        "Individual ID,Registration Group Number,Relationship to Focal Point,Full Name,Sex,"
        "Date of Birth,Nationality,Arrival Date,Process Status\n"
        "MERI-0001,MG-1,HR1,زهرا کریمی,F,1979-02-11,IRN,2012-05-06,Active\n"
        "MERI-0002,MG-1,SON,علی کریمی,M,2006,Iran,2012-05-06,Active\n"
    ),
    "primero-like": (
        "case_id,name,sex,date_of_birth,nationality,status\n"
        "c-1,Ali Karimi,male,2012-03-04,Iran,open\nc-2,Sara Karimi,female,2014,Iran,open\n"
    ),
    "kobo-household": json.dumps(
        [
            {
                "household_number": "7",
                "members": [
                    {"members/person_number": "1", "members/sex": "male"},
                    {"members/person_number": "2", "members/birth_date": "2001"},
                ],
            }
        ]
    ),
}


@pytest.mark.parametrize("name", sorted(LISTS))
def test_a_typical_export_loads_under_its_shipped_profile(name, declared_facts, tmp_path):
    assert set(shipped_profiles()) == set(LISTS)
    text = shipped_profiles()[name]
    wanted = {f for f in ("specific_needs", "country_of_origin") if f not in declared_facts}
    for missing in wanted:
        text = "\n".join(line for line in text.splitlines() if missing not in line)
    profile = parse_profile(text, declared_facts)
    path = tmp_path / ("list.json" if name.startswith("kobo") else "list.csv")
    path.write_text(LISTS[name], "utf-8")
    rows = stage(
        read(path, sheets=profile.sheets), profile, declared_facts, secret=SECRET
    ).accepted()
    assert len(rows) == 2
    assert all(row.identity.office_number for row in rows)


def test_forms_of_the_shipped_rulebooks_never_ask_what_is_sealed(declared_facts):
    sealed = {name for name, fact in declared_facts.items() if fact.sensitivity == "sealed"}
    form = xlsform(declared_facts, form_id="survey", version="1", demonstration=True)
    template = spreadsheet_template(declared_facts)
    assert sealed
    for text in (form.profile, template.profile):
        assert not any(f'"to": "{name}"' in text for name in sealed)
        parse_profile(text, declared_facts)


def test_headers_lead_to_the_facts_of_the_shipped_rulebooks(declared_facts):
    header = ["Sexe", "تاریخ تولد", "الجنسية", "Date of arrival"]
    rows = [("F", "1985-02-13", "Iran", "2012-05-06")] * 4
    assert [s.to for s in suggest_columns(header, rows, declared_facts)] == [
        "sex",
        "birth",
        "nationality",
        "arrived_on",
    ]


EXAMPLE = ROOT / "examples" / "meridian" / "profiles"


@pytest.mark.parametrize("path", sorted(EXAMPLE.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_profile_of_the_example_loads(path):
    rulebook = load(ROOT / "rulebooks" / "protected-camp.yaml")
    event = yaml.safe_load(path.read_text("utf-8")).get("event") or {}
    facts = declared(rulebook, kind_of_list(rulebook, event.get("kind")))
    assert load_profile(path, facts).columns
