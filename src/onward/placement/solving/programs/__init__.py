"""Linear and integer programs, solved by HiGHS.

`program`: a whole problem, kept warm; `part`: some units and columns, the rest being fixed;
`by_programme`: first the programme, then the window; `anew`: some programmes at a time. `cuts` and
`covers` add what a relaxation overlooks about whole families.
"""
