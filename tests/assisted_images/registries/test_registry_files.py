"""Pull secrets and mirrors in files."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.oci.references import PullSpec
from assisted_images.registries.files import read_mirrors, read_pull_secret
from tests.assisted_images.settings.test_settings import PULL_SECRET

SPEC = PullSpec.parse("s3cr3t.example.com/a:b")


class RegistryFileTests(SynchronousTestCase):
    """What is in them counts, and what is wrong with them is told with their name."""

    def setUp(self) -> None:
        self.file = Path(self.mktemp())

    def test_no_file(self) -> None:
        self.assertIsNone(read_pull_secret(None).credentials(SPEC))
        self.assertEqual([place.spec for place in read_mirrors(None).places(SPEC)], [SPEC])

    def test_pull_secret(self) -> None:
        self.file.write_text(PULL_SECRET)
        found = read_pull_secret(self.file).credentials(SPEC)
        assert found is not None
        self.assertEqual(found.password, "s3cr3t")

    def test_mirrors(self) -> None:
        self.file.write_text('[[registry]]\nlocation = "s3cr3t.example.com/a"\nblocked = true\n'
                             'mirror = [{location = "m:5000/b"}]')  # fmt: skip
        self.assertEqual(str(read_mirrors(self.file).places(SPEC)[0].spec), "m:5000/b:b")

    def test_byte_order_mark(self) -> None:
        """Editors of Windows write one."""
        self.file.write_text(PULL_SECRET, "utf-8-sig")
        self.assertIsNotNone(read_pull_secret(self.file).credentials(SPEC))
        self.file.write_text('[[registry]]\nlocation = "q.io"\n', "utf-8-sig")
        self.assertEqual([place.spec for place in read_mirrors(self.file).places(SPEC)], [SPEC])

    def test_wrong_files(self) -> None:
        for read in (read_pull_secret, read_mirrors):
            with self.assertRaises(ValueError) as caught:
                read(self.file)
            self.assertEqual(
                str(caught.exception),
                f"{self.file} cannot be read: No such file or directory; expected a file that can"
                " be",
            )
            for content, told in (
                (b"\xff", "is no text in UTF-8; expected one"),
                (b" " * ((8 << 20) + 1), "has more than 8388608 bytes; expected a smaller file"),
                (b"s3cr3t", ": not "),
            ):
                self.file.write_bytes(content)
                with self.assertRaises(ValueError) as caught:
                    read(self.file)
                self.assertTrue(str(caught.exception).startswith(str(self.file)))
                self.assertIn(told, str(caught.exception))
                self.assertNotIn("s3cr3t", str(caught.exception))
            self.file.unlink()
