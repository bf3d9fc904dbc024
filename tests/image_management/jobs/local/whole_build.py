"""
C{make jobs-test}: a recipe becomes an image by kiwi-ng, somebody customises that, and what comes of
it has the change.  Each stage's seconds are printed.
"""

from __future__ import annotations

import re
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from demo.packaged_programs import packaged_programs
from tests.image_management.jobs.local.archives import unpacked
from tests.image_management.jobs.local.host import HostCase

_CONFIG = """\
<?xml version="1.0" encoding="utf-8"?>
<image schemaversion="8.5" name="small">
  <description type="system">
    <author>Image management's tests</author>
    <contact>tests@example.org</contact>
    <specification>A Debian that boots to a login</specification>
  </description>
  <preferences>
    <version>1.0.0</version>
    <packagemanager>apt</packagemanager>
    <type image="tbz"/>
  </preferences>
  <users>
    <user name="root" password="!" home="/root" pwdformat="encrypted"/>
  </users>
  <repository type="apt-deb" alias="debian" components="main" distribution="{{RELEASE}}"
      repository_gpgcheck="true">
    <source path="{{MIRROR}}">
      <signing key="file:///usr/share/keyrings/debian-archive-keyring.gpg"/>
    </source>
  </repository>
  <packages type="bootstrap">
    <package name="ca-certificates"/>
  </packages>
  <packages type="image">
    <package name="linux-image-cloud-amd64"/>
    <package name="initramfs-tools"/>
    <package name="busybox"/>
    <package name="systemd-sysv"/>
    <package name="zstd"/>
  </packages>
</image>
"""

_SCRIPT = """\
#!/bin/bash
set -eu
printf 'squashfs\\noverlay\\n' >> /etc/initramfs-tools/modules
update-initramfs -u
cd /boot
ln -sf vmlinuz-* vmlinuz
ln -sf initrd.img-* initrd
printf 'console=ttyS0' > kernel-parameters
apt-get clean
"""


class WholeBuildTests(HostCase):
    timeout = 3600

    async def test_built_and_customised(self) -> None:
        kiwi = packaged_programs("kiwi", "60 MB") / "kiwi-ng"
        host = await self.start_host(IMS_KIWI=str(kiwi))
        recipe = await self.make_recipe(
            host,
            {
                "config.xml": _CONFIG.encode(),
                "config.sh": _SCRIPT.encode(),
                ".ims_recipe_template.yaml": b"template_files: [config.xml]",
            },
            template_dictionary=_debian(),
        )
        sizes = {"build_env_size": 8, "job_mem_size": 8}
        built = await host.ended(await host.make_job("create", recipe, **sizes))
        self.assertEqual(built["status"], "success", built["log"][-8000:])
        _print_stages(built["log"])
        artifacts = await host.artifacts(built["resultant_image_id"])
        self.assertEqual({*artifacts}, {"kernel", "initrd", "boot_parameters", "rootfs"})
        job = await host.make_job("customize", built["resultant_image_id"], **sizes)
        await (await host.follow(job)).until("== waiting_on_user")
        self.assertEqual(await host.ssh(job, "echo mine > /etc/image-release"), (0, ""))
        await host.ssh(job, "touch /mnt/image/complete")
        ended = await host.ended(job)
        self.assertEqual(ended["status"], "success", ended["log"][-8000:])
        _print_stages(ended["log"])
        rootfs = (await host.artifacts(ended["resultant_image_id"]))["rootfs"]
        root = unpacked(rootfs, self.folder / "new")
        self.assertEqual((root / "etc/image-release").read_text(), "mine\n")
        for one in (job, built):
            await self.delete(host, one)


def _debian() -> dict[str, str]:
    """Where this machine has its own packages from."""
    release = "bookworm"
    for sources in Path("/etc/apt").glob("sources.list*/*"):
        mirror = re.search(r"^URIs:\s*(\S+/debian)/?\s*$", sources.read_text(), re.MULTILINE)
        if mirror:
            return {"MIRROR": mirror[1], "RELEASE": release}
    return {"MIRROR": "http://deb.debian.org/debian", "RELEASE": release}


def _print_stages(log: str) -> None:
    stages = re.findall(r"^== (\w+) (\S+)\r?$", log, re.MULTILINE)
    for (stage, began), (_, ended) in pairwise(stages):
        seconds = datetime.fromisoformat(ended) - datetime.fromisoformat(began)
        print(f"\n  {stage}: {seconds.total_seconds():.1f} s", end="")
    print(f"\n  {stages[-1][0]}: the last")
