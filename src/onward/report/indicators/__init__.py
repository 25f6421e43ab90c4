"""Every indicator of the situation report, each by its definition: counts, still unprotected.

Only `build.py` may turn them into what a reader sees, through the disclosure rules.
"""
