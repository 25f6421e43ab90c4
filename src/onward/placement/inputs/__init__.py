"""What comes in: tables and aims.

`tables` says what placement needs to know, `aims` what matters and in which order. `files` reads the
tables from files (`columns`, `rows`, `references`), `narrowing` lets files say less than is known
already, `given_back` reads a proposal's workbook that an officer changed.
"""
