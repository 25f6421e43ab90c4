"""Lists on their way in, and the one way to take them out again."""
