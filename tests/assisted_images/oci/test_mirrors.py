"""registries.conf: where an image is looked for, in which order."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.oci.mirrors import Blocked, Mirrors
from assisted_images.oci.references import PullSpec
from tests.assisted_images.oci.documents import SHA256
from tests.properties import given

RELEASES = """
[[registry]]
  location = "quay.io/openshift-release-dev/ocp-release"
  blocked = true
  [[registry.mirror]]
    location = "one.example.com:5000/openshift/release-images"
    pull-from-mirror = "digest-only"
  [[registry.mirror]]
    location = "two.example.com/release-images"
    insecure = true
    pull-from-mirror = "tag-only"
"""


def places(conf: str, spec: str) -> list[str]:
    """Where an image is looked for; C{!} marks places that may be insecure."""
    found = Mirrors.parse(conf).places(PullSpec.parse(spec))
    return [f"{place.spec}{'!' if place.insecure else ''}" for place in found]


def registry(prefix: str, location: str = "") -> str:
    """A [[registry]] whose one mirror has the prefix's name."""
    text = f'[[registry]]\nprefix = "{prefix}"\nblocked = true\n'
    text += f'location = "{location}"\n' if location else ""
    name = prefix.replace("*", "any").replace("/", "-").replace(":", "-").lower()
    return text + f'[[registry.mirror]]\nlocation = "mirror.example.com/{name}"\n'


class PlacesTests(SynchronousTestCase):
    """Mirrors in order, then the source unless it is blocked."""

    def test_no_configuration(self) -> None:
        for mirrors in (Mirrors.none(), Mirrors.parse("")):
            (place,) = mirrors.places(PullSpec.parse("quay.io/a:b"))
            self.assertEqual((str(place.spec), place.insecure), ("quay.io/a:b", False))

    def test_mirrors_then_source(self) -> None:
        conf = """
            unqualified-search-registries = ["docker.io"]
            [[registry]]
            location = "quay.io/a"
            insecure = true
            mirror = [{location = "m1:5000/x"}, {location = "m2:5000", insecure = true}]
        """
        self.assertEqual(
            places(conf, "quay.io/a/b:c"), ["m1:5000/x/b:c", "m2:5000/b:c!", "quay.io/a/b:c!"]
        )
        self.assertEqual(places(conf, "quay.io/ab:c"), ["quay.io/ab:c"])

    def test_by_digest_and_by_tag(self) -> None:
        source = "quay.io/openshift-release-dev/ocp-release"
        self.assertEqual(
            places(RELEASES, f"{source}@{SHA256}"),
            [f"one.example.com:5000/openshift/release-images@{SHA256}"],
        )
        self.assertEqual(
            places(RELEASES, f"{source}:4.14.0"), ["two.example.com/release-images:4.14.0!"]
        )

    def test_tag_and_digest_go_by_digest(self) -> None:
        source = "quay.io/openshift-release-dev/ocp-release"
        self.assertEqual(
            places(RELEASES, f"{source}:4.14.0@{SHA256}"),
            [f"one.example.com:5000/openshift/release-images:4.14.0@{SHA256}"],
        )

    def test_mirror_by_digest_only(self) -> None:
        conf = """
            [[registry]]
            location = "q.io"
            mirror-by-digest-only = true
            mirror = [{location = "m:5000"}]
        """
        self.assertEqual(places(conf, "q.io/a:b"), ["q.io/a:b"])
        self.assertEqual(
            places(conf, f"q.io/a@{SHA256}"), [f"m:5000/a@{SHA256}", f"q.io/a@{SHA256}"]
        )

    def test_blocked(self) -> None:
        with self.assertRaises(Blocked) as caught:
            places('[[registry]]\nlocation = "quay.io"\nblocked = true', "quay.io/a:b")
        self.assertIn("quay.io/a:b is blocked, and 'quay.io' has no mirror", str(caught.exception))

    def test_location_beside_prefix(self) -> None:
        conf = '[[registry]]\nprefix = "q.io/a"\nlocation = "internal.example.com/b"'
        self.assertEqual(places(conf, "q.io/a/c:d"), ["internal.example.com/b/c:d"])

    def test_longest_prefix(self) -> None:
        prefixes = ["q.io", "q.io/a", "q.io/a/b", "*.q.io", "*.x.q.io", "y.x.q.io", "q.io:5000"]
        for order in (prefixes, prefixes[::-1]):
            conf = "".join(map(registry, order))
            for spec, expected in (
                ("q.io/z", "q.io/z"),
                ("q.io/a", "q.io-a"),
                ("q.io/ab", "q.io/ab"),
                ("q.io/a/b/c", "q.io-a-b/c"),
                ("q.io:5000/a", "q.io-5000/a"),
                ("q.io:5001/a", None),
                ("w.q.io/a", "any.q.io/a"),
                ("w.q.io:5000/a", "any.q.io/a"),
                ("xq.io/a", None),
                ("example.com/w.q.io/a", None),
            ):
                mirrored = f"mirror.example.com/{expected}:t" if expected else f"{spec}:t"
                self.assertEqual(places(conf, f"{spec}:t"), [mirrored], spec)

    def test_equally_long_prefixes_go_in_order(self) -> None:
        """A wildcard stands for the whole host, so all that fit are equally long."""
        for first, second in (("*.q.io", "*.x.q.io"), ("*.x.q.io", "y.x.q.io")):
            conf = registry(first) + registry(second)
            name = first.replace("*", "any")
            self.assertEqual(places(conf, "y.x.q.io/a:t"), [f"mirror.example.com/{name}/a:t"])

    def test_repeated_places_are_asked_once(self) -> None:
        conf = '[[registry]]\nlocation = "q.io"\nmirror = [{location = "q.io"}]'
        self.assertEqual(places(conf, "q.io/a:b"), ["q.io/a:b"])

    def test_hosts_in_capitals(self) -> None:
        conf = '[[registry]]\nlocation = "Q.io/a/"\nmirror = [{location = "M.io/x/"}]'
        self.assertEqual(places(conf, "q.IO/a:b")[0], "m.io/x:b")

    def test_a_mirror_that_makes_no_pull_spec(self) -> None:
        """A mirror that is a bare host has no repository for the very one that is mirrored."""
        conf = '[[registry]]\nlocation = "q.io/a"\nmirror = [{location = "m:5000"}]'
        self.assertEqual(places(conf, "q.io/a/b:c")[0], "m:5000/b:c")
        with self.assertRaises(Blocked) as caught:
            places(conf, "q.io/a:c")
        self.assertIn("q.io/a:c cannot be looked for at m:5000: ", str(caught.exception))


