"""
Reading an ISO 9660 file system, and what is outside of it: partition tables, the system area.

Blocking, called in threads.
"""
