"""Accounts, roles and grants, and the one door to people."""
