"""Renewing the keys above the people's: the root secret, the root key, a key for every office.

Exists because somebody who knew a key leaves. Only keys are wrapped again, not values, so it
takes seconds. It goes in steps of which each leaves a record that opens: the new root key is
added beside the old one, the offices are wrapped under it, then the old one is dropped and the
secret above them renewed, in one writing of `keys.json`. A crash in between is finished by
running it again.
"""

from __future__ import annotations

from onward.registry import keys
from onward.registry.site import current
from onward.registry.vault_db import OFFICE, EncryptedVault


def rotate() -> int:
    """Renew the root key and every office's; returns how many people's keys were wrapped again."""
    from onward.registry.models import WrappedKey

    site, vault = current(), EncryptedVault()
    keys.require_renewable(site.folder)
    site.ring = keys.begin_rotation(site.folder, site.root)
    vault.rewrap_offices()
    offices = list(WrappedKey.objects.filter(purpose=OFFICE).values_list("owner", flat=True))
    wrapped = sum(vault.rotate_office(office) for office in offices)
    site.ring, site.root = keys.finish_rotation(site.folder, site.root, vault.roots_in_use())
    return wrapped
