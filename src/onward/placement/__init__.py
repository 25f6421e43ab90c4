"""Families to places: a proposal for officers, with a proven bound, explained line by line.

read       `files`, `rows`, `columns`, `references`: tables from files; `inputs`, `aims`
compile    `compiling`: the tables as a `model` of arrays. `doors`: who may go where; `units`: who
           travels together; `limits`: what may not be exceeded; `points`: what a place counts
solve      `propose` chooses the way. `exact`, `program`, `whole`: small problems exactly; `core`,
           `large`, `pricing` and what they call: large ones by prices, searches and programs.
           `proposal`: what comes of it; `conflicts`: why nothing does
say        `explain`, `advice`: every case; `worth`, `one_more`, `floors`: what a place, a condition
           and a floor are worth; `unused`, `links`, `fairness`; `document`, `workbook`, `summary`: all of it
ask again  `whatif`, `questions`, `overrides`, `rolling`
`check` counts every rule again from the tables and shares nothing with the solvers.
"""
