"""The operation's keys: made, opened, held for a while, renewed."""
