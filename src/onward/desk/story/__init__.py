"""One person's story for one reader: the parts of the page, each with nothing in it that may not be read."""
