"""
Image management for HPC sites: records of recipes, images and keys, their artifacts in S3, and jobs
that build and customise images.

Nothing of it is there yet.  It will stand on L{httpd}, and will import nothing of
C{assisted_images}.
"""
