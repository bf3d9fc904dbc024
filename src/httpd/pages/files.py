"""What every page has besides its HTML: its style, its script and its icon, as files."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from httpd.representation.preconditions import Outcome, Validators
from httpd.web.request import ServiceRequest
from httpd.web.resource import Resource

_TYPES = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class PageFile(Resource):
    """
    One file.  A browser keeps it, and asks each time whether it is the same: the pages of the next
    release find the next release's.

    @ivar digest: of its content, in hexadecimal.
    """

    def __init__(self, name: str) -> None:
        self._content = files(__package__).joinpath(name).read_bytes()
        self._type = _TYPES[name]
        self.digest = hashlib.sha256(self._content).hexdigest()
        self._validators = Validators(f'"{self.digest}"')

    def answer(self, request: ServiceRequest) -> None:
        """Send it, unless the browser has it."""
        request.setHeader("cache-control", "no-cache")
        request.setHeader("etag", self._validators.etag)
        request.setHeader("x-content-type-options", "nosniff")
        if self._validators.evaluate(request.fields) is Outcome.NOT_MODIFIED:
            request.setResponseCode(304)
        else:
            request.setHeader("content-type", self._type)
            request.setHeader("content-length", str(len(self._content)))
            if request.method != b"HEAD":
                request.write(self._content)
        request.finish()


PAGE_FILES = {name: PageFile(name) for name in _TYPES}
"""By their names."""
