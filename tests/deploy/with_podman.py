"""
The commands of the page on podman, as they stand there, in a Debian 13 whose first process is
systemd: its podman makes services of quadlets, and keeps secrets of pods; a part of
C{make container-test}.
"""

from __future__ import annotations

from pathlib import Path

from demo.infra_env import sample_infra_env
from demo.service import ROOT
from tests.deploy.containers import LIMITS, debian, image, podman
from tests.deploy.first_process import SYSTEMD, SystemdTestCase, commands_of
from tests.docs.pages import read_page

_RELEASE = "trixie"
_PACKAGES = f"{SYSTEMD},podman,runc,netavark,iptables,nftables,catatonit,sudo,curl"
_IMAGE = "localhost/debian-podman:test"
_PAGE = ROOT / "docs/how-to/podman.md"

_CONTAINERFILE = """\
FROM {base}
# It has neither modules to load nor, where the machine has cgroups of both versions, a limit of
# processes.
RUN systemctl mask systemd-modules-load.service \\
 && mkdir --parents /etc/containers \\
 && printf '[containers]\\npids_limit = 0\\n' >/etc/containers/containers.conf
"""

_INIT = (
    "umount --recursive /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec /sbin/init"
)
"""Podman's containers in a container need cgroups of version 2, whatever the machine has."""


class PodmanPageTests(SystemdTestCase):
    """Ports are those of the page, in a network of the container's own."""

    def setUp(self) -> None:
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        base = debian("debian-podman", _PACKAGES, _RELEASE)
        (folder / "Containerfile").write_text(_CONTAINERFILE.format(base=base))
        podman("build", "--tag", _IMAGE, *LIMITS, folder)
        # Containers are kept in a volume: their layers cannot lie upon layers.
        options = ("--systemd=false", "--tmpfs=/run", "--tmpfs=/tmp", "--env=container=podman")
        own = ("--cgroupns=private", "--volume=/var/lib/containers")
        init = ("/bin/sh", "-c", _INIT)
        self.boot(_IMAGE, *options, *own, network="none", command=init)
        podman("save", "--format=docker-archive", f"--output={folder}/image.tar", image())
        self.put(folder / "image.tar", "/root")
        self.inside("podman", "load", "--quiet", "--input=/root/image.tar")
        self.inside("podman", "tag", image(), "localhost/assisted-images:latest")
        self.put(ROOT / "deploy", "/root")
        sample_infra_env(folder / "infra-envs")
        self.put(folder / "infra-envs", "/root")

    def run_here(self, command: str) -> str:
        """In a shell, among the files of the repository."""
        keys = "export S3_ACCESS_KEY=ims S3_SECRET_KEY=opensesame"
        return self.inside("bash", "-c", f"set -eu; cd /root; {keys}\n{command}")

    def until_it_answers(self, port: int, path: str) -> None:
        url = f"http://localhost:{port}{path}"
        curl = ("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", url)
        self.until(lambda: self.inside(*curl, check=False) == "200")

    def test_containers(self) -> None:
        """The services one after the other, each until SIGTERM."""
        _, assisted_images, image_management, *_ = commands_of("podman.md")
        for command, port, path in (
            (assisted_images, 8080, "/live"),
            (image_management, 9000, "/healthz/live"),
        ):
            self.run_here(command.replace("podman run", "podman run --detach --name=service"))
            self.until_it_answers(port, path)
            self.inside("podman", "stop", "service")
            ended = self.inside("podman", "inspect", "--format={{.State.ExitCode}}", "service")
            self.assertEqual(ended, "0")
            self.inside("podman", "rm", "service")

    def test_pods(self) -> None:
        blocks = read_page(_PAGE, _PAGE.read_text("utf-8")).blocks
        for block in blocks:
            if block.is_file:
                self.run_here(f"cat >{block.title} <<'EOF'\n{block.text}EOF\n")
        *_, pods, _ = commands_of("podman.md")
        up, down = pods.rstrip("\n").rsplit("\n", 1)
        self.run_here(up)
        self.until_it_answers(9000, "/healthz/live")
        self.run_here(down)
        self.assertEqual(self.inside("podman", "ps", "--quiet"), "")
        self.inside("mkdir", "/etc/assisted-images")
        self.run_here("mv infra-envs /etc/assisted-images")
        self.run_here(up.splitlines()[-1].replace("image-management", "assisted-images"))
        self.until_it_answers(8080, "/live")

    def test_quadlets(self) -> None:
        """The page's is a service that ends well; so is the other one."""
        *_, quadlets = commands_of("podman.md")
        for service, port, path in (
            ("assisted-images", 8080, "/live"),
            ("image-management", 9000, "/healthz/live"),
        ):
            commands = quadlets.replace("assisted-images", service)
            if service == "image-management":
                # Its keys are the site's.
                keys = (
                    "s/^S3_ACCESS_KEY=.*/S3_ACCESS_KEY=ims/; s/^S3_SECRET_KEY=.*/S3_SECRET_KEY=x/"
                )
                self.inside("sed", "--in-place", keys, f"/root/deploy/podman/{service}.env")
            self.run_here(commands)
            self.assertEqual(self.state(service), "active")
            self.until_it_answers(port, path)
            user = self.inside("podman", "exec", service, "id", "--user")
            self.assertEqual(user, "1001")
            self.inside("systemctl", "stop", service)
            self.assertEqual(self.state(service, "Result"), "success")
            self.assertEqual(self.state(service, "NRestarts"), "0")
            self.assertIn(service, self.inside("podman", "volume", "ls", "--quiet").splitlines())
