"""The reference job in other tools, as their users would write it; every file offers
`futures(scale, n, seed) -> (present (n, 365), final (n, strata, states))`."""
