"""
Image management for HPC sites: records of recipes, images and keys, their artifacts in S3, and jobs
that build and customise images.

It stands on L{httpd}, and imports nothing of C{assisted_images}.  The layers, lowest first; imports
go downward only (C{lint-imports} checks it):

  - L{image_management.values}, L{image_management.records}, L{image_management.settings}: what the
    domain's records are and what may be sent of them, and what is configured.  Pure.
  - L{image_management.store}: the database that records and operations are in.
  - L{image_management.s3}: the object store that artifacts are in.
  - L{image_management.images}: what concerns both: links, manifests, soft delete and its ways back.
  - L{image_management.jobs}: jobs.
  - L{image_management.routes}: what is answered.
  - C{assembly}, which makes the parts; C{tap}, for C{twistd}; C{command_line}, the command.
"""

__version__ = "0.1.0"
