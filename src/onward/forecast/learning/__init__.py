"""What is learnt of who moves, how fast and how surely: the moves of the rulebook (`edges`), what the
log says of them (`record`), paces (`estimate`), waits (`shapes`), convoys and flights (`movements`),
families that differ (`differ`), the groups worth telling apart (`strata`), how people may answer
(`behaviour`), and what other operations say (`paces`, `lending`, `elsewhere`).
"""
