"""Proposals of places timed beside plain HiGHS and CP-SAT; `draw`: whether the draw alone decides."""
