"""`onward keys`: the ways into an operation, custodians, renewal, and erasing an identity."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from onward.cli.commands import command_app
from onward.errors import OnwardError

app = command_app(no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The operation folder.")]


@app.command("list")
def list_(
    directory: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Example: onward keys list our-camp

    The ways into the operation, and the key under which its checkpoints are checked.
    """
    from onward.registry.keyring import keys

    ring = keys.read(directory)
    found = [
        {"kind": slot["kind"], "id": slot["id"],
         "custodians": [share["recipient"] for share in slot.get("shares", ())],
         "made": slot.get("made", ""), "holder": slot.get("holder", "")}
        for slot in ring["slots"]
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps({"operation": ring["operation"], "ways": found}))
        return
    for slot in found:
        people = f", {len(slot['custodians'])} together" if slot["custodians"] else ""
        since = f", since {slot['made']}" if slot["made"] else ""
        whose = f", held by {slot['holder']}" if slot["holder"] else ""
        typer.echo(f"{slot['kind']}{people}{since}{whose}")


@app.command()
def identity(
    file: Annotated[Path, typer.Argument(help="The file to make.")],
) -> None:
    """Example: onward keys identity chantal.age

    Makes an age key pair for a custodian or for who may open backups, and prints the public part.
    Keep the file to yourself; give the printed line away.
    """
    from onward.registry.database.backup import new_identity

    if file.exists():
        raise OnwardError(f"{file} exists; a key is never written over another one.")
    typer.echo(new_identity(file))


@app.command()
def add(
    directory: Folder,
    key_file: Annotated[
        str, typer.Option("--key-file", help="A key file, made if it is not there.")
    ] = "",
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="A passphrase, asked for now.")
    ] = False,
    recovery: Annotated[
        bool, typer.Option("--recovery", help="A recovery code, printed once.")
    ] = False,
    custodian: Annotated[
        list[str] | None,
        typer.Option("--custodian", help="An age public key; two or more, needed together."),
    ] = None,
    holder: Annotated[
        str, typer.Option("--holder", help="Whose it is: a post or a place, as 'duty safe'.")
    ] = "",
) -> None:
    """Example: onward keys add our-camp --custodian age1… --custodian age1…

    Adds a way into the operation; it must be unlocked. Custodians can open it only together.
    """
    from onward.registry.keyring import keys

    key, name = _unlocked(directory)
    slots: list[Any] = []
    if key_file:
        path = Path(key_file).expanduser()
        if directory.resolve() in path.resolve().parents:
            raise OnwardError(f"{path} lies inside the operation's folder; keep it elsewhere.")
        secret = keys.read_key_file(path) if path.exists() else keys.new_key_file(path)
        slots.append(keys.key_file_slot(name, key, secret))
    if passphrase:
        from onward.cli.new import _passphrase

        slots.append(keys.passphrase_slot(name, key, _passphrase()))
    if recovery:
        from onward.cli.new import _show_code

        slot, code = keys.recovery_slot(name, key)
        slots.append(slot)
        _show_code(code)
    if custodian:
        slots.append(keys.custodian_slot(name, key, custodian))
    if not slots:
        raise OnwardError("Say which way in to add: --key-file, --passphrase, --recovery, …")
    if holder.strip():
        slots = [{**slot, "holder": holder.strip()[:80]} for slot in slots]
    keys.add_slots(directory, key, slots)
    typer.echo(f"{len(slots)} way(s) in added.")
    if key_file:
        sys.stderr.write(
            "To open the record unattended with the new file, name it as key_file in "
            f"{directory}/operation.toml or in ONWARD_KEY_FILE.\n"
        )


@app.command()
def drop(
    directory: Folder,
    kind: Annotated[str, typer.Argument(help="key-file, passphrase, recovery or custodians.")],
    but: Annotated[
        Path | None, typer.Option("--but", help="A key file whose own way in stays.")
    ] = None,
) -> None:
    """Example: onward keys drop our-camp key-file --but next.key

    Takes away every way in of one kind. The last one cannot be taken away.
    """
    from onward.registry.keyring import keys

    key, _ = _unlocked(directory)
    gone = keys.drop_slots(directory, key, kind, but=but)
    typer.echo(f"{gone} way(s) in taken away.")


@app.command()
def share(
    directory: Folder,
    identity: Annotated[Path, typer.Option("--identity", help="Your age secret key: a file.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where your share goes.")],
) -> None:
    """Example: onward keys share our-camp --identity chantal.age -o chantal.share

    One custodian opens their own share. It opens nothing without the others'.
    """
    import os

    from onward.registry.database.backup import identity_of
    from onward.registry.keyring import keys

    data = keys.open_share(directory, str(identity_of(identity)))
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(data.hex() + "\n")
    typer.echo(f"{out}: bring it to the others, and destroy it afterwards.")


