"""Families to places: a proposal for officers, with a proven bound, explained line by line.

read       `files`, `rows`, `columns`, `references`: tables from files; `inputs`, `aims`
compile    `model`: the tables as arrays
solve      `propose` goes through the aims. `program`, `whole`: small problems exactly; `core`,
           `large`, `pricing` and what they call: large ones by prices, searches and programs
say        `explain`, `conflicts`, `fairness`, `document`, `workbook`, `summary`
ask again  `whatif`, `questions`, `overrides`, `rolling`
`check` counts every rule again from the tables and shares nothing with the solvers.
"""
