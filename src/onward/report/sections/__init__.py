"""One module per family of sections; each section is a function of a writer."""
