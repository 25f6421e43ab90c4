"""Who will still be here on the date: from a rulebook, a log and a plan to simulated futures.

read       `edges`, `record`: the moves of the rulebook, what the log says of them
believe    `estimate`, `shapes`, `movements`, `behaviour`, `differ`, `elsewhere`: paces and doubts
put together  `inputs`, `building*`: a `model` and the laws of its parameters (`draws`)
simulate   `kernel*`: futures, counted; `many` for several operations
answer     `run`, `reasons`, `wording`: one forecast; `scores`, `track`: how past ones did
compare    `scenario*`, `compare`, `options`, `search`, `conditions*`, `decide_by`
lend       `lending`, `paces`: what another operation may learn from
without a register  `counts*`, `reference_class*`, `history`, `backtest*`: published counts alone
"""
