"""
Several processes that serve as one (C{WORKERS}).

The process that twistd started is the I{primary}: it binds the ports, brings images to DATA_DIR,
asks assisted-service and shares the answers, writes the log, and serves like the others.  The
I{secondaries}, which it starts and replaces, accept connections from the same listening sockets.

What they share, and by what:

  - the primary and each secondary talk over two L{pipes}, in L{messages}
  - the cap on downloads is an eventfd, beside which a L{ledger} in shared memory says who has how
    many: L{slots}
  - images are files, which each opens for itself once the primary says that they are ready:
    L{image_copies}
  - C{/metrics} is the L{totals} of all

With C{WORKERS=1} nothing of this is used.
"""
