"""Pages: where officers work every day.

A view finds what its account may see, calls one function of `registry` and renders; it decides
nothing itself. Every area is one module of `views`, one folder of templates and one list of
addresses, gathered in `urls.py`.
"""
