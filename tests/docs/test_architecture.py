"""C{docs/explanation/architecture.md} says what each place in the source is."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from demo.service import ROOT

_PAGE = ROOT / "docs" / "explanation" / "architecture.md"


class MapTests(SynchronousTestCase):
    def test_every_package_is_there(self) -> None:
        missing = []
        for package in sorted((ROOT / "src").glob("*/__init__.py")):
            _, _, text = _PAGE.read_text("utf-8").partition(f"| `src/{package.parent.name}/` |")
            table, _, _ = text.partition("\n\n")
            missing += [
                str(place.parent.relative_to(ROOT))
                for place in sorted(package.parent.glob("*/__init__.py"))
                if f"`{place.parent.name}/`" not in table
            ]
        self.assertEqual(missing, [])
