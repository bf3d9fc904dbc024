"""
Playing representations into consumers: the producer, disk reads, download slots.

Knows Twisted's consumer and producer interfaces, and nothing of HTTP.
"""
