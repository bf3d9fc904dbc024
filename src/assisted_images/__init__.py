"""
C{assisted-images}: CoreOS live ISOs with each cluster's Ignition config spliced in flight.

One idea carries the program: B{a response is a list of segments}
(L{httpd.representation.segments}).  An ISO on disk is one file segment; splicing is an overlay on
that list, an initrd is an append, a Range is a slice.

The layers on top of L{httpd}, lowest first; imports go downward only (C{lint-imports} checks it):

  - L{assisted_images.values}, L{assisted_images.oci}, L{assisted_images.catalog},
    L{assisted_images.settings}: the words of the domain, container images, the OS images and
    settings that are configured.  Pure.
  - L{assisted_images.iso9660}, L{assisted_images.rootfs}, L{assisted_images.live}: what is inside a
    CoreOS ISO, and what a customised one is made of.  Blocking, called in threads.
  - L{assisted_images.infra_envs}, L{assisted_images.downloads}, L{assisted_images.registries}: what
    comes from elsewhere.
  - L{assisted_images.store}: the OS images: populating, state, look-up.
  - L{assisted_images.pages}: what people see.
  - L{assisted_images.routes}: what is answered.
  - C{assembly}, which makes the parts; L{assisted_images.workers}, for several processes; C{tap},
    for C{twistd}; C{command_line}, the command.
"""

__version__ = "0.1.0"
