"""Nothing of one test reaches the next: a page leaves its reader's language in the thread. And no
test is timed: a busy machine fails none."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("onward", deadline=None)
settings.load_profile("onward")


@pytest.fixture(autouse=True)
def _no_language_left() -> Iterator[None]:
    yield
    translation = sys.modules.get("django.utils.translation")
    if translation is not None and sys.modules["django.conf"].settings.configured:
        translation.deactivate()
