"""Renewing the keys above the people's: a new root key, a new key for every office.

Exists because somebody who knew a key leaves. Only keys are wrapped again, not values, so it
takes seconds. It goes in steps of which each leaves a record that opens: the new root key is
added beside the old one, the offices are wrapped under it, then the old one is dropped. A crash
in between is finished by running it again.
"""

from __future__ import annotations

from onward.registry import keys
from onward.registry.site import current
from onward.registry.vault_db import OFFICE, EncryptedVault


def rotate() -> int:
    """Renew the root key and every office's; returns how many people's keys were wrapped again."""
    from onward.registry.models import WrappedKey

    site, vault = current(), EncryptedVault()
    site.ring = keys.begin_rotation(site.folder, site.root)
    vault.rewrap_offices()
    offices = list(WrappedKey.objects.filter(purpose=OFFICE).values_list("owner", flat=True))
    wrapped = sum(vault.rotate_office(office) for office in offices)
    site.ring = keys.finish_rotation(site.folder, site.root, vault.roots_in_use())
    return wrapped
