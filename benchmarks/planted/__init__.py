"""Planted truths: does the forecast know how much it does not know?"""
