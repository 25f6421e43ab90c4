"""The terminal: one module for each command, found through the table in `main`.

A command turns arguments into calls of other rooms and their answers into text or JSON; it decides
nothing itself.
"""
