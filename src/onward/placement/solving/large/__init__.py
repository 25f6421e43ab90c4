"""Problems too large for one program, solved by prices with the few undecided cases left to programs.

`stages` takes the aims in order; for each, `core` finds prices and a choice, `whole` a sharp bound where
choices are few, `rounding` a whole choice from the shares of a relaxation.
"""
