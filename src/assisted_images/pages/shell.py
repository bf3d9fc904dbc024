"""What all pages of this service have in common."""

from __future__ import annotations

from assisted_images import __version__
from httpd.pages.shell import Link, Shell

SHELL = Shell(
    "assisted-images",
    __version__,
    (
        Link("status", "Status"),
        Link("metrics", "Metrics"),
        Link("health", "Health"),
    ),
)
"""The links are to what programs read of the service."""
