"""Who may take which step, who may not, and why.

Reads a caseload and its rulebook; decides nothing that is recorded. `evaluate` is the only
door; `evaluate_all` is the same door for everybody's next steps at once; `counts` and
`best_remedy` say what would help most; `record` turns what happened into events, with a breach
where a safeguard had failed.
"""
