"""A convoy that leaves on another day, with other seats, or not at all: until somebody boarded."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext as _

from onward.caseload.events import Subject
from onward.desk import dates, forms, here
from onward.desk.views.shared import nothing_changed
from onward.errors import OnwardError
from onward.registry.models import ThingNow
from onward.registry.recording import acts

CHANGED = ("day", "seats", "state")


def ahead(convoy: ThingNow) -> bool:
    """Whether its day has not come."""
    return str(convoy.facts.get("day") or "9") > here.today().isoformat()


def shown(convoy: ThingNow) -> str:
    """What the form shows, in one field, which it sends back."""
    return "/".join(str(convoy.facts.get(name) or "") for name in CHANGED)


def form_of(convoy: ThingNow) -> forms.Form:
    form = forms.form_for(
        here.rulebook(), "convoy", CHANGED, required=CHANGED,
        values={name: convoy.facts.get(name) for name in CHANGED},
    )  # fmt: skip
    for each in form.inputs:
        if each.name == "state":
            each.options = [one for one in each.options if one[0] in ("planned", "cancelled")]
    return form


def keep(
    request: HttpRequest, convoy: ThingNow, form: forms.Form, manifest: int, key: str
) -> bool:
    """Records what the form changed; False when something is wrong with it, said beside its fields.

    manifest  how many people are on it
    """
    if not form.read(request.POST).valid:
        return False
    if form.facts["seats"] < manifest:
        people = dates.digits(str(manifest))
        form.fail("seats", _("People on the manifest: %(number)s.") % {"number": people})
        return False
    was = dict(zip(CHANGED, request.POST.get("plan", "").split("/"), strict=False))
    meant = {name: value for name, value in form.facts.items() if str(value) != was.get(name)}
    now = convoy.facts
    if any(str(now.get(name)) not in (was.get(name), str(one)) for name, one in meant.items()):
        raise OnwardError(
            _("Somebody else changed this meanwhile. Nothing of yours was kept yet.")
        )
    meant = {name: value for name, value in meant.items() if value != now.get(name)}
    if not meant:
        raise OnwardError(nothing_changed())
    acts.record(
        request.user, Subject("convoy", convoy.thing), "recorded",
        effective=here.today().isoformat(), facts=meant, evidence=(), idempotency_key=key,
    )  # fmt: skip
    return True
