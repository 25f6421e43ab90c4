"""Exports: only by profile, consent and approval; one sheet of texts, sealed to one recipient."""

from __future__ import annotations

import io
import random
from datetime import UTC, date, datetime, timedelta

import pytest
import registry_cast as people
import time_machine

from onward.caseload.events import RECORDED, Subject, new_event

ENDS = date(2030, 1, 1)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def cast(small):
    return people.cast() | {"second": people.account("second", "supervisor")}


@pytest.fixture
def identity():
    from pyrage import x25519

    return x25519.Identity.generate()


def release(operation, person: str, recipient: str, purpose: str, **facts: object) -> None:
    """The person's own consent to a release."""
    from onward.registry.now import projection

    facts = {"agreement": True, "withdrawn": False} | facts
    operation.record(
        [
            new_event(
                operation.rulebook, operation="meridian",
                subject=Subject("release", f"R-{person}-{recipient}-{random.random()}"),
                kind=RECORDED, effective="2026-06-01", by="amina", instant=now(),
                random=random.Random(), opens=True,
                facts={"person": person, "recipient": recipient, "purpose": purpose, **facts},
            )
        ]
    )  # fmt: skip
    projection.ensure(operation)


def recipient(cast, identity, code="harbour-aid", kind="partner", country="", **kwargs):
    from onward.registry.exporting import recipients
    from onward.registry.permissions.roles import load_rules

    known = {
        "name": code.title(), "purposes": ["protection", "resettlement", "return"],
        "classes": list(load_rules().classes), "agreement": "MoU 2026/4", "agreement_ends": ENDS,
        "impact_on": date(2026, 1, 1), "age_key": str(identity.to_public()),
    } | kwargs  # fmt: skip
    made = recipients.add_recipient(
        cast["amina"], code=code, kind=kind, country=country, signed_in=now(), **known
    )
    recipients.confirm_recipient(cast["chantal"], made, signed_in=now())
    made.refresh_from_db()
    return made


def asked(
    cast, to, who=("H1-P1", "H1-P2"), profile="referral", purpose="protection", by="amina"
):
    from onward.registry.exporting import requests

    return requests.ask(
        cast[by], profile=profile, recipient=to, purpose=purpose, people=who,
        reason="Shelter for the winter is arranged there.", signed_in=now(),
    )  # fmt: skip


def approved(cast, export, *who):
    from onward.registry.exporting import requests

    for name in who or ("chantal",):
        requests.decide(cast[name], export, approves=True, reason="checked", signed_in=now())
    return export


def test_from_asking_to_a_sealed_file_that_only_the_recipient_opens(small, cast, identity):
    from pyrage import decrypt
    from python_calamine import CalamineWorkbook

    from onward.registry.exporting import requests
    from onward.registry.models import AccessEntry

    release(small, "H1-P1", "harbour-aid", "protection")
    export = approved(cast, asked(cast, recipient(cast, identity)))
    assert (export.people, export.left_out) == (["H1-P1"], {"release": 1})
    name, sealed = requests.write(cast["amina"], export, typed_count=1, signed_in=now())
    assert name.endswith(".xlsx.age")
    assert b"Nowruzian" not in sealed
    book = CalamineWorkbook.from_filelike(io.BytesIO(decrypt(sealed, [identity])))
    rows = book.get_sheet_by_name("People").to_python()
    assert "1 people" in rows[0][0]
    assert rows[1][:2] == ["code", "name"]
    assert "Zarifeh Nowruzian" in rows[2][1]
    assert "QX7788123" not in str(rows)
    from onward.registry.log import signing

    foot = "\n".join(row[0] for row in rows[4:]) + "\n"
    assert foot == signing.now(small)
    logged = AccessEntry.objects.get(action="export.write")
    assert logged.people == ["H1-P1"]
    export.refresh_from_db()
    assert (export.state, export.rows_written) == ("written", 1)
    assert export.left_out == {"release": 1}, "who was left out when it was asked for is kept"


def test_without_a_release_of_their_own_nobody_is_in_it(small, cast, identity):
    from onward.errors import OnwardError

    to = recipient(cast, identity)
    release(small, "H1-P1", "harbour-aid", "resettlement")
    release(small, "H1-P2", "hill-aid", "protection")
    release(small, "H2-P1", "harbour-aid", "protection", withdrawn=True)
    release(small, "H2-P2", "harbour-aid", "protection", agreement=False)
    with pytest.raises(OnwardError, match="no release"):
        asked(cast, to, who=("H1-P1", "H1-P2", "H2-P1", "H2-P2", "H3-P1"))


