"""Links into S3."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from image_management.records.links import BadLink, Link
from tests.image_management.records.samples import json_values, links
from tests.properties import given

WRONG: tuple[tuple[Any, str, str], ...] = (
    (None, "", "a link is a JSON object"),
    (["s3://b/k"], "", "a link is a JSON object"),
    ({"path": "s3://b/k"}, "type", "type is no text; expected s3"),
    ({"path": "s3://b/k", "type": "http"}, "type", "type is 'http'; expected s3"),
    ({"path": "s3://b/k", "type": "s3", "etag": 5}, "etag", "etag is no text"),
    ({"type": "s3"}, "path", "path is no text; expected s3://bucket/key"),
    ({"path": "http://b/k", "type": "s3"}, "path", "expected s3://bucket/key"),
    ({"path": "s3:///k", "type": "s3"}, "path", "malformed bucket ''"),
    ({"path": "s3://b k/k", "type": "s3"}, "path", "malformed bucket 'b k'"),
    ({"path": f"s3://{'b' * 256}/k", "type": "s3"}, "path", "malformed bucket"),
    ({"path": "s3://b", "type": "s3"}, "path", "malformed key '' in the path: it is empty"),
    ({"path": "s3://b//", "type": "s3"}, "path", "malformed key '' in the path: it is empty"),
    ({"path": "s3://b/a/../k", "type": "s3"}, "path", "it has a part '.' or '..'"),
    ({"path": "s3://b/a\nk", "type": "s3"}, "path", "it has control characters"),
    ({"path": "s3://b/\ud800", "type": "s3"}, "path", "it is no Unicode text"),
    ({"path": f"s3://b/{'é' * 513}", "type": "s3"}, "path", "it has 1026 bytes; expected 1024"),
)


class LinkTests(SynchronousTestCase):
    def test_read(self) -> None:
        link = Link.read({"path": "s3://boot-images/a/b?c#d", "type": "s3", "etag": None})
        self.assertEqual((link.bucket, link.key, link.etag), ("boot-images", "a/b?c#d", ""))
        self.assertEqual(
            link.document, {"path": "s3://boot-images/a/b?c#d", "etag": "", "type": "s3"}
        )

    def test_slashes_before_a_key_do_not_count(self) -> None:
        self.assertEqual(Link.read({"path": "s3://b//a//c", "type": "s3"}).path, "s3://b/a//c")

    def test_wrong(self) -> None:
        for wrong, member, expected in WRONG:
            with self.assertRaises(BadLink) as caught:
                Link.read(wrong)
            self.assertIn(expected, str(caught.exception))
            self.assertEqual(caught.exception.member, member)

    def test_same(self) -> None:
        one = Link("b", "k", "e")
        for other in (one, Link("b", "k"), Link("b", "k", "e")):
            self.assertTrue(one.same_as(other))
            self.assertTrue(other.same_as(one))
        for other in (Link("b", "k", "f"), Link("b", "l", "e"), Link("c", "k", "e")):
            self.assertFalse(one.same_as(other))

    def test_deleted(self) -> None:
        link = Link("b", "a/k", "e")
        self.assertEqual(link.deleted(), Link("b", "deleted/a/k"))
        self.assertTrue(link.deleted().is_deleted)
        self.assertEqual(link.deleted().restored(), Link("b", "a/k"))
        for other in (link, Link("b", "deleted"), Link("b", "deleted/"), Link("b", "deleted//k")):
            self.assertFalse(other.is_deleted)
            with self.assertRaises(ValueError):
                other.restored()

    @given(links)
    def test_what_is_read_reads_the_same(self, sent: dict[str, str]) -> None:
        link = Link.read(sent)
        self.assertEqual(Link.read(link.document), link)
        self.assertEqual(link.path, sent["path"])
        self.assertEqual(Link.read(link.deleted().document).restored().path, link.path)

    @given(json_values)
    def test_anything_is_read_or_refused(self, value: Any) -> None:
        for sent in (
            value,
            {"path": value, "type": "s3"},
            {"path": f"s3://{value}", "type": "s3"},
        ):
            try:
                link = Link.read(sent)
            except BadLink:
                continue
            self.assertEqual(Link.read(link.document), link)
