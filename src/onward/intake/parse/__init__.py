"""The locked room where a stranger's file is opened.

A spreadsheet from outside may be broken, enormous or hostile, and the parsers that read it are
not ours. So it is read in a process of its own that may use little memory and little time and
can open no other file and no connection. In: the file as standard input and one line of JSON
as the only argument. Out: lines of JSON on standard output: first what the file is, then every
row, then how it ended. `read.py` starts this process (`python -m onward.intake.parse`) and is the
only one that should.
"""
