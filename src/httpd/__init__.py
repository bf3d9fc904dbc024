"""
The foundation: an HTTP service on Twisted that streams large files, whatever they are.

It knows none of the services that stand on it.
"""
