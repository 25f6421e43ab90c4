"""The simulator: a model stated as plain data (`model`) and what is not known of it (`draws`) become
futures (`futures`, the door). It knows no rulebook and no log. `kernel` is what is compiled; `warm`
compiles it before it is needed.
"""
