"""What every unit would choose at given prices, and the bound these prove.

`pricing` finds the prices whose bound is lowest, `kernels` are its compiled loops, `choices` says what
a choice of one column for each unit is worth and opens.
"""
