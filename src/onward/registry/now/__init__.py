"""The caseload as it is now, kept beside the log and searched."""
