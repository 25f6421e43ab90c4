"""What the officer asks about a proposal, and what she decides against it.

`questions` reads "what if" in short words, `whatif` answers; `overrides` keeps what was changed, what it
was expected to cost and what came of it.
"""
