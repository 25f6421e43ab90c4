"""What is compiled of the simulator: a model as arrays (`tables`), every draw of chance (`chance`), and
the three ways through a day. `general` takes whatever a model declares (with `factors`, `leaving`
and `pools`), `lanes` plain models, `people` follows everybody one by one.
"""
