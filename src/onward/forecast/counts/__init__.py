"""Forecasts without a register, from published counts alone: what was published (`history`), the model
of one series (`stock`), what other operations teach (`reference_class`), where the width comes from
(`split`), what counts cannot tell (`unknown`), and how good it was (`kept`, `backtest`).
"""
