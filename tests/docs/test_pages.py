"""Every command the documentation shows is run, page by page, and shows what the page says.

A page is one session in one folder. Its blocks are read in order:

- ```sh: each line is a command. ```console: lines that begin with `$ ` are commands, the others
  are what they print; words must agree, figures and ids may differ, `…` alone stands for any
  lines.
- The word ID in a command stands for the first id printed so far: a reader copies one too.
- `<!-- with: camp -->` anywhere on the page: the session starts with the example in `camp`.
- Before a block, `<!-- not run: REASON -->` leaves it out, `<!-- exit 1: REASON -->` says how its
  last command ends, `<!-- file: PATH -->` writes a block of another language to a file, and
  `<!-- edit: PATH -->` before a ```diff block replaces its `-` lines by its `+` lines.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"(?:<!-- (?P<mark>(?:not run|exit \d|file|edit):.*?) -->\n+)?"
    r"^(?P<fence>```+)(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=fence)[ ]*$",
    re.MULTILINE | re.DOTALL,
)  # fmt: skip
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass
class Block:
    """One fenced block: its language, its text, and the mark that stands before it."""

    language: str
    text: str
    mark: str
    line: int

    @property
    def runs(self) -> bool:
        return self.language in ("sh", "console") and not self.mark.startswith("not run:")

    def commands(self) -> list[Command]:
        """The commands in order, each with the lines it is said to print."""
        if self.language == "sh":
            joined = self.text.replace("\\\n", " ")
            lines = [line.strip() for line in joined.splitlines()]
            return [Command(line) for line in lines if line and not line.startswith("#")]
        found: list[Command] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append(Command(line[2:]))
            elif found:
                found[-1].prints.append(line)
        return found


@dataclass
class Command:
    line: str
    prints: list[str] = field(default_factory=list)


def blocks(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    return [
        Block(
            m["language"], m["text"], m["mark"] or "", text.count("\n", 0, m.start("fence")) + 1
        )
        for m in BLOCK.finditer(text)
    ]


def with_commands() -> list[Path]:
    return [page for page in PAGES if any(block.runs for block in blocks(page))]


def plain(line: str) -> str:
    """A printed line as words: figures, ids, dates and spacing left out."""
    line = UUID.sub("ID", line)
    line = re.sub(r"\b[0-9a-f]{12,}\b", "HASH", line)
    line = re.sub(r"\d+(?:[.,:]\d+)*", "0", line)
    return " ".join(re.sub(r"[─-╿]+", " ", line).split())


def missing_lines(said: list[str], printed: str) -> list[str]:
    """Lines the page shows that the command did not print, in that order."""
    there = [plain(line) for line in printed.splitlines()]
    at, missing = 0, []
    for line in said:
        wanted = plain(line)
        if not wanted or wanted == "…":
            continue
        start, _, _rest = wanted.partition(" …")
        for position in range(at, len(there)):
            if there[position] == wanted or (
                wanted.endswith("…") and there[position].startswith(start.rstrip("…"))
            ):
                at = position + 1
                break
        else:
            missing.append(line)
    return missing


@pytest.mark.slow
@pytest.mark.parametrize("page", with_commands(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_the_page_runs_and_prints_what_the_page_shows(
    page, command, prepared, session_folder
):
    if "<!-- with: camp -->" in page.read_text("utf-8"):
        shutil.copytree(prepared, session_folder / "camp")
    printed_so_far = ""
    for block in blocks(page):
        place = f"{page.name}, line {block.line}"
        if block.mark.startswith("file:"):
            target = session_folder / block.mark.removeprefix("file:").strip()
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, "utf-8")
        elif block.mark.startswith("edit:"):
            edit(session_folder / block.mark.removeprefix("edit:").strip(), block.text, place)
        if not block.runs:
            continue
        expected = int(block.mark[5]) if block.mark.startswith("exit ") else 0
        commands = block.commands()
        for number, one in enumerate(commands):
            line = one.line
            if re.search(r"\bID\b", line):
                first = UUID.search(printed_so_far)
                assert first, f"{place}: no id was printed before {line}"
                line = re.sub(r"\bID\b", first.group(0), line)
            done = subprocess.run(
                ["bash", "-c", line], cwd=session_folder, env=command, text=True,
                capture_output=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            printed_so_far += done.stdout
            wanted = expected if number == len(commands) - 1 else 0
            assert done.returncode == wanted, (
                f"{place}: {one.line} ended with {done.returncode}, expected {wanted}\n"
                f"{done.stderr[-3000:]}"
            )
            missing = missing_lines(one.prints, done.stdout + done.stderr)
            assert not missing, f"{place}: {one.line} did not print\n" + "\n".join(missing)


def edit(file: Path, diff: str, place: str) -> None:
    """Replace what a diff block takes away by what it brings; both stand in the file once."""
    lines = diff.splitlines()
    old = "\n".join(line[1:] for line in lines if not line.startswith("+"))
    new = "\n".join(line[1:] for line in lines if not line.startswith("-"))
    text = file.read_text("utf-8")
    assert text.count(old) == 1, (
        f"{place}: stands {text.count(old)} times in {file.name}:\n{old}"
    )
    file.write_text(text.replace(old, new), "utf-8")


def test_a_block_that_is_not_run_says_why():
    for page in PAGES:
        for block in blocks(page):
            if block.mark.startswith("not run:"):
                assert len(block.mark) > len("not run: ") + 10, (
                    f"{page.name}, line {block.line}"
                )


def test_every_command_shown_is_in_a_block_that_can_be_run():
    """A block without a language that begins with `onward` would never be tried."""
    hidden = []
    for page in PAGES:
        for block in blocks(page):
            first = block.text.strip().removeprefix("$ ")
            if block.language not in ("sh", "console") and first.startswith("onward "):
                hidden.append(f"{page.name}, line {block.line}")
        for match in re.finditer(r"(?m)^\n(?: {4}onward .*\n)+", page.read_text("utf-8")):
            hidden.append(f"{page.name}: {match.group(0).strip()}")
    assert hidden == []


LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Heading anchors as code hosts make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"(?m)^#+ +(.*?) *$", text)
    made = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
    return made | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    broken = []
    for match in LINK.finditer(text):
        address = match[1] or match[2]
        if re.match(r"[a-z]+:", address):
            continue
        path, _, anchor = address.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (
            anchor and target.suffix == ".md" and anchor not in anchors(target)
        ):
            broken.append(address)
    assert broken == []


def test_every_page_can_be_reached_from_the_index():
    seen: set[Path] = set()
    waiting = [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        for match in LINK.finditer(page.read_text("utf-8")):
            path = (match[1] or match[2]).partition("#")[0]
            target = (page.parent / path).resolve()
            if path.endswith(".md") and target.is_file():
                waiting.append(target)
    unreached = set(PAGES) - seen
    assert sorted(page.name for page in unreached if "docs" in page.parts[-3:]) == []
