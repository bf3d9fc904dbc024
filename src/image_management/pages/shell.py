"""What all pages of this service have in common."""

from __future__ import annotations

from httpd.pages.shell import Link, Shell
from image_management import __version__

SHELL = Shell(
    "image-management",
    __version__,
    (
        Link("status", "Status"),
        Link("metrics", "Metrics"),
        Link("healthz/ready", "Health"),
        Link("openapi.json", "API"),
    ),
)
"""The links are to what programs read of the service."""
