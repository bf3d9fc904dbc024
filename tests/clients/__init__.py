"""The running service, downloaded from by programs that are not ours."""
