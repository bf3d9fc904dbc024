"""
Playing representations into consumers: the producer, disk reads, transports that send files.

Knows Twisted's consumer and producer interfaces, and nothing of HTTP.
"""
