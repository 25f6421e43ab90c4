"""Everything that can be done to the record, and who may do it."""