@app.command()
def recover(
    directory: Folder,
    share: Annotated[
        list[Path] | None, typer.Option("--share", help="Every custodian's share: a file.")
    ] = None,
    code: Annotated[
        bool, typer.Option("--code", help="With the recovery code, asked for now.")
    ] = False,
    key_file: Annotated[str, typer.Option("--key-file", help="A new key file to make.")] = "",
    drill: Annotated[
        bool, typer.Option("--drill", help="Only show that it would open.")
    ] = False,
) -> None:
    """Example: onward keys recover our-camp --share a.share --share b.share --drill

    Opens an operation whose passphrase or key file is lost, and adds a new way in. With --drill
    nothing is changed but a line in the log of access: hold one every half year.
    """
    from onward.registry.keyring import keys

    if code:
        from getpass import getpass

        typed = getpass("Recovery code: ") if sys.stdin.isatty() else sys.stdin.readline()
        key = keys.with_recovery_code(directory, typed)
    elif share:
        try:
            shares = [bytes.fromhex(path.read_text("ascii").strip()) for path in share]
        except (OSError, ValueError):
            raise OnwardError(
                "A share cannot be read; expected a file of onward keys share."
            ) from None
        key = keys.with_shares(directory, shares)
    else:
        raise OnwardError("Say how: --share (every custodian's), or --code.")
    ring = keys.opened(directory, key)
    if drill:
        noted = _noted(directory, key, "recovery" if code else "custodians")
        typer.echo(f"{ring.operation} opens. Nothing was changed.{noted}")
        return
    if not key_file:
        raise OnwardError("Name a new key file to make: --key-file FILE.")
    secret = keys.new_key_file(Path(key_file).expanduser())
    keys.add_slots(directory, key, [keys.key_file_slot(ring.operation, key, secret)])
    typer.echo(f"{ring.operation} opens; {key_file} is a new way in.")


@app.command()
def rotate(directory: Folder) -> None:
    """Example: onward keys rotate our-camp

    A new root secret, root key and office key; every person's key and every way in is wrapped
    again. Do it when somebody who knew a key leaves. It can be interrupted and run again.
    """
    from onward.registry.keyring import agent
    from onward.registry.keyring.rotation import rotate as renew

    _unlocked(directory)
    done = renew(lambda text: sys.stderr.write(f"{text}\n") and None)
    typer.echo(f"New root and office keys; {done:,} keys of people wrapped again.")
    locked = " Unlock it again: onward unlock." if agent.lock(directory.resolve()) else ""
    sys.stderr.write(f"A desk that is open must be started again.{locked}\n")


@app.command()
def erase(
    directory: Folder,
    person: Annotated[str, typer.Argument(help="The person's permanent id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Example: onward keys erase our-camp 1c0f…

    Destroys a person's keys, and with them the identity kept under them, for good. The
    pseudonymous record stays and keeps its proofs. On the desk two people are asked.
    """
    from onward.registry import open_operation
    from onward.registry.identities.vault_db import EncryptedVault

    _unlocked(directory)
    if not yes:
        typer.confirm("Erase this identity for good?", abort=True)
    open_operation(directory)
    EncryptedVault().erase(person, by="terminal")
    typer.echo("Erased. Delete ….keys.age files of earlier backups, or it could come back.")


@app.command()
def checkpoint_key(directory: Folder) -> None:
    """Example: onward keys checkpoint-key our-camp

    The public key under which checkpoints are checked. Give it out with the first report.
    """
    from onward.registry.log import checkpoints, signing

    _, name = _unlocked(directory)
    typer.echo(checkpoints.verifier_key(checkpoints.origin_of(name), signing.public_key()))


def _noted(directory: Path, key: Any, way: str) -> str:
    """Write down that a drill opened the record, so that the desk knows when the next one is due.

    A drill with a copy of `keys.json` alone is a drill too; then it says that it was not noted.
    """
    from onward.registry.web import starting

    try:
        starting.open_site(directory, key=key, migrate=False)
        from onward.registry.keyring.rotation import DRILL
        from onward.registry.permissions import access

        access.log(None, DRILL, purpose=way, place="terminal")
    except Exception as error:
        return f" It could not be noted in the log of access ({type(error).__name__})."
    return " The drill was noted in the log of access."


def _unlocked(directory: Path) -> tuple[Any, str]:
    """The operation's root key and id; its site is open afterwards."""
    from onward.registry import open_operation, site

    operation = open_operation(directory)
    if not operation.settings.encrypted:
        raise OnwardError(f"{directory} keeps its record in plain files; it has no keys.")
    operation.store.head()
    return site.current().root, operation.settings.id
