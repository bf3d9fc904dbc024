"""
HTTP/1.1 beneath the resources (RFC 9112): connections, what may be done on them for how long, and
the heads of messages.
"""