def test_a_release_withdrawn_after_approval_takes_the_person_out(small, cast, identity):
    from onward.errors import OnwardError
    from onward.registry.exporting import requests
    from onward.registry.models import ThingNow
    from onward.registry.now import projection

    for person in ("H1-P1", "H1-P2"):
        release(small, person, "harbour-aid", "protection")
    export = approved(cast, asked(cast, recipient(cast, identity)))
    mine = ThingNow.objects.filter(kind="release", person="H1-P2").last()
    small.record(
        [
            new_event(
                small.rulebook, operation="meridian", subject=Subject("release", mine.thing),
                kind=RECORDED, effective="2026-06-09", by="amina", instant=now(),
                random=random.Random(), facts={"withdrawn": True},
            )
        ]
    )  # fmt: skip
    projection.ensure(small)
    with pytest.raises(OnwardError, match="You typed 2; the number in it is 1"):
        requests.write(cast["amina"], export, typed_count=2, signed_in=now())
    requests.write(cast["amina"], export, typed_count=1, signed_in=now())
    export.refresh_from_db()
    assert export.left_out == {"release": 1}


@pytest.mark.parametrize("meanwhile", ["withdrawn", "ended", "somebody else"])
def test_what_is_taken_back_while_the_file_is_made_counts(
    small, cast, identity, monkeypatch, meanwhile
):
    from onward.errors import OnwardError
    from onward.registry.exporting import recipients, requests
    from onward.registry.kept import DatabaseKept
    from onward.registry.models import ThingNow
    from onward.registry.recording import acts

    for person in ("H1-P1", "H1-P2"):
        release(small, person, "harbour-aid", "protection")
    to = recipient(cast, identity)
    export = approved(cast, asked(cast, to))
    mine = ThingNow.objects.filter(kind="release", person="H1-P2")
    theirs = mine.get(facts__recipient="harbour-aid").thing
    seal = requests.seal

    def sealing(*args):
        if meanwhile == "ended":
            recipients.end_recipient(cast["chantal"], to, signed_in=now())
        elif meanwhile == "withdrawn":
            acts.record(
                cast["amina"], ("release", theirs), "recorded", effective="2026-06-10",
                facts={"withdrawn": True}, idempotency_key="taken back",
            )  # fmt: skip
        else:
            acts.record(
                cast["amina"], ("person", "H3-P1"), "recorded", effective="2026-06-10",
                facts={"language": "fa"}, idempotency_key="of no matter",
            )  # fmt: skip
        return seal(*args)

    monkeypatch.setattr(requests, "seal", sealing)
    if meanwhile == "somebody else":
        assert requests.write(cast["amina"], export, typed_count=2, signed_in=now())[1]
        return
    why = "the recipient was ended" if meanwhile == "ended" else "while the file was made"
    with pytest.raises(OnwardError, match=why):
        requests.write(cast["amina"], export, typed_count=2, signed_in=now())
    export.refresh_from_db()
    assert (export.state, export.rows_written) == ("approved", None)
    assert not DatabaseKept().names("exports")
    monkeypatch.setattr(requests, "seal", seal)
    if meanwhile == "withdrawn":
        requests.write(cast["amina"], export, typed_count=1, signed_in=now())


def test_a_recipient_can_tell_a_family_name_from_a_fathers_and_a_passport_from_a_telephone(
    small, cast, identity
):
    from onward.registry import site
    from onward.registry.exporting import lines, profiles
    from onward.registry.models import PersonNow

    site.operation().vault.put(
        {
            "H1-P1": {
                "name.family.Arab": "پاییزی", "name.father.Arab": "آرام",
                "name.full.latin": "Aram Invented", "contact.phone": "0770 1234",
            }
        }
    )  # fmt: skip
    row = PersonNow.objects.get(person="H1-P1")
    profile = profiles.profiles()["referral"]
    (line,) = lines.table_of([row], profile, recipient(cast, identity))
    told = dict(zip(profile.fields, line, strict=True))
    assert "family: پاییزی; father: آرام" in told["name"]
    assert "Aram Invented" in told["name"]
    assert "phone: 0770 1234" in told["contact"]


def test_a_list_of_many_is_judged_as_one_of_few(small, cast, identity, monkeypatch):
    from onward.registry.exporting import eligible

    release(small, "H1-P1", "harbour-aid", "protection")
    to = recipient(cast, identity)
    few = asked(cast, to)
    monkeypatch.setattr(eligible, "PART", 1)
    many = asked(cast, to)
    assert (many.people, many.left_out) == (few.people, few.left_out)
    assert (many.people, many.left_out) == (["H1-P1"], {"release": 1})


