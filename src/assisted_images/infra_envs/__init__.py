"""
Where infra-envs' configurations come from, assisted-service or a directory, and who shares them.
"""
