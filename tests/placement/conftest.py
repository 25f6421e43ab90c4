"""Lets the tests of this room share their small cast of problems."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
