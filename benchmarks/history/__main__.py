"""`python -m benchmarks.history`; see `benchmarks.history.measure`."""

from benchmarks.history.measure import main

if __name__ == "__main__":
    main()