def test_nobody_approves_their_own_export_and_nobody_twice(small, cast, identity):
    from onward.registry.exporting import requests
    from onward.registry.permissions import access

    release(small, "H1-P1", "canada", "resettlement")
    to = recipient(cast, identity, code="canada", kind="state", country="CAN")
    export = asked(
        cast, to, who=["H1-P1"], by="chantal", profile="submission", purpose="resettlement"
    )
    with pytest.raises(access.Refused, match="asked for themselves"):
        requests.decide(cast["chantal"], export, approves=True, reason="mine", signed_in=now())
    with pytest.raises(access.Refused):
        requests.decide(
            cast["amina"], export, approves=True, reason="not my role", signed_in=now()
        )
    approved(cast, export, "second")
    assert export.state == "approved"


def test_above_fifty_people_it_takes_two_others(small, cast, identity):
    from onward.errors import OnwardError
    from onward.registry.exporting import requests
    from onward.registry.permissions import access

    release(small, "H1-P1", "harbour-aid", "protection")
    export = asked(cast, recipient(cast, identity))
    export.people = [f"p{n}" for n in range(51)]
    export.save()
    assert requests.approvers_needed(export) == 2
    approved(cast, export, "chantal")
    assert export.state == "asked"
    with pytest.raises(OnwardError, match="not approved"):
        requests.write(cast["amina"], export, typed_count=51, signed_in=now())
    with pytest.raises(access.Refused, match="already"):
        approved(cast, export, "chantal")
    approved(cast, export, "second")
    assert export.state == "approved"
    export.people = export.people[:50]
    assert requests.approvers_needed(export) == 1


def test_one_no_ends_it(small, cast, identity):
    from onward.errors import OnwardError
    from onward.registry.exporting import requests

    release(small, "H1-P1", "harbour-aid", "protection")
    export = asked(cast, recipient(cast, identity))
    requests.decide(
        cast["chantal"], export, approves=False, reason="why so many", signed_in=now()
    )
    with pytest.raises(OnwardError):
        approved(cast, export, "second")


def test_what_waits_for_a_recipient_that_is_entered_again_says_why_it_was_refused(
    small, cast, identity
):
    from onward.registry.exporting import recipients, requests

    release(small, "H1-P1", "harbour-aid", "protection")
    to = recipient(cast, identity)
    sent, waits, agreed = (asked(cast, to) for _ in range(3))
    requests.decide(cast["chantal"], sent, approves=False, reason="not now", signed_in=now())
    approved(cast, agreed)
    recipient(cast, identity, agreement="MoU 2027/1")
    for export in (sent, waits, agreed):
        export.refresh_from_db()
        assert export.state == "refused"
    assert recipients.overtaken_by(sent) is None, "somebody had said no to it before"
    for export in (waits, agreed):
        line = recipients.overtaken_by(export)
        assert (line.account, line.people) == (cast["amina"].account_id, ["H1-P1"])
    page = people.signed_in(cast["amina"]).get(f"/exports/{agreed.pk}/").content.decode()
    assert "The recipient was entered again" in page
    assert "One more yes is needed" not in page


def test_nobody_confirms_an_agreement_that_was_entered_again_while_they_read(
    small, cast, identity
):
    """Whoever swaps the key under a colleague's eyes has not been confirmed by them."""
    from pyrage import x25519

    from onward.errors import OnwardError
    from onward.registry.exporting import recipients

    made = recipient(cast, identity)
    other = str(x25519.Identity.generate().to_public())
    known = {name: getattr(made, name) for name in (
        "name", "code", "kind", "country", "purposes", "classes", "agreement", "agreement_ends",
        "impact_on")}  # fmt: skip
    again = recipients.add_recipient(
        cast["amina"], age_key=made.age_key, signed_in=now(), **known
    )
    read = recipients.as_read(again)
    recipients.add_recipient(cast["amina"], age_key=other, signed_in=now(), **known)
    with pytest.raises(OnwardError, match="entered again while you read"):
        recipients.confirm_recipient(cast["chantal"], again, signed_in=now(), read=read)
    page = people.signed_in(cast["chantal"]).get("/exports/recipients/").content.decode()
    again.refresh_from_db()
    assert again.confirmed_by == ""
    assert f'value="{recipients.as_read(again)}"' in page
    recipients.confirm_recipient(
        cast["chantal"], again, signed_in=now(), read=recipients.as_read(again)
    )
    assert again.confirmed_by == cast["chantal"].account_id


