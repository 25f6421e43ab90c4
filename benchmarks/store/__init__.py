"""How fast the record takes events: `python -m benchmarks.store`."""
