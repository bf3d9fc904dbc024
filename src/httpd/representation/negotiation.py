"""Which media type a client likes best (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence


def preferred_type(accept: str | None, offered: Sequence[str]) -> str:
    """
    Choose among C{offered} media types by an C{Accept} header.

    @return: the one of highest quality; the first of C{offered} where the client has no
        preference, names none of them, or named them only by a wildcard.
    """
    qualities = dict(map(_quality, (accept or "*/*").split(",")))
    first, *_ = offered
    wildcard = max(qualities.get("*/*", 0.0), qualities.get(f"{first.split('/')[0]}/*", 0.0))
    named = {kind: qualities[kind] for kind in offered if kind in qualities}
    best = max(named, key=named.__getitem__, default=first)
    return best if named.get(best, 0.0) >= max(wildcard, 1e-9) else first


def _quality(item: str) -> tuple[str, float]:
    """Read one C{type/subtype;q=0.5}; a weight that cannot be read counts as 1."""
    kind, *parameters = (part.strip().lower() for part in item.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return kind, float(parameter[2:])
            except ValueError:
                break
    return kind, 1.0
