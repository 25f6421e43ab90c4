"""Whom a legal hold keeps, under every id they have had.

Exists because a hold is set on one id, and what it keeps may lie under another that was merged with
it, before or since. Whoever would destroy or replace something of a file asks here.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop

from onward.registry.identities.merged import all_ids_of, ids_of, whose
from onward.registry.models import LegalHold

STAYS = gettext_noop(
    "A legal hold keeps the file of somebody who came with this list. Nothing was undone; undo it after "
    "whoever set the hold ends it."
)


def held() -> frozenset[str]:
    """Every id of everybody whose file a legal hold keeps."""
    people = LegalHold.objects.filter(until=None).values_list("person", flat=True).distinct()
    return all_ids_of(people)


def is_held(person: str) -> bool:
    """Whether a legal hold keeps somebody's file, under whichever of their ids it was set."""
    return LegalHold.objects.filter(person__in=ids_of(whose(person)), until=None).exists()
