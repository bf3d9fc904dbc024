"""Pull specs and digests: what is one, and what is said about what is none."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.oci.digests import DigestMismatch, Hash, checked_digest
from assisted_images.oci.references import PullSpec, registry_host
from tests.assisted_images.oci.documents import SHA256, SHA512
from tests.properties import given

PARTS = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
REGISTRIES = st.sampled_from(
    ["quay.io", "localhost", "mirror.example.com:5000", "10.0.0.1", "[fd00::1]:5000", "host:5000"]
)
REPOSITORIES = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,30}", fullmatch=True)
DIGESTS = st.sampled_from([SHA256, SHA512])


def refusal(text: str) -> str:
    """What is said of a text that is no pull spec."""
    try:
        PullSpec.parse(text)
    except ValueError as error:
        return str(error)
    raise AssertionError(f"{text} was accepted")


class PullSpecTests(SynchronousTestCase):
    """Registry, repository, and tag or digest."""

    def test_tag(self) -> None:
        spec = PullSpec.parse("quay.io/openshift-release-dev/ocp-release:4.14.0-x86_64")
        self.assertEqual(
            (spec.registry, spec.repository, spec.tag, spec.digest),
            ("quay.io", "openshift-release-dev/ocp-release", "4.14.0-x86_64", None),
        )
        self.assertEqual(spec.reference, "4.14.0-x86_64")

    def test_digest(self) -> None:
        spec = PullSpec.parse(f"host:5000/a/b@{SHA512}")
        self.assertEqual((spec.registry, spec.tag, spec.reference), ("host:5000", None, SHA512))

    def test_digest_counts_beside_a_tag(self) -> None:
        spec = PullSpec.parse(f"host.example.com/a:tag@{SHA256}")
        self.assertEqual((spec.tag, spec.reference), ("tag", SHA256))
        self.assertEqual(str(spec), f"host.example.com/a:tag@{SHA256}")

    def test_default_tag(self) -> None:
        self.assertEqual(str(PullSpec.parse("host:5000/a")), "host:5000/a:latest")

    def test_with_digest(self) -> None:
        spec = PullSpec.parse("host:5000/a:tag").with_digest(SHA256)
        self.assertEqual(str(spec), f"host:5000/a@{SHA256}")
        with self.assertRaises(ValueError):
            spec.with_digest("sha256:../../x")

    def test_hosts_are_compared_in_lower_case(self) -> None:
        self.assertEqual(PullSpec.parse("Quay.IO/a:B"), PullSpec.parse("quay.io/a:B"))

    def test_docker_hub(self) -> None:
        """It has several names, and a place of its own for what has no other."""
        for host in ("docker.io", "index.docker.io", "Registry-1.Docker.io"):
            busybox = PullSpec.parse(f"{host}/busybox:1")
            self.assertEqual(str(busybox), "docker.io/library/busybox:1")
            self.assertEqual(str(PullSpec.parse(f"{host}/a/b@{SHA256}")), f"docker.io/a/b@{SHA256}")
        self.assertEqual(registry_host("docker.io"), "registry-1.docker.io")
        self.assertEqual(registry_host("quay.io"), "quay.io")
        self.assertIn("does not begin with a registry", refusal("docker.io/"))

    @given(REGISTRIES, REPOSITORIES, st.none() | TAGS, st.none() | DIGESTS)
    def test_texts_come_back(
        self, registry: str, repository: str, tag: str | None, digest: str | None
    ) -> None:
        text = f"{registry}/{repository}"
        text += f":{tag}" if tag else ""
        text += f"@{digest}" if digest else ""
        spec = PullSpec.parse(text)
        self.assertEqual((spec.registry, spec.repository), (registry, repository))
        self.assertEqual(spec.digest, digest)
        self.assertEqual(str(spec), text if tag or digest else f"{text}:latest")
        self.assertEqual(PullSpec.parse(str(spec)), spec)

    def test_no_registry(self) -> None:
        """docker.io is not guessed."""
        for text in ("", "ocp-release:4.14.0", "openshift/ocp-release", "/a/b", "host.example.com"):
            self.assertIn("does not begin with a registry; expected a host and", refusal(text))

    def test_wrong_registry(self) -> None:
        for host in ("a..b", "-a.b", "a.b:", "a.b:0", "a.b:65536", "a.b:x", "[::1", "a b.c", "é.x"):
            self.assertIn("does not begin with a registry", refusal(f"{host}/a"))

    def test_wrong_repository(self) -> None:
        for path in ("A", "a//b", "../a", "a/../b", "a/", ".a", "a%2fb", "a?b", "a b", "é", "a/\n"):
            self.assertIn("is no repository; expected names of lower-case", refusal(f"q.io/{path}"))
        self.assertIn("is no repository", refusal("q.io/" + "a" * 255))

    def test_wrong_tag(self) -> None:
        for tag in ("", "a/b", ".a", "a b", "é", "a" * 129, "a:b", "a?b"):
            self.assertIn("is no tag; expected letters, digits", refusal(f"q.io/a:{tag}"))

    def test_wrong_digest(self) -> None:
        for digest in ("sha256:", "sha256:" + "A" * 64, SHA256 + "0", SHA256[:-1], f"{SHA256}\n"):
            self.assertIn("not a digest; expected sha256: and 64", refusal(f"q.io/a@{digest}"))
        self.assertIn("what is behind the @ is no digest", refusal(f"q.io/a@md5:{'0' * 32}"))

    def test_url(self) -> None:
        self.assertIn("a URL is no pull spec", refusal("docker://quay.io/a"))

    def test_passwords_are_not_quoted(self) -> None:
        for text in ("me:s3cr3t@quay.io/a:b", "https://me:s3cr3t@quay.io/a", "q.io/a@s3cr3t"):
            self.assertNotIn("s3cr3t", refusal(text))

    @given(st.text(max_size=400))
    def test_any_text_is_one_or_told_in_a_line(self, text: str) -> None:
        try:
            spec = PullSpec.parse(text)
        except ValueError as error:
            self.assertIn("expected", str(error))
            self.assertTrue(str(error).isprintable())
            self.assertLess(len(str(error)), 400)
        else:
            self.assertRegex(f"{spec.repository}/{spec.reference}", r"\A[A-Za-z0-9._:/-]+\Z")
            self.assertNotIn("..", spec.repository)


class HashTests(SynchronousTestCase):
    """Bytes are those that a digest stands for, or are refused."""

    EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    ABC = (
        "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    )

    def test_right_bytes(self) -> None:
        Hash.of(self.EMPTY).check()
        total = Hash.of(self.ABC)
        total.update(b"a")
        total.update(memoryview(b"bc"))
        total.check()

    def test_wrong_bytes(self) -> None:
        total = Hash.of(self.ABC)
        total.update(b"abd")
        with self.assertRaises(DigestMismatch) as caught:
            total.check()
        self.assertRegex(
            str(caught.exception), rf"has the digest sha512:\w{{128}}; expected {self.ABC}$"
        )

    def test_no_digest(self) -> None:
        for text in ("", "sha256", "md5:" + "0" * 32, self.EMPTY.upper(), self.EMPTY + "\n"):
            for read in (Hash.of, checked_digest):
                with self.assertRaises(ValueError) as caught:
                    read(text)
                self.assertIn("not a digest; expected sha256: and 64", str(caught.exception))