def test_every_step_needs_a_fresh_sign_in(small, cast, identity):
    from onward.registry.exporting import requests
    from onward.registry.permissions import access

    release(small, "H1-P1", "harbour-aid", "protection")
    to = recipient(cast, identity)
    export = asked(cast, to)
    old = now() - timedelta(minutes=11)
    with pytest.raises(access.SignInAgain):
        requests.decide(cast["chantal"], export, approves=True, reason="yes", signed_in=old)
    approved(cast, export)
    with pytest.raises(access.SignInAgain):
        requests.write(cast["amina"], export, typed_count=1, signed_in=None)


def test_the_country_people_fled_gets_nothing_but_a_manifest_of_their_own_return(
    small, cast, identity
):
    from onward.errors import OnwardError
    from onward.registry.exporting import profiles

    origin = recipient(cast, identity, code="IRN", kind="origin", country="IRN")
    for person in ("H1-P1", "H2-P1", "H4-P1"):
        release(small, person, "IRN", "return", origin_consent=True)
    for profile in profiles.profiles():
        if profile != "manifest":
            with pytest.raises(OnwardError):
                asked(cast, origin, who=["H1-P1"], profile=profile, purpose="return")
    export = asked(
        cast,
        origin,
        who=["H1-P1", "H2-P1", "H4-P1"],
        profile="manifest",
        purpose="return",
    )
    assert export.people == ["H1-P1"]
    assert export.left_out == {"step": 2}
    far = people.elsewhere(small)
    release(small, far, "IRN", "return")
    with pytest.raises(OnwardError, match="no consent of their own to inform"):
        asked(cast, origin, who=[far], profile="manifest", purpose="return", by="dawit")


def test_whoever_watches_the_border_gets_those_alone_for_whom_going_home_is_open(
    small, cast, identity
):
    from onward.registry.models import PersonNow

    watch = recipient(cast, identity, code="watch", kind="monitor")
    for person in ("H1-P1", "H1-P2", "H2-P1"):
        release(small, person, "watch", "return")
    # The same step open to another country than the one they fled is no way home.
    row = PersonNow.objects.get(person="H1-P2")
    row.steps = [step | {"destination": "DEU"} for step in row.steps]
    row.save()
    who = ["H1-P1", "H1-P2", "H2-P1"]
    export = asked(cast, watch, who=who, profile="manifest", purpose="return")
    assert export.people == ["H1-P1"]
    assert export.left_out == {"step": 2}


def test_what_cannot_be_exported_is_said_in_the_language_of_the_page(small, cast, identity):
    from django.utils.translation import override

    from onward.errors import OnwardError

    origin = recipient(cast, identity, code="IRN", kind="origin", country="IRN")
    release(small, "H2-P1", "IRN", "return", origin_consent=True)
    for language in ("fr", "ar", "fa", "ckb"):
        with override(language):
            for profile in ("referral", "manifest"):
                with pytest.raises(OnwardError) as refused:
                    asked(cast, origin, who=["H2-P1"], profile=profile, purpose="return")
                said = str(refused.value)
                assert not set(said.lower().split()) & {"the", "this", "not", "could", "of"}, (
                    said
                )
                assert language == "fr" or ";" not in said, said


def test_a_state_that_is_the_country_somebody_fled_is_treated_as_such(small, cast, identity):
    from onward.errors import OnwardError

    disguised = recipient(cast, identity, code="ministry", kind="state", country="IRN")
    release(small, "H1-P1", "ministry", "resettlement", origin_consent=True)
    with pytest.raises(OnwardError, match="country people fled"):
        asked(cast, disguised, who=["H1-P1"], profile="submission", purpose="resettlement")


def test_a_state_cannot_hide_that_it_is_the_country_people_fled(small, cast, identity):
    from onward.errors import OnwardError

    for country in ("", "IR", "iran"):
        with pytest.raises(OnwardError, match="three letters"):
            recipient(cast, identity, code="ministry", kind="state", country=country)
    partner = recipient(cast, identity, code="irn", kind="partner", country="")
    release(small, "H1-P1", "irn", "protection", origin_consent=True)
    with pytest.raises(OnwardError, match="country people fled"):
        asked(cast, partner, who=["H1-P1"])


