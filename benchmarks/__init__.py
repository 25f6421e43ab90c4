"""What is claimed of speed and of being right, measured beside a named peer or a planted truth.

how fast, how large  `forecast`, `placement`, `caseload`, `intake`, `scale`, `store`,
                     `desk`
how right            `planted`, `planted_references`, `retrospective`, `history`: forecasts;
                     `linkage`, `names`: who is one person; `placement.draw`: who is placed
"""
