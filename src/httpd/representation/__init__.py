"""
What a response is made of (RFC 9110): a list of segments, the ranges of it that are asked for, the
conditions, and the form that a client likes best.

Pure: nothing here reads a byte.
"""
