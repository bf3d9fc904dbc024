"""The HTML of what is drawn."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.template import Tag

from httpd.pages.parts import markup


def html(case: SynchronousTestCase, tag: Tag) -> str:
    return case.successResultOf(Deferred.fromCoroutine(markup(tag))).decode()
