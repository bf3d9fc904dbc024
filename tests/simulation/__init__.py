"""
A storm of boots on paper: C{make simulate}.

Hosts are flows, which share the CPU and the network of replicas as connections do: alike.  What a
request costs comes from C{make bench}.  docs/explanation/scaling.md has the results, and says what
is left out.
"""
