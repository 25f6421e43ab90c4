"""The desk is tested on the registry's small encrypted operation, with its cast."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_REGISTRY = Path(__file__).parents[1] / "registry"
sys.path.insert(0, str(_REGISTRY))  # registry_cast
sys.path.append(str(Path(__file__).parent))  # what one test of the desk lends another
sys.path.append(str(Path(__file__).parents[1] / "placement"))  # its small problems
_spec = importlib.util.spec_from_file_location("onward_test_site", _REGISTRY / "site.py")
assert _spec is not None
assert _spec.loader is not None
if "onward_test_site" not in sys.modules:
    sys.modules["onward_test_site"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["onward_test_site"])
_site = sys.modules["onward_test_site"]
small_template, small = _site.small_template, _site.small
