"""Sessions whose contents and cookies cannot be read from the database.

Exists because a session holds more than a user number: a second factor being set up lies in it,
and so may what somebody typed. Contents are encrypted under a key of the operation, bound to the
session; the table holds the SHA-256 of the cookie, so that a copied database opens no session.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from onward.registry.keyring import keys


class SessionStore(DatabaseStore):
    """Django's database sessions, sealed."""

    def _kept(self, session_key: str | None) -> str:
        # The column has 40 characters: 160 bits of the digest are plenty.
        return hashlib.sha256(f"session:{session_key}".encode()).hexdigest()[:40]

    def _place(self) -> str:
        from onward.registry.site import current

        return f"{current().operation}/session/{self._kept(self.session_key)}"

    def _key(self) -> bytes:
        from onward.registry.site import current

        return current().derive("sessions")

    def encode(self, session_dict: dict[str, Any]) -> str:
        data = json.dumps(session_dict, separators=(",", ":"), default=str).encode()
        return base64.b64encode(keys.wrap(self._key(), data, self._place())).decode()

    def decode(self, session_data: str | bytes) -> dict[str, Any]:
        try:
            sealed = base64.b64decode(session_data)
            found = json.loads(keys.unwrap(self._key(), sealed, self._place()))
        except (keys.KeyRefused, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    # The rows are found by the digest of the cookie; everything else is Django's.

    def _get_session_from_db(self) -> Any:
        from django.utils import timezone

        try:
            return self.model.objects.get(
                session_key=self._kept(self.session_key), expire_date__gt=timezone.now()
            )
        except self.model.DoesNotExist:
            self._session_key = None
            return None

    def load(self) -> dict[str, Any]:
        """The one question that every page asks, so it is put without building a query."""
        from django.db import connection
        from django.utils import timezone

        now = connection.ops.adapt_datetimefield_value(timezone.now())
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT session_data FROM django_session "
                "WHERE session_key = %s AND expire_date > %s",
                [self._kept(self.session_key), now],
            )
            row = cursor.fetchone()
        if row is None:
            self._session_key = None
            return {}
        return self.decode(row[0])

    def exists(self, session_key: str) -> bool:
        return bool(self.model.objects.filter(session_key=self._kept(session_key)).exists())

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        return self.model(
            session_key=self._kept(self._get_or_create_session_key()),
            session_data=self.encode(data),
            expire_date=self.get_expiry_date(),
        )

    def delete(self, session_key: str | None = None) -> None:
        if session_key is None:
            if self.session_key is None:
                return
            session_key = self.session_key
        self.model.objects.filter(session_key=self._kept(session_key)).delete()
