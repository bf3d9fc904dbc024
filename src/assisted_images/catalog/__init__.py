"""
The catalogue of OS images: which are configured, and which one a request means.

Versions and architectures become file names in DATA_DIR, so nothing that could name another
directory gets through the readers of the lists that it is made from.
"""
