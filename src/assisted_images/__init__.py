"""
C{assisted-images}: CoreOS live ISOs with each cluster's Ignition config spliced in flight.

One idea carries the program: B{a response is a list of segments}.  An ISO on disk is one file
segment; splicing is an overlay on that list, an initrd is an append, a Range is a slice.

The layers, lowest first; imports go downward only (C{lint-imports} checks it):

  - L{assisted_images.values}, L{httpd.representation.segments}, C{byteranges}, C{preconditions},
    C{cpio}, C{kargs}, C{catalog}, C{tokens}, C{settings}: pure values and arithmetic.
  - L{assisted_images.oci}: what container images are made of.  Pure as well.
  - L{assisted_images.iso}: what is inside a CoreOS ISO, and what a customised one is made of.
    Blocking, called in threads.
  - L{assisted_images.streaming}: the producer, disk reads, download slots.  No HTTP.
  - L{assisted_images.sources}: what comes from elsewhere: infra-envs, downloads, registries.
  - L{assisted_images.store}: the OS images: populating, state, look-up.
  - L{assisted_images.web}: HTTP.
  - C{listeners}, C{tls}, C{shutdown} and the other services; C{assembly}, which makes the parts;
    L{assisted_images.workers}, for several processes; C{options} and C{tap}, for C{twistd}.
"""
