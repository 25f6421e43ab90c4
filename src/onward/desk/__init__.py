"""Pages: where officers work every day.

A view finds what its account may see, calls one function of `registry` and renders; it decides
nothing itself. Every area is one module of `views` with its own list of addresses, gathered in
`urls.py`. Beside the views stand what several of them show (`sight`, `story`, `work`), the
forms (`forms` from the rulebook, `plan_*` for the plan), words, days and digits in five languages
(`words`, `*_words`, `dates`, `catalogue`, `locale`), and appointments and convoys (`booking`,
`contacts`, `boarding`, `replanning`).
"""
