"""
OS images out of release payloads in container registries.

Knows outbound HTTP, and nothing of the requests that are served.
"""
