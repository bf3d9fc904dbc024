"""
HTTP: what a request asks for, and how a representation answers it.

L{respond} knows HTTP and representations, never images or tokens; the resources know the URLs.
"""