def test_a_long_list_cut_into_short_ones_takes_two_others_too(small, cast, identity):
    from onward.registry.exporting import requests

    release(small, "H1-P1", "harbour-aid", "protection")
    to = recipient(cast, identity)
    first, second = asked(cast, to), asked(cast, to)
    first.people = [f"p{n}" for n in range(30)]
    first.save()
    second.people = [f"q{n}" for n in range(30)]
    assert requests.approvers_needed(second) == 2
    approved(cast, first, "chantal")
    assert first.state == "approved"
    other = recipient(cast, identity, code="elsewhere")
    release(small, "H1-P1", "elsewhere", "protection")
    assert requests.approvers_needed(asked(cast, other)) == 1


def test_somebody_whose_country_is_not_known_goes_to_nobody_without_asking(
    small, cast, identity
):
    from onward.errors import OnwardError
    from onward.registry.exporting import requests

    person = people.elsewhere(small)
    to = recipient(cast, identity)
    release(small, person, "harbour-aid", "protection")
    with pytest.raises(OnwardError, match="from the country that would receive it"):
        requests.ask(
            cast["dawit"], profile="referral", recipient=to, purpose="protection", people=[person],
            reason="Shelter for the winter is arranged there.", signed_in=now(),
        )  # fmt: skip


def test_people_the_asker_may_not_see_or_read_are_left_out(small, cast, identity):
    from onward.errors import OnwardError
    from onward.registry.exporting import requests
    from onward.registry.permissions import access

    far = people.elsewhere(small)
    to = recipient(cast, identity)
    for person in ("H1-P1", far):
        release(small, person, "harbour-aid", "protection")
    assert asked(cast, to, who=["H1-P1", far]).left_out == {"hidden": 1}
    with pytest.raises(OnwardError, match="may not read"):
        asked(cast, to, who=[far])
    with pytest.raises(access.Refused):
        requests.ask(
            cast["bilal"], profile="referral", recipient=to, purpose="protection", people=["H1-P1"],
            reason="Shelter for the winter is arranged there.", signed_in=now(),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"agreement_ends": date(2026, 1, 1)}, "agreement ended"),
        ({"classes": ["names"]}, "does not cover"),
        ({"purposes": ["return"]}, "purpose"),
        ({"kind": "court"}, "does not go to"),
    ],
)
def test_what_the_agreement_does_not_cover_is_not_exported(
    small, cast, identity, changes, said
):
    from onward.errors import OnwardError

    release(small, "H1-P1", "harbour-aid", "protection")
    with pytest.raises(OnwardError, match=said):
        asked(cast, recipient(cast, identity, **changes))


def test_a_recipient_needs_a_key_an_assessment_and_a_second_person(small, cast, identity):
    from onward.errors import OnwardError
    from onward.registry.exporting import recipients
    from onward.registry.permissions import access

    for wrong in ({"age_key": "ssh-rsa AAAA"}, {"impact_on": None}, {"agreement": " "}):
        with pytest.raises(OnwardError):
            recipient(cast, identity, code=f"r{random.random()}", **wrong)
    for kind in ("police", "intelligence", "group", "newspaper"):
        with pytest.raises(OnwardError):
            recipient(cast, identity, code=kind, kind=kind)
    made = recipients.add_recipient(
        cast["chantal"], name="X", code="x", kind="partner", country="", purposes=["protection"],
        age_key=str(identity.to_public()), classes=["names"], agreement="A", agreement_ends=ENDS,
        impact_on=date(2026, 1, 1), signed_in=now(),
    )  # fmt: skip
    with pytest.raises(access.Refused):
        recipients.confirm_recipient(cast["chantal"], made, signed_in=now())


def test_two_recipients_cannot_join_their_codes(small, cast, identity):
    from onward.registry.exporting import lines

    one, two = recipient(cast, identity, code="a"), recipient(cast, identity, code="b")
    assert lines.code_for(one, "H1-P1") == lines.code_for(one, "H1-P1")
    assert lines.code_for(one, "H1-P1") != lines.code_for(two, "H1-P1")
    assert "H1" not in lines.code_for(one, "H1-P1")


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)", "-2", "http://x.org", "0012"]
)
def test_what_looks_like_a_formula_is_written_as_the_text_it_is(text):
    from python_calamine import CalamineWorkbook

    from onward.registry.exporting import sealing

    data = sealing.workbook("heading", ["name"], [[text]])
    sealing.check_workbook(data, "heading", ["name"], [[text]])
    rows = (
        CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_name("People").to_python()
    )
    assert rows[2] == [text]


