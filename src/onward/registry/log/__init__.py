"""The append-only log of events: where it is kept, the tree over it, and the proofs from it."""
