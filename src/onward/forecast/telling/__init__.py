"""What is said of futures: between which numbers they lie (`levels`), how likely an outcome is
(`chances`), every stage and way (`courses`), why people will still be here (`reasons`) or held back
(`held`, `remedies`), how good a forecast was (`scores`), and what things are called (`wording`).
"""
