"""The situation report: counted once, protected once, drawn as a page, on paper and as a workbook.

`material` comes in, `indicators` and `counted` count, `disclosure` and `ledger` protect, `sections`
write with the `writer`, `build` puts a `model` together, `html`, `pdf` and `xlsx` draw it, and
`release` holds it against earlier ones. `spoken`, `saying` and `tongues` say it in another language.
"""
