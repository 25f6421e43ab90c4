"""Families to places: a proposal for officers, with a proven bound, explained line by line.

`propose` is the door: tables and aims go in, a proposal comes out. `rolling` keeps places for cases
that are expected later. Each folder uses only those above it in this list:

inputs     what comes in: tables, from files or from a record, and the aims
problem    tables become arrays: who may go where, what limits it, what it counts for
solving    the aims in order, each with a proven bound; large problems by prices
telling    what the officer gets: explanations, worths, checks, documents
deciding   what the officer asks and changes: what if, overrides
"""
