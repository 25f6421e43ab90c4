"""A problem is solved, aim by aim, with a proven bound: a `proposal` comes of it.

`exact` solves small problems by one program each, `large` the others by `prices`, `search` and
`programs`. `draw`: who comes first among equals; `last_week`: what is begun with; `conflicts`: why
nothing is possible; `one_more`, `floors`: what a place and a floor are worth.
"""
