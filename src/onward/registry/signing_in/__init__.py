"""Passwords, second factors, sessions and the pages around them."""
