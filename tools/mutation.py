"""Whether the tests bite: the code is changed in one small place after another, and its tests run.

Exists because a test that passes says little until it fails on wrong code. Comes in: the name of a
subject below. Goes out: how many of the changed programs (mutants) its tests notice, and every one
they do not, as a difference that a person can judge. Works on a copy of the tree in `out/mutation`;
what is known already is kept there, so that it can be stopped and go on, until the code or one of
its tests changes.

    make mutation                                   # every subject: hours
    python tools/mutation.py access --sample 150 --seed 1 --seconds 600

The mutants are mutmut's, at the version below, which is no part of the project's environment. They
are tried here and not by mutmut, because a test of the record first builds an operation: that is
done once, and every mutant starts from a copy of the process in which it stands. A mutant that only
shows while it is built is tried again in a process of its own. mutmut leaves alone what stands
outside functions, and functions under a decorator other than @staticmethod and @classmethod.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

TOOL = "3.8.1"
ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("tests", "rulebooks", "examples", "docs", "pyproject.toml")
KILLED, ENDLESS, SURVIVED, UNTESTED = "killed", "endless", "survived", "no test reaches it"
LEAST_SECONDS, TIMES = 10, 5
"""A mutant computes for ever when it takes so many times the seconds of its tests, and these."""

RECORD = "tests/registry"
OF_CONDITIONS = ("tests/safeguards/test_evaluate.py", "tests/safeguards/test_meaning.py")
# What is changed, and the tests that must notice. More tests would notice no less and take longer.
SUBJECTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ledger": ("registry/log/ledger.py", (f"{RECORD}/test_ledger.py",)),
    "checkpoints": ("registry/log/checkpoints.py", (f"{RECORD}/test_checkpoints.py",)),
    "proofs": ("registry/log/proofs.py", (f"{RECORD}/test_proofs.py",)),
    "signing": (
        "registry/log/signing.py",
        (f"{RECORD}/test_proofs.py", f"{RECORD}/test_verify.py"),
    ),
    "keys": ("registry/keyring/keys.py", (f"{RECORD}/test_keys.py",)),
    "vault": (
        "registry/identities/vault_db.py",
        (f"{RECORD}/test_own_words.py", f"{RECORD}/test_rights.py", f"{RECORD}/test_keys.py"),
    ),
    "roles": ("registry/permissions/roles.py", (f"{RECORD}/test_roles.py",)),
    "access": (
        "registry/permissions/access.py",
        (f"{RECORD}/test_access.py", f"{RECORD}/test_access_ends.py"),
    ),
    "assignments": (
        "registry/permissions/assignments.py",
        (f"{RECORD}/test_access.py", f"{RECORD}/test_access_ends.py"),
    ),
    "access_log": (
        "registry/permissions/access_log.py",
        (f"{RECORD}/test_access.py", f"{RECORD}/test_access_ends.py"),
    ),
    "grants": ("registry/permissions/grants.py", (f"{RECORD}/test_grants.py",)),
    "disclosure": ("report/disclosure.py", ("tests/report/test_disclosure.py",)),
    "counted": ("report/counted.py", ("tests/report/test_report.py",)),
    "release": ("report/release.py", ("tests/report/test_release.py",)),
    "evaluate": ("safeguards/evaluate.py", ("tests/safeguards/test_evaluate.py",)),
    "asking": ("safeguards/asking.py", OF_CONDITIONS),
    "expression": ("safeguards/expression.py", OF_CONDITIONS),
    "frames": ("safeguards/frames.py", OF_CONDITIONS),
    "compile": ("safeguards/compile.py", OF_CONDITIONS),
}


def changed_tree(subject: str) -> Path:
    """A copy of the tracked files as they stand, in which the subject holds all its mutants."""
    source, _ = SUBJECTS[subject]
    folder = ROOT / "out" / "mutation" / subject
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "src", *NEEDED],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, listed):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy2(ROOT / name, folder / name)
    from mutmut.mutation.file_mutation import mutate_file_contents

    path = folder / "src" / "onward" / source
    made = mutate_file_contents(str(path), path.read_text("utf-8"), None, None)
    path.write_text(made.code, "utf-8")
    module = ".".join(("onward", *Path(source).with_suffix("").parts))
    names = [f"{module}.{name}" for name in made.mutant_names]
    (folder / "mutants.json").write_text(json.dumps(names), "utf-8")
    return folder


class Kept:
    """What is known of a subject's mutants, as long as neither it nor its tests change."""

    def __init__(self, subject: str) -> None:
        source, tests = SUBJECTS[subject]
        digest = hashlib.sha256(TOOL.encode())
        for name in (f"src/onward/{source}", *tests):
            digest.update((ROOT / name).read_bytes())
        self._path = ROOT / "out" / "mutation" / f"{subject}.json"
        self.of = digest.hexdigest()
        self.states: dict[str, str] = {}
        self.again = False
        with contextlib.suppress(OSError, ValueError):
            kept = json.loads(self._path.read_text("utf-8"))
            if kept["of"] == self.of:
                self.states, self.again = kept["states"], True

    def keep(self, name: str = "", state: str = "") -> None:
        if name:
            self.states[name] = state
        self._path.write_text(json.dumps({"of": self.of, "states": self.states}), "utf-8")


