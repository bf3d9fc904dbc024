"""What a request's head says, and which heads are known again by their bytes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from httpd.http1.heads import Head, KnownHeads

SECRET = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2VjcmV0"


def head_of(target: bytes = b"/", **fields: str | list[str]) -> Head:
    """What Twisted makes of a head with these fields."""
    values = {name: [value] if isinstance(value, str) else value for name, value in fields.items()}
    return Head.of(b"GET", target, b"HTTP/1.1", Headers(values))


def sent(*lines: str) -> bytes:
    """A head as it is sent."""
    return "\r\n".join(["GET / HTTP/1.1", *lines, "", ""]).encode()


class HeadTests(SynchronousTestCase):
    def test_path(self) -> None:
        for target, names in {
            b"/a/b": ("a", "b"),
            b"/": ("",),
            b"/a%2Fb/%C3%A4/%ff?c=/d": ("a/b", "ä", "\ufffd"),
            b"http://host:80/a/b?c": ("a", "b"),
            b"http://host": ("",),
            b"//a/b": ("a", "b"),
            b"///a//b/": ("a", "", "b", ""),
            b"http://host//a": ("a",),
            b"*": ("",),
        }.items():
            head = head_of(target)
            self.assertEqual(head.names, names)
            self.assertEqual(head.path, target.partition(b"?")[0])

    def test_query(self) -> None:
        head = head_of(b"/a?b=1&c=%20&b=2&d=")
        self.assertEqual(head.args, {b"b": [b"1", b"2"], b"c": [b" "], b"d": [b""]})
        self.assertEqual(head_of(b"/a").args, {})

    def test_fields(self) -> None:
        """Lines of one name are one list, and bytes that are no text are no reason to fail."""
        head = head_of(Accept=["a", "b"], Host="c")
        head.headers.setRawHeaders(b"x-odd", [b"\xff"])
        again = Head.of(head.method, head.target, head.version, head.headers)
        self.assertEqual(again.fields, {"accept": "a, b", "host": "c", "x-odd": "\ufffd"})

    def test_host(self) -> None:
        """One, of which any is a host that Go takes for one; HTTP/1.0 may leave it out."""
        for value in ("a", "a:80", "[fd00::1]:8443", "fd00::1", "192.0.2.1:", "", "a_b.c-d~%20"):
            self.assertTrue(head_of(Host=value).has_host, value)
        for value in ("a b", "a/b", "u@a", "a?b", "a#b", "a\\b", "<a>", "ä", "a\tb", '"a"'):
            self.assertFalse(head_of(Host=value).has_host, value)
        for values in (["a", "a"], ["a", "b"], ["", ""], ["", "a"]):
            self.assertFalse(head_of(Host=values).has_host, values)
        for fields, has_host in (({}, True), ({"host": ["a"]}, True), ({"host": ["a"] * 2}, False)):
            head = Head.of(b"GET", b"/", b"HTTP/1.0", Headers(fields))
            self.assertEqual(head.has_host, has_host, fields)
        self.assertFalse(head_of().has_host)

    def test_secrets_are_not_shown(self) -> None:
        head = head_of(f"/{SECRET}?api_key={SECRET}".encode(), Authorization=SECRET)
        heads = KnownHeads()
        heads.keep(sent(f"Authorization: {SECRET}"), head)
        self.assertNotIn(SECRET, repr(head) + repr(heads) + repr(vars(heads).keys()))


class KnownHeadsTests(SynchronousTestCase):
    def test_the_same_bytes(self) -> None:
        heads, head = KnownHeads(), head_of(Host="a")
        heads.keep(sent("Host: a"), head)
        self.assertEqual(heads.find(sent("Host: a")), (head, None))
        whole = sent("Host: a")
        for other in (
            sent("Host: b"),
            sent("host: a"),
            sent("Host: a", "Range: bytes=0-1"),
            whole[:-1],
            whole + b"G",
            b"\r\n" + whole,
            whole * 2,
            b"",
        ):
            self.assertIsNone(heads.find(other), other)

    def test_another_range(self) -> None:
        """It is no part of the head; all else is, such as how the field's name is written."""
        heads, head = KnownHeads(), head_of(Host="a", Range="bytes=0-1")
        heads.keep(sent("Range: bytes=0-1", "Host: a"), head)
        for value in ("bytes=0-1", "bytes=65536-131071", "bytes=7-", "bytes=2-1"):
            found = heads.find(sent(f"Range: {value}", "Host: a"))
            self.assertEqual(found, (head, value.encode()))
            self.assertEqual(head.fields_with(value.encode()), {"host": "a", "range": value})
            self.assertEqual(
                head.headers_with(value.encode()), Headers({"Host": ["a"], "Range": [value]})
            )
        self.assertEqual(head.headers.getRawHeaders("range"), ["bytes=0-1"])
        for lines in (
            ["range: bytes=0-1", "Host: a"],
            ["Range:  bytes=0-1", "Host: a"],
            ["Range: bytes=0-1 ", "Host: a"],
            ["Host: a", "Range: bytes=0-1"],
            ["Range: bytes=0-1", "Host: a", "Range: bytes=0-1"],
            ["Range: bytes=0-1", " ", "Host: a"],
        ):
            self.assertIsNone(heads.find(sent(*lines)), lines)

    def test_names_in_any_case(self) -> None:
        for name in ("range", "RANGE", "rAnGe"):
            heads, head = KnownHeads(), head_of(Range="bytes=0-1")
            heads.keep(sent(f"{name}:\tbytes=0-1 "), head)
            self.assertEqual(heads.find(sent(f"{name}:\tbytes=5- ")), (head, b"bytes=5-"))

    def test_no_plain_range(self) -> None:
        """It is part of the head, which is not to push others out."""
        for value in ("bytes=-5", "bytes=0-1,3-4", "bytes=a-b", "Bytes=0-1", "", "\0", "lines=1-2"):
            heads = KnownHeads()
            heads.keep(sent("Range: bytes=0-1"), head_of(Range="bytes=0-1"))
            self.assertIsNone(heads.find(sent(f"Range: {value}")), value)
            heads.keep(sent(f"Range: {value}"), head_of(Range=value))
            self.assertEqual(len(heads), 1)

    def test_several_ranges(self) -> None:
        """Nor is a head kept of which another range says no more than its first."""
        heads = KnownHeads()
        for lines, values in (
            (["Range: bytes=0-1", "Range: bytes=2-3"], ["bytes=0-1", "bytes=2-3"]),
            (["Range: bytes=0-1", "Range: bytes=0-1"], ["bytes=0-1", "bytes=0-1"]),
            (["Range: bytes=0-1", " ,5-6"], ["bytes=0-1 ,5-6"]),
            (["Range: bytes=-1", "Range: bytes=2-3"], ["bytes=-1", "bytes=2-3"]),
        ):
            heads.keep(sent(*lines), head_of(Range=values))
        self.assertEqual(len(heads), 0)

    def test_the_oldest_gives_way(self) -> None:
        heads = KnownHeads(limit=2)
        first, second, third = (head_of(Host=name) for name in "abc")
        heads.keep(sent("Host: a"), first)
        heads.keep(sent("Host: b"), second)
        heads.find(sent("Host: a"))
        heads.keep(sent("Host: c"), third)
        self.assertEqual(len(heads), 2)
        self.assertIsNone(heads.find(sent("Host: b")))
        self.assertEqual(heads.find(sent("Host: a")), (first, None))
        self.assertEqual(heads.find(sent("Host: c")), (third, None))

    def test_none(self) -> None:
        heads = KnownHeads(limit=0)
        heads.keep(sent("Host: a"), head_of(Host="a"))
        self.assertEqual(len(heads), 0)

    def test_long_heads(self) -> None:
        """They are not kept, nor is a range known that makes one long."""
        heads = KnownHeads()
        heads.keep(sent("Host: " + "a" * 2048), head_of(Host="a" * 2048))
        self.assertEqual(len(heads), 0)
        heads.keep(sent("Range: bytes=0-1"), head_of(Range="bytes=0-1"))
        self.assertIsNone(heads.find(sent("Range: bytes=0-" + "1" * 2048)))
