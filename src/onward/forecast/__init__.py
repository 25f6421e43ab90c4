"""Who will still be here on the date: from a rulebook, a log and a plan to simulated futures.

`run` is the door: one forecast of an operation, kept. `many` asks many operations at once, `track`
says how kept forecasts have done. Each folder uses only those above it in this list, `scenarios` and
`counts` not each other:

simulator  a model stated as plain data becomes futures
learning   what the rulebook, the log and other operations say of who moves, and how fast
building   an operation becomes a model
telling    what is said of futures: ranges, chances, reasons, scores, words
scenarios  what else might be done, or happen, side by side
counts     forecasts without a register, from published counts alone
"""
