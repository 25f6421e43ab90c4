"""Long work asked for in the browser: it goes on while the page is left, one piece at a time.

Comes in: a kind of work and what it is asked with. Goes out: a `Job` whose row says how far it
is and what came of it. The same functions of the computing rooms answer as from the terminal;
only one piece runs at once, so that pages stay quick on a small machine. A job that was running
when the server stopped says so and is not begun again by itself. Whoever asked must still be
allowed to when the work begins and until it is kept: a role taken away, an account that was closed
and the panic button reach work that waits or runs.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import close_old_connections, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from onward.errors import OnwardError
from onward.registry.importing import drafts
from onward.registry.keyring.keys import is_wrapped, unwrap, wrap
from onward.registry.models import Account, Job, JobFile
from onward.registry.opening import open_operation
from onward.registry.operation import Operation
from onward.registry.permissions import access, grants
from onward.registry.planning import sensitive_then
from onward.registry.recording.actors import Acting
from onward.registry.site import current
from onward.said import kept

if TYPE_CHECKING:
    from onward.registry.computing.analysis import Opened

LOG = logging.getLogger("onward.jobs")

MEDIA = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
QUEUED, RUNNING, DONE, FAILED, INTERRUPTED = (
    "queued", "running", "done", "failed", "interrupted",
)  # fmt: skip
BROKE = gettext_noop(
    "The work stopped on an error of the program. Nothing was changed. Try again; if it happens "
    "again, tell your administrator."
)
STOPPED = gettext_noop(
    "The server stopped while this was running. Nothing was changed; ask again."
)
STOPPED_CHANGING = gettext_noop(
    "The server stopped while this was running. It was recorded whole or not at all: do it again, "
    "and nothing is doubled."
)
STOPPED_RENEWING = gettext_noop(
    "The server stopped while the keys were being renewed. Everything opens as before, or with the new "
    "keys: renew them again, and the renewal is finished."
)
NO_LONGER = gettext_noop(
    "Whoever asked for this may no longer: a role, an office or a password was changed since, or the "
    "account was closed or locked. Nothing was made. Whoever may do it asks again."
)
KEEPING = gettext_noop("Keeping what came of it")
QUIET = "kept_quiet"
"""Where the result of a piece of work has the names that were sensitive when it was made."""
SECONDS_BETWEEN_LOOKS = 2.0
SECONDS_BETWEEN_FORGETTING = 600.0

_ASKED = threading.Event()
"""Wakes the worker of this process; one of another process finds the work when it looks."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What a piece of work leaves: small figures for its page, and files.

    keep  what is kept of it elsewhere, together with the files or not at all
    """

    result: Mapping[str, Any]
    files: Mapping[str, bytes]
    keep: Callable[[], None] = lambda: None


def _kept_quiet(found: Opened) -> dict[str, str]:
    """The names of what was sensitive in the plan a piece of work was made from, sealed: a plan
    changes, and what was made before still speaks of what it holds no more."""
    from onward.report.offers import sensitive_names

    names = json.dumps(sorted(sensitive_names(found.plan)), ensure_ascii=False).encode()
    return {QUIET: base64.b64encode(wrap(_key(), names, QUIET)).decode()}


def kept_quiet(operation: Operation, result: Mapping[str, Any]) -> frozenset[str] | None:
    """The names that were sensitive when this was made: as it kept them, or as the version of the
    plan had them that it was made from; None where it says neither."""
    if sealed := result.get(QUIET):
        return frozenset(json.loads(unwrap(_key(), base64.b64decode(sealed), QUIET)))
    version = (result.get("inputs") or {}).get("plan")
    return sensitive_then(operation, version) if version else None


def _forecast(operation: Operation, asked: Mapping[str, Any], say: Say) -> Outcome:
    from onward.caseload.spells import spells
    from onward.registry.computing.analysis import forecast_of, observed, opened
    from onward.registry.computing.runs import happened, keep_forecast

    say(gettext_noop("Reading the record"))
    found = opened(operation)
    stays = spells(
        found.events, found.caseload.rulebook, as_of=found.as_of, engine=found.engine
    )
    made = forecast_of(
        found,
        futures=int(asked["futures"]),
        seed=int(asked["seed"]),
        use_plan=bool(asked["plan"]),
        behaviour=bool(asked["behaviour"]),
        remedies=True,
        fewer_than=asked.get("fewer_than", []),
        progress=say,
    )
    past = [(day.isoformat(), people) for day, people in observed(found, stays)]
    say(KEEPING)
    name = keep_forecast(operation, made)
    result = {
        "kept": name, "identity": made.identity, "observed": past, **_kept_quiet(found),
        HAPPENED: happened(operation, found.as_of, found.events), "until": found.as_of.isoformat(),
    }  # fmt: skip
    return Outcome(result, {})


def _happened(operation: Operation, asked: Mapping[str, Any], say: Say) -> Outcome:
    """How many were here on the days of which kept forecasts spoke."""
    from onward.registry.computing.runs import happened

    say(gettext_noop("Reading the record"))
    until = operation.default_date()
    return Outcome({HAPPENED: happened(operation, until), "until": until.isoformat()}, {})


def _compare(operation: Operation, asked: Mapping[str, Any], say: Say) -> Outcome:
    from onward.registry.computing.analysis import opened
    from onward.registry.computing.comparing import comparison_of

    say(gettext_noop("Reading the record"))
    found = opened(operation)
    files = [path for path in operation.scenarios if path.name in asked["scenarios"]]
    made = comparison_of(
        found,
        files,
        futures=int(asked["futures"]),
        seed=int(asked["seed"]),
        progress=say,
    )
    text = made.to_json()
    result = {**json.loads(text), **_kept_quiet(found)}
    return Outcome(result, {"comparison.json": text.encode()})


def _wait(operation: Operation, asked: Mapping[str, Any], say: Say) -> Outcome:
    """How long the choice of one scenario can wait."""
    from onward.registry.computing.analysis import opened
    from onward.registry.computing.comparing import decide_by_of

    say(gettext_noop("Reading the record"))
    file = next(path for path in operation.scenarios if path.name == asked["scenario"])
    found = opened(operation)
    made = decide_by_of(
        found, file, futures=int(asked["futures"]), seed=int(asked["seed"]), progress=say
    )  # fmt: skip
    return Outcome({**json.loads(made.to_json()), **_kept_quiet(found)}, {})


def _placement(operation: Operation, asked: Mapping[str, Any], say: Say) -> Outcome:
    from onward.registry.computing.analysis import opened
    from onward.registry.computing.placements import propose_places

    say(gettext_noop("Reading the record"))
    name, content = propose_places(opened(operation), seed=int(asked["seed"]), say=say)
    return Outcome({"kept": name, "state": content["state"]}, {})


def _places_if(operation: Operation, asked: Mapping[str, Any], say: Say) -> Outcome:
    from onward.registry.computing.analysis import opened
    from onward.registry.computing.what_if import places_if

    say(gettext_noop("Reading the record"))
    return Outcome(
        places_if(opened(operation), list(asked["changes"]), seed=int(asked["seed"])), {}
    )


def _override_costs(operation: Operation, asked: Mapping[str, Any], say: Say) -> Outcome:
    from onward.registry.computing.analysis import opened
    from onward.registry.computing.what_if import costs_now

    say(gettext_noop("Reading the record"))
    return Outcome(costs_now(opened(operation), seed=int(asked["seed"])), {})


def _report(operation: Operation, asked: Mapping[str, Any], say: Say) -> Outcome:
    from onward.registry.computing.reporting import make_report

    as_of = dt.date.fromisoformat(asked["as_of"]) if asked.get("as_of") else None
    made = make_report(
        operation,
        as_of=as_of,
        audience=str(asked["audience"]),
        futures=int(asked["futures"]),
        language=str(asked.get("language", "en")),
        say=say,
    )
    return Outcome(
        {
            "headline": made.headline,
            "summary": list(made.summary),
            "as_of": made.as_of.isoformat(),
            "audience": made.audience,
        },
        {f"report.{name}": data for name, data in made.contents.items()},
        made.keep,
    )


def _look(operation: Operation, asked: Mapping[str, Any], say: Say) -> Outcome:
    from onward.registry.importing import lists

    return Outcome(*lists.look(operation, asked, say))


def _bring(operation: Operation, asked: Mapping[str, Any], say: Say) -> Outcome:
    from onward.registry.importing import lists

    return Outcome(lists.bring(operation, asked, say), {})


def _take_back(operation: Operation, asked: Mapping[str, Any], say: Say) -> Outcome:
    from onward.registry.importing import lists

    return Outcome(lists.take_back(operation, asked, say), {})


def _renew_keys(operation: Operation, asked: Mapping[str, Any], say: Say) -> Outcome:
    from onward.registry.keyring import agent, rotation

    by = Account.objects.get(pk=asked["by"])
    wrapped = rotation.rotate(say, by=by, place="keys")
    # An agent holds the old secret, which opens nothing any more.
    locked = agent.lock(current().folder)
    return Outcome({"wrapped": wrapped, "agent": locked}, {})


HAPPENED = "happened"
"""A kind of work, and where its result, like that of a forecast, has ISO day -> people present."""
PLACES_IF, OVERRIDE, COSTS = "places_if", "override", "override_costs"
LOOK, BRING, TAKE_BACK, RENEW = "look", "bring", "take_back", "renew_keys"

KINDS: dict[str, Callable[[Operation, Mapping[str, Any], Say], Outcome]] = {
    "forecast": _forecast,
    "compare": _compare,
    "wait": _wait,
    HAPPENED: _happened,
    "placement": _placement,
    PLACES_IF: _places_if,
    OVERRIDE: _places_if,
    COSTS: _override_costs,
    "report": _report,
    LOOK: _look,
    BRING: _bring,
    TAKE_BACK: _take_back,
    RENEW: _renew_keys,
}

FIRST = (LOOK, BRING, TAKE_BACK, RENEW)
"""Kinds for which somebody waits at the screen: they go before what was asked for earlier."""

NEEDS = {
    "forecast": "forecast.run", "compare": "forecast.run", "wait": "forecast.run",
    HAPPENED: "forecast.run", "placement": "placement.run",
    PLACES_IF: "placement.run", OVERRIDE: "placement.decide", COSTS: "placement.decide",
    LOOK: "import.run", BRING: "import.run", TAKE_BACK: "import.undo",
    RENEW: "key.manage",
}  # fmt: skip


def cases_of(job: Job) -> list[str]:
    """The cases of a proposal that a piece of work was asked about: whoever does not see each of
    them sees nothing of the work."""
    from onward.placement.deciding.questions import OF_CASES

    named = [str(job.asked["case"])] if job.asked.get("case") else []
    for question in job.asked.get("changes") or ():
        what, _colon, rest = str(question).partition(":")
        if what in OF_CASES:
            named.append(rest.partition("=")[0])
    return list(dict.fromkeys(named))


def seen_by(kind: str) -> str:
    """The action whose reach says whose cases somebody sees in this kind of work."""
    return "placement.decide" if kind == OVERRIDE else "placement.read"


def needed(kind: str, asked: Mapping[str, Any]) -> str:
    """The action whoever asks for this must be allowed."""
    return f"report.{asked['audience']}" if kind == "report" else NEEDS[kind]


class NoLonger(OnwardError):
    """Whoever asked for the work may no longer have what comes of it."""

    def __init__(self) -> None:
        super().__init__(NO_LONGER)


def require_still(job: Job) -> None:
    """raises  NoLonger when whoever asked may no longer, or ended every session of theirs since"""
    by = Account.objects.filter(pk=job.by, is_active=True, frozen_at=None).first()
    if (
        by is None
        or not grants.account_is_as_given(by)
        or not access.may(by, needed(job.kind, job.asked))
        or (by.not_before is not None and by.not_before >= job.asked_at)
    ):
        raise NoLonger


def ask(actor: Acting, kind: str, asked: Mapping[str, Any]) -> Job:
    """Put work in the queue; the same, waiting or running for this account, is returned instead.

    What two accounts ask for is two pieces of work, so that one who loses the right to it takes
    nothing from the other; the second is answered by the first (`_made_meanwhile`).
    """
    if kind not in KINDS:
        raise ValueError(f"no work called {kind}")
    same: Job | None = Job.objects.filter(
        kind=kind, asked=dict(asked), by=actor.account_id, state__in=[QUEUED, RUNNING]
    ).first()
    if same is not None:
        return same
    made: Job = Job.objects.create(
        operation=current().operation, kind=kind, asked=dict(asked), by=actor.account_id
    )
    _ASKED.set()
    return made


def _waiting() -> list[Job]:
    """What waits, in the order in which it is done."""
    waiting = Job.objects.filter(state=QUEUED).order_by("asked_at")
    return sorted(waiting, key=lambda job: job.kind not in FIRST)


def ahead_of(job: Job) -> int:
    """How many pieces of work are done before this one begins."""
    waiting = [each.pk for each in _waiting()]
    before = waiting.index(job.pk) if job.pk in waiting else 0
    return before + Job.objects.filter(state=RUNNING).count()


def latest(kind: str, asked: Mapping[str, Any]) -> Job | None:
    """The last time exactly this was asked for."""
    found: Job | None = (
        Job.objects.filter(kind=kind, asked=dict(asked)).order_by("-asked_at").first()
    )
    return found


def run_next() -> Job | None:
    """Do the next piece of work that waits; None when nothing does."""
    job = next(iter(_waiting()), None)
    if job is None:
        return None
    taken = Job.objects.filter(pk=job.pk, state=QUEUED).update(
        state=RUNNING, started_at=timezone.now()
    )
    if not taken:
        return None

    def say(text: str) -> None:
        if job.kind not in FIRST:  # those ask when they begin, and are whole or nothing
            require_still(job)
        Job.objects.filter(pk=job.pk).update(progress=text[:200])

    try:
        require_still(job)
        outcome = _made_meanwhile(job)
        if outcome is None:
            outcome = KINDS[job.kind](open_operation(current().folder), job.asked, say)
            if job.kind not in FIRST:
                require_still(job)
        _leave(job, outcome)
    except OnwardError as error:
        _end(job, FAILED, message=kept(next(iter(error.args), "")))
    except Exception as error:
        # The text of an unexpected error may quote a record: only its kind is kept.
        LOG.error("job=%s kind=%s failed with %s", job.pk, job.kind, type(error).__name__)
        _end(
            job,
            FAILED,
            message=BROKE,
            result={"error": type(error).__name__},
        )
    job.refresh_from_db()
    return job


def _leave(job: Job, outcome: Outcome) -> None:
    """End a piece of work with what it leaves: its files, what is kept elsewhere and that it is done,
    all of it or nothing."""
    with transaction.atomic():
        for name, data in outcome.files.items():
            JobFile.objects.create(
                operation=current().operation,
                job=job,
                name=name,
                media_type=MEDIA[name.rsplit(".", 1)[-1]],
                content=wrap(_key(), data, f"{job.pk}/{name}"),
            )
        outcome.keep()
        _end(job, DONE, result=dict(outcome.result))


def _made_meanwhile(job: Job) -> Outcome | None:
    """What came of the same work, done for a colleague while this one waited.

    Only of work that began after this was asked for: nobody is given what was read of the record
    before they asked. What is taken over keeps the time at which it was begun, for whoever takes
    it over in turn.
    """
    if job.kind in FIRST:
        return None
    done = (
        Job.objects.filter(kind=job.kind, asked=job.asked, state=DONE, started_at__gte=job.asked_at)
        .order_by("-ended_at").first()
    )  # fmt: skip
    if done is None:
        return None
    Job.objects.filter(pk=job.pk).update(started_at=done.started_at)
    return Outcome(done.result, {file.name: content_of(file) for file in done.files.all()})


def content_of(file: JobFile) -> bytes:
    """What a job made, opened."""
    return unwrap(_key(), bytes(file.content), f"{file.job.pk}/{file.name}")


def seal_what_is_there(model: Callable[[str, str], Any]) -> None:
    """Seal the files of work that an older record kept in clear inside its store: once, as a step
    of an upgrade.

    model  gives the class of (application, name), as a migration has it
    """
    for file in model("registry", "JobFile").objects.filter(operation=current().operation):
        if not is_wrapped(bytes(file.content)):
            file.content = wrap(_key(), bytes(file.content), f"{file.job_id}/{file.name}")
            file.save(update_fields=["content"])


def _key() -> bytes:
    return current().derive("files of jobs")


def _end(
    job: Job, state: str, *, message: str = "", result: dict[str, Any] | None = None
) -> None:
    Job.objects.filter(pk=job.pk).update(
        state=state, message=message, result=result or {}, ended_at=timezone.now(), progress=""
    )


def interrupted() -> int:
    """Mark what was running when the server last stopped; the number of such jobs."""
    running = Job.objects.filter(state=RUNNING)
    changing = running.filter(kind__in=(BRING, TAKE_BACK)).update(
        state=INTERRUPTED,
        ended_at=timezone.now(),
        message=STOPPED_CHANGING,
    )
    changing += running.filter(kind=RENEW).update(
        state=INTERRUPTED, ended_at=timezone.now(), message=STOPPED_RENEWING
    )
    return changing + running.update(
        state=INTERRUPTED,
        ended_at=timezone.now(),
        message=STOPPED,
    )


class Worker(threading.Thread):
    """Does the queued work, one piece at a time, until told to stop."""

    def __init__(self) -> None:
        super().__init__(name="onward-jobs", daemon=True)
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()
        _ASKED.set()

    def run(self) -> None:
        try:
            interrupted()
            forgot = -SECONDS_BETWEEN_FORGETTING
            while not self._stopping.is_set():
                close_old_connections()
                _ASKED.clear()
                try:
                    if time.monotonic() - forgot >= SECONDS_BETWEEN_FORGETTING:
                        forgot = time.monotonic()
                        drafts.give_up_old()  # also where nobody brings the next list in
                    found = run_next()
                except Exception as error:
                    LOG.error("the queue could not be read: %s", type(error).__name__)
                    found = None
                if found is None:
                    _ASKED.wait(SECONDS_BETWEEN_LOOKS)
        finally:
            connection.close()