class Trying:
    """A plugin of pytest: instead of running the tests once, it runs them on every mutant."""

    def __init__(self, names: Sequence[str], kept: Kept, seconds: int, workers: int) -> None:
        self._names, self._kept, self._workers = names, kept, workers
        self._until = time.monotonic() + seconds if seconds else float("inf")

    def pytest_runtestloop(self, session: Any) -> bool:
        items = session.items
        building = self._build(items)
        reached, spent = self._unchanged(items)
        running: dict[int, tuple[str, float]] = {}
        for name in self._names:
            tests = [item for item in items if _function(name) in reached[item.nodeid]]
            if not tests:
                alone = _function(name) in building
                self._kept.keep(name, self._alone(name, items) if alone else UNTESTED)
                continue
            while len(running) >= self._workers:
                self._ended(running, building, items)
            if time.monotonic() > self._until:
                break
            # The quick ones first: most mutants fall to any test.
            tests.sort(key=lambda item: spent[item.nodeid])
            allowed = LEAST_SECONDS + TIMES * sum(spent[item.nodeid] for item in tests)
            running[_forked(partial(_all_pass, tests), name, allowed)] = name, allowed
        while running:
            self._ended(running, building, items)
        return True

    def _build(self, items: Sequence[Any]) -> set[str]:
        """What tests share stands from here on; returns the functions that were needed for it."""
        from mutmut.mutation.trampoline import set_mutant_under_test
        from mutmut.state import state

        sharing = [item for item in items if "small_template" in item.fixturenames]
        if len(sharing) < 2:
            return set()
        set_mutant_under_test("stats")
        _passes(sharing[0], sharing[1])
        set_mutant_under_test("")
        return set(state()._stats)

    def _unchanged(self, items: Sequence[Any]) -> tuple[dict[str, set[str]], dict[str, float]]:
        """The functions that every test reaches, and the seconds it computes; all must pass."""
        told = ROOT / "out" / "mutation" / f"{self._kept.of}.json"

        def look() -> bool:
            from mutmut.state import state

            found: dict[str, tuple[list[str], float]] = {}
            for item, after in _followed(items):
                state()._stats.clear()
                before = time.process_time()
                if not _passes(item, after, say=True):
                    return False
                found[item.nodeid] = sorted(state()._stats), time.process_time() - before
            told.write_text(json.dumps(found), "utf-8")
            return True

        if not told.is_file():
            _, status = os.waitpid(_forked(look, "stats", 3600), 0)
            if status:
                raise SystemExit("The tests do not pass on the unchanged program.")
        found = json.loads(told.read_text("utf-8"))
        return {k: set(v[0]) for k, v in found.items()}, {k: v[1] for k, v in found.items()}

    def _ended(
        self, running: dict[int, tuple[str, float]], building: set[str], items: Sequence[Any]
    ) -> None:
        """Wait for one of the mutants under way and keep what became of it."""
        pid, status = os.waitpid(-1, 0)
        name, _ = running.pop(pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # what its tests started and left
        if os.WIFSIGNALED(status):
            endless = os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM)
            state = ENDLESS if endless else KILLED
        else:
            state = KILLED if os.WEXITSTATUS(status) else SURVIVED
        if state == SURVIVED and _function(name) in building:
            state = self._alone(name, items)
        self._kept.keep(name, state)

    def _alone(self, name: str, items: Sequence[Any]) -> str:
        """What becomes of a mutant when everything is built by it."""
        files = sorted({item.nodeid.partition("::")[0] for item in items})
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", *OPTIONS, *files],
            env={**os.environ, "MUTANT_UNDER_TEST": name}, capture_output=True,
        )  # fmt: skip
        return KILLED if done.returncode == 1 else SURVIVED


