"""The Kubernetes backend: jobs are a cluster's, whose containers do the work and report it."""
