"""
What comes from elsewhere: infra-envs' configurations, and OS images, downloaded or out of release
payloads in container registries.

Knows outbound HTTP, and nothing of the requests that are served.
"""
