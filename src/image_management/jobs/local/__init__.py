"""Jobs on this machine: a folder a job, supervised processes in a bounded queue."""
