"""What the officer gets: a proposal explained, judged and written.

`document` is all of it as plain data, `workbook` the same to be changed and given back, `summary` what
the situation report says. `explain`, `advice`: every case; `worth`, `margin`: what one more place
brings; `unused`, `links`, `fairness`: places, families and groups. `check` counts every rule again
from the tables and shares nothing with the solvers.
"""
