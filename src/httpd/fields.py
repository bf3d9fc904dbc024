"""What HTTP fields are made of (RFC 9110, section 5.6)."""

from __future__ import annotations

NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
"""A pattern of what names fields, schemes and parameters (section 5.6.2)."""
