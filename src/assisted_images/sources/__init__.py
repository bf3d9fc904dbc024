"""
What comes from elsewhere: infra-envs' configurations and downloaded OS images.

Knows outbound HTTP, and nothing of the requests that are served.
"""
