"""`python -m benchmarks.scale`; see `benchmarks.scale.measure`."""

from benchmarks.scale.measure import main

if __name__ == "__main__":
    main()
