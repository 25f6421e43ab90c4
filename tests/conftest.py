"""Nothing of one test reaches the next: a page leaves its reader's language in the thread."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _no_language_left() -> Iterator[None]:
    yield
    if (translation := sys.modules.get("django.utils.translation")) is not None:
        translation.deactivate()
