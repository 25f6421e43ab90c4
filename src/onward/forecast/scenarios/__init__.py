"""What else might be done, or happen: one alternative as it is declared (`scenario`, `reader`, `plan`),
alternatives side by side by the options they open (`options`, `compare`), the best of many
(`search`), by when to decide (`decide_by`), and what would have to be true (`conditions`).
"""
