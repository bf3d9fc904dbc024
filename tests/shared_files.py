"""
The files below C{share/}, which packages install: C{make share} writes them anew.

They are kept with the source, so that a package is built without running what it is made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import assisted_images.command_line
import image_management.command_line
from demo.service import ROOT
from httpd.command_lines.manual import manual_page
from httpd.command_lines.options import completion, described_program
from httpd.settings.options import Commands

PROGRAMS: tuple[type[Commands], ...] = (
    assisted_images.command_line.CommandLine,
    image_management.command_line.CommandLine,
)

_PLACES = {
    "bash": "bash-completion/completions/{}",
    "zsh": "zsh/site-functions/_{}",
    "fish": "fish/vendor_completions.d/{}.fish",
}


def shared_files() -> Mapping[str, str]:
    """What is to be in each, by its path below C{share/}."""
    return dict(_files())


def _files() -> Iterator[tuple[str, str]]:
    for program in PROGRAMS:
        name = program.program
        for shell, place in _PLACES.items():
            yield place.format(name), completion(program, shell)
        others = {f"{one.program}(1)": one.meaning for one in PROGRAMS if one is not program}
        page = manual_page(described_program(program), {"twistd(1)": "runs services", **others})
        yield f"man/man1/{name}.1", page


def write(directory: Path) -> None:
    """Write them all."""
    for place, content in shared_files().items():
        path = directory / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")


if __name__ == "__main__":
    write(ROOT / "share")
