"""`onward demo`: build the example operation and write its situation report."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import typer

from onward.cli.commands import command_app

app = command_app()


@app.command()
def demo(
    out: Path = typer.Argument(Path("out/meridian"), help="Where the report goes."),
    example: str = typer.Option("meridian", "--example", help="Which example."),
    futures: int = typer.Option(500, "--futures", help="Simulated futures."),
) -> None:
    """Example: onward demo out/meridian

    Brings the example's messy lists into a new operation folder (OUT/operation), writes
    report.html, report.pdf and report.xlsx and prints the headline. Everybody is invented.
    """
    from onward.cli.work import write_report
    from onward.forecast.run import LEAST_FUTURES
    from onward.registry.examples import new_from_example

    if futures < LEAST_FUTURES:
        raise typer.BadParameter(f"--futures {futures}: {LEAST_FUTURES} or more are needed.")
    started = time.monotonic()
    # The simulator compiles on the other core while the lists are brought in.
    compiling = subprocess.Popen(
        [sys.executable, "-m", "onward.forecast.simulator.warm"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def say(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - started:5.1f} s  {text}\n")

    folder = out / "operation"
    if folder.exists():
        # Only ever the folder this command made, and only when it is marked a demonstration.
        from onward.registry import open_operation

        if not open_operation(folder).settings.demonstration:
            raise typer.BadParameter(f"{folder} is not a demonstration; choose another folder.")
        shutil.rmtree(folder)
    out.mkdir(parents=True, exist_ok=True)
    new_from_example(folder, example, say=say)
    compiling.wait()
    done = write_report(folder, out, futures=futures, say=say)
    typer.echo("")
    typer.echo(done["headline"])
    for line in done["summary"]:
        typer.echo(line)
    for file in done["files"]:
        typer.echo(f"  {file}")
