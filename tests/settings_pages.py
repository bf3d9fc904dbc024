"""The pages of C{docs/reference/} that list settings, and what they have to say of a table."""

from __future__ import annotations

from collections.abc import Iterable

from demo.service import ROOT
from httpd.settings.setting import Setting


def documented_rows(page: str, heading: str) -> list[str]:
    """The rows of the table below a heading of a page of C{docs/reference/}, to the next one."""
    lines = (ROOT / "docs" / "reference" / page).read_text("utf-8").splitlines()
    section = lines[lines.index(heading) + 1 :]
    end = next((at for at, line in enumerate(section) if line.startswith("#")), len(section))
    return [line for line in section[:end] if line.startswith("| `")]


def wanted_rows(settings: Iterable[Setting]) -> list[str]:
    """The rows that settings want."""
    return [*map(_row, settings)]


def _row(setting: Setting) -> str:
    names = ", ".join(f"`{name}`" for name in setting.names)
    default = f"`{setting.default}`" if setting.default else setting.absent_text or "-"
    return f"| {names} | {default} | {setting.meaning} |"
