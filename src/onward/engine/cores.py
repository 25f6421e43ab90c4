"""How many cores this process may really use.

Exists because a machine's count is not it: a batch system, a container or an officer who shares a
server gives a process some of them, and a thread for each of the others only waits.
"""

from __future__ import annotations

import os


def cores() -> int:
    """The cores this process may run on; at least one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
