"""Every page of the whole desk and a piece of each kind of work in one process, told as JSON: run by
test_without_network.py under a tracer that writes down what the process, native libraries included,
asks of the network.

In: the folder of an operation copied for this. Out, on standard output: how many pages were opened, by
their status, and how each kind of work ended.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / room) for room in ("registry", "desk", "placement")]


def main() -> None:
    folder = Path(sys.argv[1])
    spec = importlib.util.spec_from_file_location(
        "onward_test_site", HERE.parent / "registry" / "site.py"
    )
    assert spec is not None
    assert spec.loader is not None
    operations = importlib.util.module_from_spec(spec)
    sys.modules["onward_test_site"] = operations
    spec.loader.exec_module(operations)
    operations.copied = lambda template, there: there  # it was copied before
    settings = folder / "operation.toml"
    text = settings.read_text("utf-8")
    assert 'deadline = ""' in text
    settings.write_text(text.replace('deadline = ""', 'deadline = "mandate"'), "utf-8")
    operations.unlocked(folder)
    import whole_desk

    whole = whole_desk.make(folder, folder)
    json.dump(
        {"pages": pages(whole), "work": work(whole), "exported": exported(whole)}, sys.stdout
    )


def pages(whole) -> dict[str, int]:
    """Every address opened as everybody until it opens for one."""
    found: Counter[int] = Counter()
    for addresses in whole.addresses().values():
        for address in addresses:
            statuses = []
            for client in whole.clients.values():
                statuses.append(client.get(address).status_code)
                if statuses[-1] == 200:
                    break
            found[min(statuses)] += 1
    return {str(status): count for status, count in found.items()}


def work(whole) -> dict[str, str]:
    """Kind of work -> how it ended, asked for as the pages ask."""
    from test_imports import COLUMNS, upload

    from onward.registry.models import Job
    from onward.registry.web import jobs

    before = set(Job.objects.values_list("pk", flat=True))
    Job.objects.filter(state="queued").update(state="interrupted")
    lead, boss, keeper = (
        whole.accounts[role] for role in ("plan_lead", "supervisor", "custodian")
    )
    clerk = whole.clients["data_clerk"]

    def done() -> None:
        while jobs.run_next() is not None:
            pass

    address = upload(clerk)["Location"]
    clerk.post(address, {"do": "map", **COLUMNS})
    clerk.get(address)
    done()
    clerk.get(address)
    clerk.post(address, {"do": "commit"})
    done()
    few = {"futures": 200, "seed": 1}
    jobs.ask(lead, "forecast", {**few, "plan": True, "behaviour": False})
    jobs.ask(lead, "compare", {**few, "scenarios": []})
    jobs.ask(lead, "placement", {"seed": 1, "as_of": "2026-06-10"})
    for language in ("en", "fa"):
        asked = {"audience": "internal", "language": language, "as_of": "2026-06-10"}
        jobs.ask(boss, "report", {**asked, "futures": 200})
    done()
    jobs.ask(keeper, jobs.RENEW, {"by": keeper.account_id})
    done()
    return {
        job.kind: job.state + (f": {job.message}" if job.state != "done" else "")
        for job in Job.objects.exclude(pk__in=before)
    }


def exported(whole) -> int:
    """The length of a sealed file for a recipient."""
    import registry_cast as people
    import test_exports
    from pyrage import x25519

    from onward.registry.exporting import requests

    cast = people.cast()
    to = test_exports.recipient(cast, x25519.Identity.generate(), code="quiet-aid")
    test_exports.release(whole.operation, "H1-P1", "quiet-aid", "protection")
    export = test_exports.approved(cast, test_exports.asked(cast, to))
    _name, sealed = requests.write(
        cast["amina"], export, typed_count=1, signed_in=test_exports.now()
    )
    return len(sealed)


if __name__ == "__main__":
    main()
