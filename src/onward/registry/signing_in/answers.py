"""What a page says after something was done, carried to the next page by the browser, sealed.

Exists because it was kept in the session: every writing then cost a second one to keep the sentence and
a third to take it away again, each waiting for the disk. Comes in: Django's messages. Goes out: a
cookie that only this operation can read, and only for the account it was said to, until it signs out.
What is too long for a cookie is kept in the session as before.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from django.contrib.messages.storage.cookie import CookieStorage, MessageDecoder
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage

from onward.registry.keyring import keys


class Sealed(CookieStorage):
    """Messages in a cookie that is encrypted and bound to one sign-in of the account they were said to."""

    cookie_name = "work-said"

    def _encode_parts(self, messages: Any, encode_empty: bool = False) -> str | None:
        if not messages and not encode_empty:
            return None
        data = zlib.compress(f"[{','.join(messages)}]".encode())
        return base64.urlsafe_b64encode(keys.wrap(_key(), data, self._place())).decode()

    def _decode(self, data: str | None) -> Any:
        if not data:
            return None
        try:
            opened = keys.unwrap(_key(), base64.urlsafe_b64decode(data), self._place())
            return json.loads(zlib.decompress(opened), cls=MessageDecoder)
        except (keys.KeyRefused, ValueError):
            self.used = True  # not for this sign-in: taken away
            return None

    def _place(self) -> str:
        from onward.registry.signing_in.signin import BEGAN
        from onward.registry.site import current

        account = getattr(self.request, "user", None)
        whose = getattr(account, "pk", None) or ""
        began = self.request.session.get(BEGAN, "") if whose else ""
        return f"{current().operation}/said/{whose}/{began}"


class Answers(FallbackStorage):
    """A sealed cookie, and the session for what does not fit into it."""

    storage_classes = (Sealed, SessionStorage)

    def _get(self, *given: Any, **named: Any) -> Any:
        found = super()._get(*given, **named)
        unreadable = {each for each in self.storages if each.used}
        self._used_storages |= unreadable
        self.used = self.used or bool(unreadable)
        return found


def _key() -> bytes:
    from onward.registry.site import current

    return current().derive("answers")
