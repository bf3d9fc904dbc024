"""The pages of this service for people: what it has and does, and the URLs of local infra-envs."""
