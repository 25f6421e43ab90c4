"""Two hundred invented names, stories and corrections asked for: found on the pages that show them, and nowhere else.

They are looked for, after a working day on the pages, in every file of the operation (database,
its WAL, settings, kept runs), in temporary folders, in logs and mail, in addresses, in every
column of the opened database, and in a backup. The day ends with a report in another script and with renewed keys.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import pytest
import registry_cast as people

WORDS = "zzyx qorv vexm kwiu ybdo jhaf"
CANARIES = [f"Zarqand{number:03d}{WORDS.split()[number % 6]}" for number in range(204)]
NEW = "lantern-otter-basalt-plum"
IN_REQUESTS = CANARIES[200:]
"""What somebody says is wrong in their file, and what it should say."""
FIELDS = (
    "name.full.latin", "name.full.arabic", "name.alias.latin", "document.passport",
    "document.identity", "contact.phone", "contact.address", "notes", "sealed.claim",
    "sealed.health", "narrative", "number", "name.given.latin",
)  # fmt: skip


def forms(text: str) -> tuple[bytes, ...]:
    import base64

    plain = text.encode()
    return plain, text.lower().encode(), text.encode("utf-16-le"), base64.b64encode(plain)[:-3]


def hits(data: bytes) -> list[str]:
    """Which canaries stand in some bytes, in any of the usual forms."""
    return [word for word in CANARIES if any(form in data for form in forms(word))]


def files(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def day(small, tmp_path, monkeypatch, caplog):
    """An operation with canaries in its vault; temporary and working folders of its own."""
    from onward.registry.models import PersonNow

    spool, here = tmp_path / "spool", tmp_path / "here"
    spool.mkdir()
    here.mkdir()
    monkeypatch.setenv("TMPDIR", str(spool))
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    monkeypatch.chdir(here)
    caplog.set_level(logging.DEBUG)
    persons = list(PersonNow.objects.order_by("person").values_list("person", flat=True))
    identities: dict[str, dict[str, str]] = {person: {} for person in persons}
    for number, word in enumerate(CANARIES[:200]):
        field = FIELDS[(number // len(persons)) % len(FIELDS)]
        identities[persons[number % len(persons)]][field] = word
    small.vault.put(identities)
    return small, spool, here, persons


@pytest.fixture
def letters(monkeypatch):
    """Every letter that anything would send: mail is on, and somebody is told of errors."""
    from django.core import mail
    from django.test import override_settings

    monkeypatch.setattr(mail, "outbox", [], raising=False)
    somebody = [("Administrator", "admin@desk.example")]
    with override_settings(
        EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend",
        ADMINS=somebody, MANAGERS=somebody,
    ):  # fmt: skip
        yield mail.outbox


def walk(operation, persons: list[str]) -> tuple[set[str], list[str]]:
    """A day on the pages; the canaries shown, and every address met."""
    cast = people.cast()
    amina, chantal = people.signed_in(cast["amina"]), people.signed_in(cast["chantal"])
    shown: set[str] = set()
    addresses: list[str] = []

    def meet(answer) -> str:
        import re

        text = answer.content.decode("utf-8", "replace")
        shown.update(word for word in CANARIES if word in text)
        addresses.append(answer.headers.get("Location", ""))
        addresses.extend(re.findall(r'(?:href|action|src|hx-get|hx-post)="([^"]*)"', text))
        assert answer.status_code < 500, text[:400]
        return text

    for word in CANARIES[:6]:
        meet(amina.post("/people/search/", {"q": word}, follow=True))
        meet(amina.post("/sign-in/again/", {"code": word, "next": "/"}))
    for person in persons:
        meet(amina.get(f"/people/{person}/"))
        meet(amina.post(f"/people/{person}/identity/", {"purpose": "interview"}))
        meet(amina.get(f"/people/{person}/timeline/"))
    form = {"person": persons[0], "kind": "access", "language": "fa", "asked_on": "2026-06-01"}
    right = amina.post("/rights/", form)["Location"]
    meet(chantal.post(f"{right}read-out/"))
    for wrong, right in (IN_REQUESTS[:2], IN_REQUESTS[2:]):
        asks = form | {"kind": "correction", "wrong": wrong, "right": right}
        meet(amina.post("/rights/", asks))  # it is not said what they are about
        taken = amina.post("/rights/", asks | {"about": "names"})
        meet(taken)
        meet(amina.get(taken["Location"]))
        meet(chantal.post(f"{taken['Location']}told/"))
        meet(chantal.post(f"{taken['Location']}act/", {"do": "answer", "outcome": "refused"}))
    again = amina.post("/rights/", form | {"asked_on": "2026-06-02"})["Location"]
    meet(chantal.post(f"{again}read-out/"))
    meet(amina.get("/people/"))
    meet(amina.get("/calendar/"))
    meet(amina.get("/"))
    meet(amina.post("/exports/", {"people": persons[0], "reason": "x"}))
    for address in ("/plan/", "/forecasts/", "/forecasts/compared/", "/places/", "/convoys/", "/rumours/",
                    "/reports/", "/exports/", "/rights/", "/imports/"):  # fmt: skip
        meet(chantal.get(address))
    keeper = people.signed_in(people.account("karim", "custodian", office=""))
    meet(keeper.get("/administration/keys/"))
    meet(keeper.get(keeper.post("/administration/keys/")["Location"]))
    return shown, addresses


def report_files(operation) -> list[bytes]:
    """A report in another script, made as long work; its page, paper and workbook, unpacked."""
    import io
    import zipfile

    from onward.registry.models import Job
    from onward.registry.web import jobs

    chantal = people.signed_in(people.account("chantal.two", "supervisor"))
    asked = {"audience": "internal", "language": "fa", "as_of": "2026-06-10"}
    page = chantal.post("/reports/", asked)["Location"]
    while jobs.run_next() is not None:
        pass
    assert {job.state for job in Job.objects.all()} == {"done"}
    found = [chantal.get(page).content]
    for name in ("html", "pdf", "xlsx"):
        answer = chantal.get(f"{page}report.{name}")
        assert answer.status_code == 200
        found.append(answer.content)
    with zipfile.ZipFile(io.BytesIO(found[-1])) as book:
        found += [book.read(part) for part in book.namelist()]
    return found


def test_a_day_on_the_pages_leaves_them_nowhere(day, letters, tmp_path, caplog, capfd):
    from django.db import connection

    from onward.registry.database import backup

    operation, spool, here, persons = day
    shown, addresses = walk(operation, persons)
    assert len(shown) > 50, "the pages did not show them, so this test would find nothing"
    assert set(IN_REQUESTS) <= shown
    assert hits("\n".join(addresses).encode()) == []
    assert letters == []
    for made_of in report_files(operation):
        assert hits(made_of) == []
    made = backup.make(
        operation, tmp_path / "backups" / "day.age", [backup.new_identity(tmp_path / "me.age")]
    )
    for path in files(operation.path, spool, here, made.file.parent):
        assert hits(path.read_bytes()) == [], path.name
        assert hits(path.name.encode()) == []
    written = "\n".join([caplog.text, *capfd.readouterr()])
    assert hits(written.encode()) == []
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        assert {"onward_identity", "onward_access_log", "django_session"} <= set(tables)
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                for value in row:
                    data = (
                        bytes(value)
                        if isinstance(value, bytes | memoryview)
                        else str(value).encode()
                    )
                    assert hits(data) == [], table


def test_the_search_for_canaries_finds_one_that_is_planted(tmp_path):
    for text in (CANARIES[7], CANARIES[7].lower()):
        assert hits(f"before {text} after".encode()) == [CANARIES[7]]
    assert hits(CANARIES[7].encode("utf-16-le")) == [CANARIES[7]]
    assert hits(b"nothing here") == []


def test_a_page_that_breaks_tells_nobody_what_was_typed(
    day, letters, caplog, capfd, monkeypatch
):
    from django.test import Client

    from onward.desk.views import people as view

    _, spool, _, persons = day
    monkeypatch.setattr(view, "identity_lines", None)
    amina = people.signed_in(people.account("amina", "protection_officer"))
    amina.raise_request_exception = False
    broken = amina.post(f"/people/{persons[0]}/identity/", {"purpose": CANARIES[3]})
    assert broken.status_code == 500
    assert hits(broken.content) == []
    Client(raise_request_exception=False).get(f"/nothing/?q={CANARIES[4]}")
    assert hits("\n".join([caplog.text, *capfd.readouterr()]).encode()) == []
    assert letters == []
    assert [hits(path.read_bytes()) for path in files(spool)] == []


def test_signing_in_and_new_keys_send_no_letter_and_one_that_is_sent_is_seen(small, letters):
    from django.core import mail
    from django.test import Client

    from onward.registry.signing_in import signin

    account = people.account("amina", "protection_officer")
    Client().post("/sign-in/", {"login": "amina", "password": "wrong"})
    amina = people.signed_in(account)
    assert amina.post("/account/codes/new/").status_code == 302
    new = {"oldpassword": people.PASSWORD, "password1": NEW, "password2": NEW}
    assert amina.post("/account/password/", new).status_code == 302
    account.refresh_from_db()
    assert account.check_password(NEW)
    for adapter in (signin.AccountAdapter(), signin.SecondFactors()):
        adapter.send_notification_mail("mfa/email/totp_activated", account)
    signin.AccountAdapter().send_mail("account/email/unknown", "a@desk.example", {})
    assert letters == []
    mail.mail_admins(CANARIES[5], "typed")  # what this would look like
    assert [hits(str(each.message()).encode()) for each in letters] == [[CANARIES[5]]]


def test_no_code_of_the_product_sends_mail():
    import ast

    import onward

    senders = {"send_mail", "send_mass_mail", "mail_admins", "mail_managers", "EmailMessage",
               "EmailMultiAlternatives", "email_user", "AdminEmailHandler", "BrokenLinkEmailsMiddleware",
               "SMTP", "SMTP_SSL", "get_connection"}  # fmt: skip
    found = []
    sources = sorted(Path(onward.__file__).parent.rglob("*.py"))
    assert len(sources) > 200
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = {each.name for each in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {f"{node.module}.{each.name}" for each in node.names}
            elif isinstance(node, ast.Call):
                called = node.func
                name = getattr(called, "attr", getattr(called, "id", ""))
                if name in senders:
                    found.append(f"{path.name}:{node.lineno} {name}")
                continue
            else:
                continue
            if any(
                name.startswith(("smtplib", "aiosmtplib", "django.core.mail")) for name in names
            ):
                found.append(f"{path.name}:{node.lineno} {sorted(names)}")
    assert found == []


def test_an_upload_of_any_size_stays_in_memory(day):
    from django.core.files.uploadedfile import SimpleUploadedFile

    _, spool, here, _ = day
    clerk = people.signed_in(people.account("clerk", "data_clerk"))
    large = ("name\n" + f"{CANARIES[0]}\n" * 400_000).encode()
    assert len(large) > 2.5 * 2**20
    opened = []
    real = tempfile.mkstemp

    def noticed(*args, **kwargs):
        opened.append(args)
        return real(*args, **kwargs)

    tempfile.mkstemp = noticed
    try:
        answer = clerk.post("/imports/", {"list": SimpleUploadedFile("list.csv", large)})
    finally:
        tempfile.mkstemp = real
    assert answer.status_code < 500
    assert [hits(path.read_bytes()) for path in files(spool, here) if path.stat().st_size] == []


def test_an_upload_that_is_too_large_is_refused_and_not_dropped(day):
    from django.core.files.uploadedfile import SimpleUploadedFile

    clerk = people.signed_in(people.account("clerk", "data_clerk"))
    answer = clerk.post(
        "/imports/", {"list": SimpleUploadedFile("list.csv", b"x" * (21 * 2**20))}
    )
    assert answer.status_code in (400, 413)


def test_nothing_is_kept_by_htmx_in_the_browser(small):
    """The library keeps pages in the browser's storage unless told not to."""
    from django.test import Client

    page = Client().get("/sign-in/").content.decode()
    assert '"historyCacheSize":0' in page
    assert '"allowEval":false' in page
    assert '"allowScriptTags":false' in page
    assert '"selfRequestsOnly":true' in page


def test_search_by_name_is_never_in_an_address(small):
    amina = people.signed_in(people.account("amina", "protection_officer"))
    text = amina.get("/people/search/?q=Nowruzian").content.decode()
    assert "H1-P1" not in text
    assert "Nowruzian" not in text
