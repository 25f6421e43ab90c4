"""Tables and aims become arrays, and nothing is chosen yet.

`compiling` makes the `model` that solvers read. `units`: who travels together; `doors`: who may go
where; `limits`: what may not be exceeded; `points`: what a place is worth to each aim; `counted`: the
same for every choice. `alike` looks once at cases that are alike.
"""
