"""A search knows what was written to the vault a moment ago, and reads no more than that."""

from __future__ import annotations

import registry_cast as cast


def found(amina, asked):
    from onward.registry.now import search
    from onward.registry.permissions.access import Reader

    return [hit.person for hit in search.find_people(Reader(amina), asked)]


def test_a_search_follows_the_vault(small, monkeypatch):
    from onward.registry.identities.vault_db import EncryptedVault

    amina = cast.account("amina", "protection_officer", factor=False)
    vault = small.vault
    vault.put(
        {
            "H1-P1": {
                "name.given.Latn": "Shirin",
                "name.family.Latn": "Daneshvar",
                "number": "Z-77",
            }
        }
    )
    assert found(amina, "Shirin Daneshvar")[:1] == ["H1-P1"]
    assert found(amina, "Z-77") == ["H1-P1"]

    whole: list[bool] = []
    real = EncryptedVault.names
    monkeypatch.setattr(
        EncryptedVault, "names",
        lambda self, people=None: whole.append(people is None) or real(self, people),
    )  # fmt: skip
    vault.put({"H1-P1": {"name.given.Latn": "Golnar", "number": "Z-78"}})
    vault.put({"H2-P1": {"name.given.Latn": "Parviz"}})
    assert found(amina, "Golnar")[:1] == ["H1-P1"]
    assert found(amina, "Parviz")[:1] == ["H2-P1"]
    assert "H1-P1" not in found(amina, "Shirin Daneshvar")
    assert found(amina, "Z-77") == []
    vault.erase("H2-P1", by="chantal")
    assert "H2-P1" not in found(amina, "Parviz")
    assert whole
    assert not any(whole)
    # Somebody of whom nothing is kept any more leaves no row to be seen by: all is read again.
    vault.put({"H1-P1": {}})
    assert found(amina, "Golnar") == []
