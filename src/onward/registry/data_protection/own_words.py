"""What somebody says when they ask about their own file, sealed with their request.

Exists because "correct something" cannot be answered without what is wrong and what it should say,
and that may hold a name, a claim or an illness. Comes in: their words, and the class of fields they
are about. Goes out: the same to whoever reads such requests and that class of this person, after a
fresh sign-in, counted and logged like any identity. The words are under the person's own key for what is
sealed and go with it; lists, exports, addresses and the log of access never hold them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from onward.errors import OnwardError
from onward.registry.identities.vault_db import EncryptedVault
from onward.registry.models import Account, RightsRequest
from onward.registry.permissions import access
from onward.registry.permissions.roles import load_rules

CLASS = "requests"
"""The class of fields one must read to be shown what somebody said."""

MOST = 2000
"""Characters of each part."""


@dataclass(frozen=True)
class Words:
    """about: the class of fields; wrong: what is wrong, or what they mean; right: what it should say."""

    about: str
    wrong: str
    right: str = ""


@dataclass(frozen=True)
class Told:
    """What may be shown to a reader: the words, or only of which class they are."""

    about: str
    words: Words | None


def subjects() -> Mapping[str, str]:
    """What a request may be about: classes of fields and their titles."""
    classes = load_rules().classes.values()
    return {each.name: each.title for each in classes if each.name not in ("open", CLASS)}


def words(about: str, wrong: str, right: str = "") -> Words | None:
    """Somebody's words as typed; None when nothing was.

    raises  OnwardError when it is not said what they are about, or they are too long
    """
    wrong, right = wrong.strip(), right.strip()
    if not wrong and not right:
        return None
    if about not in subjects():
        raise OnwardError("Say what it is about: that decides who may read it.")
    if max(len(wrong), len(right)) > MOST:
        raise OnwardError("At most 2000 characters: say the rest in the evidence, or take two.")
    return Words(about, wrong, right)


def seal(request: RightsRequest, said: Words) -> None:
    """Put somebody's words into their request, which is then saved in the same transaction.

    raises  VaultRefused for somebody whose identity was erased on request
    """
    content = json.dumps(asdict(said), ensure_ascii=False).encode()
    request.words_key, request.words = EncryptedVault().sealed_note(
        request.person, content, _place(request)
    )


def opened(request: RightsRequest) -> Words | None:
    """The words kept with a request, for code that has asked who may read them.

    raises  KeyRefused when they were changed, or moved from another request
    """
    if not request.words_key:
        return None
    vault = EncryptedVault()
    content = vault.opened_note(
        request.person, request.words_key, bytes(request.words), _place(request)
    )
    return Words(**json.loads(content))


def read(
    by: Account, request: RightsRequest, *, signed_in: datetime | None, place: str = ""
) -> Told | None:
    """What somebody said, as far as an account may read it; None when nothing is kept.

    raises  SignInAgain, Hidden
    """
    from onward.registry.identities.merged import whose

    leave = access.Reader(by).reveal(
        whose(request.person), purpose=f"request {request.pk}", signed_in=signed_in, place=place,
        only=CLASS,
    )  # fmt: skip
    return shown(request, leave.reads)


def shown(request: RightsRequest, reads: frozenset[str]) -> Told | None:
    """What a reader of these classes is shown of somebody's words."""
    if CLASS not in reads or (said := opened(request)) is None:
        return None
    return Told(said.about, said if said.about in reads else None)


def _place(request: RightsRequest) -> str:
    return f"rights/{request.pk}"
