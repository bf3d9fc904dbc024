"""
Load generators: small programs with one argument, a task in JSON; they print JSON.

They use the standard library alone, so that they start fast.
"""