class DockerHubTests(SynchronousTestCase):
    """One registry under several names."""

    def test_mirrors(self) -> None:
        for prefix in ("docker.io", "index.docker.io", "docker.io/library"):
            mirrors = Mirrors.parse(
                f'[[registry]]\nprefix = "{prefix}"\n[[registry.mirror]]\nlocation = "m.io/x"\n'
            )
            first, source = mirrors.places(PullSpec.parse("docker.io/busybox:1"))
            below = "" if prefix.endswith("library") else "library/"
            self.assertEqual(str(first.spec), f"m.io/x/{below}busybox:1")
            self.assertEqual(str(source.spec), "docker.io/library/busybox:1")


class WrongTests(SynchronousTestCase):
    """What is wrong is told with its place in the file."""

    def refusal(self, conf: str) -> str:
        with self.assertRaises(ValueError) as caught:
            Mirrors.parse(conf)
        self.assertIn("expected", str(caught.exception))
        self.assertTrue(str(caught.exception).isprintable(), str(caught.exception))
        return str(caught.exception)

    def test_not_toml(self) -> None:
        self.assertIn("not TOML: ", self.refusal("[[registry]\n"))
        self.assertTrue(self.refusal("a = " + "[" * 100_000))

    def test_version_1(self) -> None:
        self.assertIn(
            "a file of version 1; expected version 2, with [[registry]] tables",
            self.refusal('[registries.search]\nregistries = ["quay.io"]'),
        )

    def test_wrong_types(self) -> None:
        for conf, place in (
            ("registry = 5", "$.registry"),
            ('[[registry]]\nlocation = "q.io"\nblocked = "yes"', "$.registry[0].blocked"),
            ('[[registry]]\nlocation = "q.io"\n[[registry.mirror]]', "$.registry[0].mirror[0]"),
            (RELEASES.replace("tag-only", "tag"), "$.registry[0].mirror[1].pull-from-mirror"),
        ):
            self.assertIn(place, self.refusal(conf))

    def test_neither_prefix_nor_location(self) -> None:
        self.assertIn(
            "[[registry]] 2: neither location nor prefix is there",
            self.refusal('[[registry]]\nlocation = "q.io"\n[[registry]]\ninsecure = true'),
        )

    def test_no_places(self) -> None:
        for location in ("https://m.io", "m", "m/a", "m.io/A", "m.io/a:t", f"m.io/a@{SHA256}", "*"):
            for conf, name in (
                (f'[[registry]]\nlocation = "{location}"', "prefix"),
                (f'[[registry]]\nprefix = "q.io"\nlocation = "{location}"', "location"),
                (
                    f'[[registry]]\nlocation = "q.io"\nmirror = [{{location = "{location}"}}]',
                    "[[registry.mirror]] 1: location",
                ),
            ):
                told = self.refusal(conf)
                self.assertIn(f"[[registry]] 1: {name} ", told)
                self.assertIn("names no place of images; expected host[:port][/path]", told)

    def test_passwords_are_not_quoted(self) -> None:
        self.assertNotIn("s3cr3t", self.refusal('[[registry]]\nlocation = "me:s3cr3t@q.io"'))

    def test_wildcard_with_path(self) -> None:
        self.assertIn("a prefix with *. has a path", self.refusal(registry("*.q.io/a")))

    def test_twice(self) -> None:
        self.assertIn(
            "[[registry]] 2: 'q.io' has a [[registry]] already",
            self.refusal('[[registry]]\nlocation = "q.io"\n[[registry]]\nprefix = "Q.io/"'),
        )

    def test_two_ways_to_say_by_digest_only(self) -> None:
        self.assertIn(
            "both mirror-by-digest-only and pull-from-mirror are there",
            self.refusal(RELEASES.replace("blocked", "mirror-by-digest-only")),
        )

    @given(st.text(max_size=80), st.integers(0, len(RELEASES)), st.integers(0, 9))
    def test_any_text_is_mirrors_or_refused(self, text: str, start: int, length: int) -> None:
        for conf in (text, RELEASES[:start] + text + RELEASES[start + length :]):
            try:
                mirrors = Mirrors.parse(conf)
            except ValueError:
                continue
            spec = PullSpec.parse(f"quay.io/openshift-release-dev/ocp-release@{SHA256}")
            try:
                mirrors.places(spec)
            except Blocked:
                continue
