"""From an operation to a model that can be simulated. `inputs` is the door; `builder` puts the model
together from paces (`pace`), the plan (`plan`) and classes of families (`classes`).
"""
