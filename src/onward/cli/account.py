"""`onward account`: the accounts of the desk, from the terminal of whoever holds the key."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from onward.cli.commands import command_app
from onward.errors import OnwardError, one_of

app = command_app(no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The operation folder.")]
Name = Annotated[str, typer.Argument(help="User name: small letters, digits, dots, dashes.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
Roles = Annotated[list[str], typer.Option("--role", help="A role; may be given several times.")]


def _open(directory: Path) -> None:
    """Unlock the operation, as every command does."""
    from onward.registry import open_operation

    operation = open_operation(directory)
    if not operation.settings.encrypted:
        raise OnwardError(
            f"{directory} keeps its record in plain files and has no accounts. Make an encrypted "
            "operation with: onward new DIR"
        )
    operation.store.head()


def _account(username: str) -> Any:
    from onward.registry.models import Account

    found = Account.objects.filter(username=username.strip().lower()).first()
    if found is None:
        raise OnwardError(
            f"{username}: no account of that name. List them with: onward account list DIR"
        )
    return found


def _tell_code(username: str, code: str, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"username": username, "start_code": code, "days": 3}))
        return
    typer.echo(code)
    sys.stderr.write(
        f"Start code of {username}, shown once: give it to them in person. On the desk's sign-in "
        "page they choose “Use your start code”, within three days, and set a password and a "
        "second factor of their own.\n"
    )


@app.command()
def add(
    directory: Folder,
    username: Name,
    role: Roles,
    office: Annotated[
        str, typer.Option("--office", help="Site whose people they work with.")
    ] = "",
    organisation: Annotated[
        str, typer.Option("--organisation", help="For a partner: whose referrals they see.")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="What colleagues see.")] = "",
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Type the password here instead of a start code.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Example: onward account add our-camp chantal --role supervisor --office camp-1

    Makes an account without a password and prints a start code, once. The first account of an
    operation is an administrator, made here. There is no default account.
    """
    _open(directory)
    from onward.registry.permissions import accounts

    made, code = accounts.create_account(
        username.strip().lower(), roles=role, office=office, organisation=organisation,
        display_name=name,
    )  # fmt: skip
    if prompt:
        if not sys.stdin.isatty():
            raise OnwardError("--prompt needs a terminal; without it a start code is printed.")
        accounts.set_password(
            made, typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        )
        sys.stderr.write(
            f"{made.username} can sign in now and sets up a second factor first.\n"
        )
        return
    _tell_code(made.username, code, as_json)


@app.command("list")
def list_(directory: Folder, as_json: AsJson = False) -> None:
    """Example: onward account list our-camp

    Every account with its roles and what opens it: the inventory of credentials.
    """
    _open(directory)
    from onward.registry.permissions import accounts

    found = accounts.credentials()
    if as_json:
        typer.echo(json.dumps({"accounts": found}, default=str))
        return
    if not found:
        sys.stderr.write(
            "There is no account yet. Make the first one with: onward account add "
            f"{directory} NAME --role administrator\n"
        )
    for each in found:
        state = "frozen" if each["frozen"] else "open" if each["active"] else "closed"
        opens = [str(kind) for kind in each["second_factors"]]  # type: ignore[attr-defined]
        if each["password"]:
            opens.insert(0, "password")
        if each["start_code_open"]:
            opens.append("start code")
        typer.echo(
            f"{each['username']}  {state}  {', '.join(each['roles'])}  "  # type: ignore[arg-type]
            f"{each['office'] or '–'}  {', '.join(opens) or 'nothing opens it yet'}"
        )


@app.command()
def reset(directory: Folder, username: Name, as_json: AsJson = False) -> None:
    """Example: onward account reset our-camp bilal

    For a lost telephone or password: takes away password, second factors and sessions, and prints
    a new start code.
    """
    _open(directory)
    from onward.registry.permissions import accounts

    found = _account(username)
    _tell_code(found.username, accounts.reset_account(found, by=None), as_json)


@app.command()
def roles(
    directory: Folder,
    username: Name,
    role: Roles,
    office: Annotated[str | None, typer.Option("--office", help="A new office.")] = None,
) -> None:
    """Example: onward account roles our-camp bilal --role interviewer --role counsellor

    Gives an account these roles and no others; its sessions end.
    """
    _open(directory)
    from onward.registry.permissions import accounts

    found = _account(username)
    accounts.change_account(found, by=None, roles=role, office=office)
    typer.echo(f"{found.username}: {one_of(sorted(found.roles)).replace(' or ', ' and ')}")


@app.command("close")
def close_(directory: Folder, username: Name) -> None:
    """Example: onward account close our-camp bilal

    Closes an account at once; what it did stays in the log. `onward account open` opens it again.
    """
    _open(directory)
    from onward.registry.permissions import accounts

    accounts.change_account(_account(username), by=None, active=False)
    typer.echo(f"{username} is closed.")


@app.command("open")
def open_(directory: Folder, username: Name) -> None:
    """Example: onward account open our-camp bilal

    Opens a closed or frozen account again.
    """
    _open(directory)
    from onward.registry.permissions import accounts

    accounts.change_account(_account(username), by=None, active=True)
    typer.echo(f"{username} is open.")
