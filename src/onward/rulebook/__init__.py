"""What may happen to a person, and why: the rulebook, its conditions and its protection floor.

In comes a YAML file a lawyer can read; out come plain data (`model.py`) that the register, the
forecast, the placement and the report share. Decides nothing about anybody: `safeguards` does.
"""

from onward.rulebook.load import load, loads, shipped_names, shipped_path
from onward.rulebook.model import Rulebook

__all__ = ["Rulebook", "load", "loads", "shipped_names", "shipped_path"]
