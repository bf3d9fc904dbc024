"""
The service as a process of its own, in the trouble that it meets in the field: misbehaving origins,
SIGKILL, full disks, damaged files, an assisted-service whose answers differ or that is down.
"""