def test_a_file_that_holds_anything_else_is_not_sent():
    import xlsxwriter

    from onward.errors import OnwardError
    from onward.registry.exporting import sealing

    def made(change) -> bytes:
        written = io.BytesIO()
        book = xlsxwriter.Workbook(written, {"in_memory": True})
        sheet = book.add_worksheet("People")
        for row, text in enumerate(("heading", "name", "Amina")):
            sheet.write_string(row, 0, text)
        change(book, sheet)
        book.close()
        return written.getvalue()

    sealing.check_workbook(made(lambda book, sheet: None), "heading", ["name"], [["Amina"]])
    changes = [
        lambda book, sheet: book.add_worksheet("Others").hide(),
        lambda book, sheet: book.add_worksheet("Others"),
        lambda book, sheet: sheet.write_string(3, 0, "Bilal"),
        lambda book, sheet: sheet.write_string(2, 1, "hidden column"),
        lambda book, sheet: sheet.set_row(2, None, None, {"hidden": True}),
        lambda book, sheet: sheet.set_column(0, 0, 10, None, {"hidden": True}),
        lambda book, sheet: sheet.write_formula(2, 0, '="Amina"', None, "Amina"),
        lambda book, sheet: sheet.write_url(2, 0, "https://x.example", None, "Amina"),
        lambda book, sheet: sheet.write_comment(2, 0, "see also"),
        lambda book, sheet: book.define_name("secret", '="Bilal"'),
    ]
    for change in changes:
        with pytest.raises(OnwardError):
            sealing.check_workbook(made(change), "heading", ["name"], [["Amina"]])


def test_writing_leaves_nothing_in_temporary_files(
    small, cast, identity, tmp_path, monkeypatch
):
    import tempfile

    from onward.registry.exporting import requests

    release(small, "H1-P1", "harbour-aid", "protection")
    export = approved(cast, asked(cast, recipient(cast, identity)))
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    opened = []
    real = tempfile.mkstemp
    monkeypatch.setattr(tempfile, "mkstemp", lambda *a, **k: opened.append(a) or real(*a, **k))
    requests.write(cast["amina"], export, typed_count=1, signed_in=now())
    assert opened == []
    assert list(spool.iterdir()) == []


def test_an_export_is_written_once_and_not_after_a_week(small, cast, identity):
    from onward.errors import OnwardError
    from onward.registry.exporting import requests

    release(small, "H1-P1", "harbour-aid", "protection")
    to = recipient(cast, identity)
    first, second = approved(cast, asked(cast, to)), approved(cast, asked(cast, to))
    requests.write(cast["amina"], first, typed_count=1, signed_in=now())
    with pytest.raises(OnwardError):
        requests.write(cast["amina"], first, typed_count=1, signed_in=now())
    with (
        time_machine.travel(now() + timedelta(days=8)),
        pytest.raises(OnwardError, match="seven"),
    ):
        requests.write(cast["amina"], second, typed_count=1, signed_in=now())


def rows_of(groups: dict[tuple[str, str, str], int]):
    """Unsaved people: (sex, legal, stage) -> how many."""
    from onward.registry.models import PersonNow

    number = 0
    for (sex, legal, stage), times in groups.items():
        for _ in range(times):
            number += 1
            yield PersonNow(
                person=f"p{number}", sex=sex, legal=legal, stage=stage, adult=True,
                birth_first=date(1990, 1, 1), birth_last=date(1990, 12, 31), facts={},
            )  # fmt: skip


def test_rows_without_names_are_shared_by_eleven_with_two_outcomes(small):
    import pandas as pd
    from pycanon import anonymity

    from onward.registry.exporting import profiles, without_names

    profile = profiles.profiles()["counts of people"]
    made = list(
        rows_of(
            {
                ("female", "refugee", "interviewed"): 9, ("female", "refugee", "submitted"): 4,
                ("male", "refugee", "interviewed"): 10, ("male", "gc4_protected", "verified"): 20,
            }
        )
    )  # fmt: skip
    kept, left = without_names.enough(made, profile)
    assert (len(kept), left) == (13, 30)
    table = pd.DataFrame(
        [(row.sex, row.legal, row.stage) for row in kept], columns=["sex", "legal", "stage"]
    )
    assert anonymity.k_anonymity(table, ["sex", "legal"]) >= profile.least
    assert (
        anonymity.l_diversity(table, ["sex", "legal"], ["stage"])
        >= without_names.LEAST_OUTCOMES
    )
