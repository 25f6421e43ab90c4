"""Outside lists into clean rows and events, with nothing guessed and nothing written.

In this order: `read` (and `parse`, the locked room) opens a file, `mapping` and `profile` say which
column is which fact, `stage` types every cell (`values`, `dates`), `households` checks who lives with
whom, `match` (by `names`) and `review` find who may be one person, `events` makes what the registry
then records. `forms` go out; `corrections` and `review_sheet` come back.
"""
