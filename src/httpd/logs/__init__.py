"""
Logs for machines: one JSON object a line, without secrets.

Whoever logs leaves secrets out; what is done here about them is the second line of defence, for
the texts of libraries and for what is forgotten.
"""
