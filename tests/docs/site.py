"""C{make docs} as tests run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from demo.service import ROOT
from tests.running import base_environment


def built(configuration: Path, site: Path) -> Path:
    """
    The folder of the site.

    @raise AssertionError: it cannot be built; with what mkdocs says of it.
    """
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)]
    built = subprocess.run(
        [*command, "--config-file", str(configuration)],
        cwd=ROOT,
        env=base_environment() | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        raise AssertionError(built.stdout + built.stderr)
    return site
