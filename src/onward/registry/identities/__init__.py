"""Names, documents and evidence, encrypted and apart from the events."""
