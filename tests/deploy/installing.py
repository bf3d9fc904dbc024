"""
The commands of the pages on installing and on systemd, as they stand there, in a new Debian whose
first process is systemd; a part of C{make container-test}.
"""

from __future__ import annotations

import http.client
import shutil
from pathlib import Path

from tests.deploy.containers import debian, free_port, with_packages
from tests.deploy.first_process import SYSTEMD, SystemdTestCase, commands_of
from tests.test_packaging import distributions

_PACKAGES = f"{SYSTEMD},python3-venv,pipx,sudo"


class InstallingTests(SystemdTestCase):
    """Where a source distribution is unpacked, with what C{make dist} has made."""

    def setUp(self) -> None:
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        self.boot(debian("debian-installing", _PACKAGES), *with_packages(folder))
        source, wheel = distributions()
        shutil.unpack_archive(source, folder)
        self.put(folder / source.name.removesuffix(".tar.gz"), "/root/source")
        self.inside("mkdir", "--parents", "/root/source/build/dist")
        self.put(wheel, "/root/source/build/dist")

    def run_here(self, command: str) -> str:
        """In a shell whose path is that of somebody who uses pipx."""
        shell = f"set -eu; cd /root/source; PATH=$HOME/.local/bin:$PATH\n{command}"
        return self.inside("bash", "-c", shell)

    def test_pages(self) -> None:
        """Both ways to install; then the service by systemd, out of an environment that is new."""
        by_pipx, by_pip = commands_of("install.md")
        self.assertEqual(len(self.run_here(by_pipx).splitlines()[-2:]), 2)
        self.run_here(by_pip)
        self.assertIn("serve", self.inside("/opt/assisted-images/bin/assisted-images", "--help"))
        self.inside("rm", "--recursive", "/opt/assisted-images")
        port = free_port()
        place = "/etc/systemd/system/assisted-images.socket.d"
        self.inside("mkdir", place)
        moved = f"[Socket]\\nListenStream=\\nListenStream={port}\\n"
        self.inside("sh", "-c", f"printf '{moved}' >{place}/port.conf")
        (units,) = commands_of("systemd.md")
        self.run_here(units)
        self.assertEqual(self.state("assisted-images.service"), "active")
        connection = http.client.HTTPConnection("127.0.0.1", port)
        self.addCleanup(connection.close)
        connection.request("GET", "/live")
        self.assertEqual(connection.getresponse().status, 200)