OPTIONS = ("-p", "no:cacheprovider", "-m", "not soak and not browser")


def _function(mutant: str) -> str:
    return mutant.partition("__mutmut_")[0]


def _followed(items: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(items, [*items[1:], None], strict=True)


def _passes(item: Any, after: Any, *, say: bool = False) -> bool:
    from _pytest.runner import runtestprotocol

    failed = [r for r in runtestprotocol(item, log=False, nextitem=after) if r.failed]
    if failed and say:
        print(f"{item.nodeid}\n{failed[0].longreprtext}", file=sys.__stderr__)
    return not failed


def _all_pass(items: Sequence[Any]) -> bool:
    return all(_passes(item, after) for item, after in _followed(items))


def _forked(work: Any, mutant: str, seconds: float) -> int:
    """The number of a process that does this work under a mutant and says whether all was well."""
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    code = 1
    try:
        os.setsid()
        from mutmut.mutation.trampoline import set_mutant_under_test

        set_mutant_under_test(mutant)
        most = int(seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))
        signal.alarm(60 * most)  # what only waits; a busy machine must not pass for a test
        code = 0 if work() else 1
    finally:
        os._exit(code)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("subject", nargs="?", choices=SUBJECTS)
    parser.add_argument("--list", action="store_true", help="name the subjects")
    parser.add_argument("--sample", type=int, help="so many, drawn at random; all without it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=0, help="stop then; ask again to go on")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    if asked.list or not asked.subject:
        print(*SUBJECTS)
        return 0
    if metadata.version("mutmut") != TOOL:
        print(f"Expected mutmut {TOOL}: python -m pip install mutmut=={TOOL}", file=sys.stderr)
        return 2
    kept = Kept(asked.subject)
    folder = ROOT / "out" / "mutation" / asked.subject
    if not (kept.again and folder.is_dir()):
        folder = changed_tree(asked.subject)
        kept.keep()
    every = json.loads((folder / "mutants.json").read_text("utf-8"))
    chosen = random.Random(asked.seed).sample(
        every, min(asked.sample or len(every), len(every))
    )
    if waiting := [name for name in chosen if name not in kept.states]:
        _try(asked.subject, folder, Trying(waiting, kept, asked.seconds, asked.workers))
    _tell(asked.subject, folder, every, chosen, kept.states)
    return 0


def _try(subject: str, folder: Path, plugin: Trying) -> None:
    import hypothesis
    import pytest

    # The first failing example tells enough, and the same ones are drawn every time.
    hypothesis.settings.register_profile(
        "mutation", derandomize=True, database=None, report_multiple_bugs=False,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    )  # fmt: skip
    hypothesis.settings.load_profile("mutation")
    os.chdir(folder)
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder / "tmp")
    # Processes that a test starts run the mutant too.
    os.environ["PYTHONPATH"] = str(folder / "src")
    sys.path.insert(0, str(folder / "src"))
    _, tests = SUBJECTS[subject]
    if pytest.main(["-q", f"--rootdir={folder}", *OPTIONS, *tests], plugins=[plugin]):
        raise SystemExit(f"{subject}: the tests do not run; see above.")


def _functions(source: str) -> dict[str, list[str]]:
    """The lines of every function, by name."""
    lines = source.splitlines()
    return {
        node.name: lines[node.lineno - 1 : node.end_lineno]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _tell(
    subject: str, folder: Path, every: Sequence[str], chosen: Sequence[str],
    states: dict[str, str],
) -> None:  # fmt: skip
    functions = _functions(
        (folder / "src" / "onward" / SUBJECTS[subject][0]).read_text("utf-8")
    )
    tried = [name for name in chosen if name in states]
    noticed = [name for name in tried if states[name] in (KILLED, ENDLESS)]
    print()
    for name in sorted(set(tried) - set(noticed)):
        print(f"# {states[name]}: {name}")
        mutant = name.rpartition(".")[2]
        before, after = functions[f"{_function(mutant)}__mutmut_orig"], functions[mutant]
        for line in difflib.unified_diff(before[1:], after[1:], n=0, lineterm=""):
            if not line.startswith(("---", "+++")):
                print(line)
    share = f"{len(noticed) / len(tried):.0%}" if tried else "–"
    print(
        f"{subject}: of {len(every)} mutants {len(tried)} tried, {len(noticed)} noticed ({share}), "
        f"of these {sum(states[n] == ENDLESS for n in tried)} by never ending; "
        f"{len(chosen) - len(tried)} to go"
    )


if __name__ == "__main__":
    sys.exit(main())
