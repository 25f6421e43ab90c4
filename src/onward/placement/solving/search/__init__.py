"""From one choice that keeps every limit to a better one, by moves that are counted and not timed.

`moving` is one move; `chains`: one makes way for another; `making_way`: several for a large one;
`refill`: a window at a time; `exchange`, `annealing`: by the million; `fitting`: until all fit.
"""
