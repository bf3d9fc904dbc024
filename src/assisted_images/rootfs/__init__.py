"""
What is inside a live ISO's root file system, SquashFS or EROFS, and the archives made of it.

Blocking, called in threads.
"""
