"""
A node for the real Kubernetes, as root: scheduler, containerd with runc, and the real kubelet.
Pods have a network of their own, and look names up at the host's address there; there is neither a
name server at it nor a load balancer.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
from functools import cache
from pathlib import Path
from random import randrange

from demo.go_programs import go_program
from tests.engines.kubernetes.control_plane import MODULE, ControlPlane, control_plane
from tests.engines.kubernetes.pod_image import PAUSE_IMAGE, pod_images
from tests.engines.kubernetes.resources import Json
from tests.running import found_program, require_root

_CONTAINERD = "github.com/containerd/containerd/v2/cmd"
_START_SECONDS = 120.0
_KUBELET_PORT = 10250
_NAME = "node-0"

API_ADDRESS = "10.96.0.1"
"""Where pods look for the API server, at port 443: an address of this host, without a server."""


class Node:
    """
    A node, whose containers end with it.

    @ivar address: the host, as pods see it.
    """

    def __init__(self, plane: ControlPlane, address: str) -> None:
        """
        @param address: one of L{some_address}.
        """
        self._plane = plane
        self._directory = plane.directory
        self._programs = {
            name: go_program(MODULE, f"{_CONTAINERD}/{name}")
            for name in ("containerd", "containerd-shim-runc-v2", "ctr")
        }
        self.address = address
        self._number = address.split(".")[2]
        self._volumes = 0

    @property
    def _socket(self) -> Path:
        return self._directory / "containerd.sock"

    def start(self) -> None:
        """
        Start it, and wait until it is ready; blocking.

        @raise AssertionError: something does not start.
        """
        images = pod_images()
        self._make_network()
        self._plane.run("scheduler", **self._plane.as_client, leader_elect=False, secure_port=0)
        self._run_containerd()
        self.add_image(images)
        self._run_kubelet()
        self._plane.processes.wait_until("the node is ready", self._is_ready, _START_SECONDS)

    def _make_network(self) -> None:
        """An address of the host for pods; their own bridge is made by the plugin."""
        link = f"imsnode{self._number}"
        _run("ip", "link", "add", link, "type", "bridge")
        for address in (self.address, API_ADDRESS):
            _run("ip", "address", "add", f"{address}/32", "dev", link)
        _run("ip", "link", "set", link, "up")
        folder = self._directory / "cni"
        folder.mkdir()
        addresses = {
            "type": "host-local",
            "dataDir": str(folder / "addresses"),
            "ranges": [[{"subnet": f"10.99.{self._number}.0/24"}]],
        }
        bridge = {
            "type": "bridge",
            "bridge": f"imspods{self._number}",
            "isDefaultGateway": True,
            "ipMasq": False,
            "ipam": addresses,
        }
        network = {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}
        (folder / "10-pods.conflist").write_text(json.dumps(network))

    def _run_containerd(self) -> None:
        configuration = self._directory / "containerd.toml"
        configuration.write_text(
            _CONTAINERD_TOML.format(
                directory=self._directory,
                pause=PAUSE_IMAGE,
                runc=found_program("runc", profile="cluster"),
            )
        )
        program = self._programs["containerd"]
        path = f"{program.parent}:/usr/sbin:/usr/bin:/sbin:/bin"
        command = [str(program), "--config", str(configuration)]
        self._plane.processes.start("containerd", command, {"PATH": path})
        self._plane.processes.wait_until("containerd listens", self._socket.exists, _START_SECONDS)

    def _run_kubelet(self) -> None:
        configuration: Json = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "clusterDNS": [self.address],
            "clusterDomain": "cluster.local",
            "oomScoreAdj": 0,
            "address": self.address,
            "port": _KUBELET_PORT,
            "healthzPort": 0,
            "readOnlyPort": 0,
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "containerRuntimeEndpoint": f"unix://{self._socket}",
            "localStorageCapacityIsolation": False,
            "podLogsDir": str(self._directory / "pod-logs"),
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
            },
        }
        path = self._directory / "kubelet.json"
        path.write_text(json.dumps(configuration))
        self._plane.run(
            "kubelet",
            config=path,
            kubeconfig=self._plane.kubeconfig,
            root_dir=self._directory / "node",
            cert_dir=self._directory / "pki-node",
            hostname_override=_NAME,
            node_ip=self.address,
        )

    def _is_ready(self) -> bool:
        status, node = self._plane.ask("GET", f"/api/v1/nodes/{_NAME}")
        conditions = node["status"].get("conditions") or () if status == 200 else ()
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
        return ready and not node["spec"].get("taints")

    def add_image(self, archive: Path) -> None:
        """Have a container image, from an archive in Docker's format."""
        self._ctr("images", "import", str(archive))

    def add_volume(self) -> None:
        """Have storage for one claim more."""
        self._volumes += 1
        name = f"volume-{self._volumes}"
        place = self._directory / "volumes" / name
        place.mkdir(parents=True)
        here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [_NAME]}
        volume = {
            "metadata": {"name": name},
            "spec": {
                "capacity": {"storage": "100Gi"},
                "accessModes": ["ReadWriteOnce"],
                # Unlike one of hostPath it is given to a pod's fsGroup.
                "local": {"path": str(place)},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
            },
        }
        status, answer = self._plane.ask("POST", "/api/v1/persistentvolumes", volume)
        assert status == 201, answer

    def _ctr(self, *words: str) -> str:
        command = [str(self._programs["ctr"]), "--address", str(self._socket)]
        command += ["--namespace", "k8s.io", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def end(self) -> None:
        """End all containers, and leave neither mounts nor networks."""
        processes = self._plane.processes
        processes.end("kubelet", "scheduler")
        for container in self._ctr("tasks", "list", "--quiet").split():
            # It may have ended by itself.
            subprocess.run(
                [
                    *(str(self._programs["ctr"]), "--address", str(self._socket)),
                    *("--namespace", "k8s.io", "tasks", "delete", "--force", container),
                ],
                capture_output=True,
                check=False,
            )
        processes.end("containerd")
        for pid in _processes_of(self._directory):
            os.kill(pid, 9)
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        places = {line.split()[1] for line in mounts}
        for place in sorted((one for one in places if self._owns(one)), reverse=True):
            _run("umount", "--lazy", place)
        links = {one.name for one in Path("/sys/class/net").iterdir()}
        for link in links & {f"imsnode{self._number}", f"imspods{self._number}"}:
            _run("ip", "link", "delete", link)

    def _owns(self, place: str) -> bool:
        return place.startswith(f"{self._directory}/")


def _processes_of(directory: Path) -> list[int]:
    """What containerd has started to look after containers, which outlives it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended meanwhile
        if b"-address" in words and str(directory / "containerd.sock").encode() in words:
            found.append(int(folder.name))
    return found


def _run(*command: str) -> None:
    subprocess.run([found_program(command[0], profile="cluster"), *command[1:]], check=True)


_CONTAINERD_TOML = """\
version = 3
root = "{directory}/containerd"
state = "{directory}/containerd-state"
oom_score = 0
disabled_plugins = ["io.containerd.nri.v1.nri"]

[grpc]
  address = "{directory}/containerd.sock"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause}"

[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  disable_apparmor = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["/usr/lib/cni", "/usr/libexec/cni"]
  conf_dir = "{directory}/cni"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "{runc}"
  SystemdCgroup = false

# Virtual machines need KVM; what a pod notices of them here is their name.
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.kata-qemu]
  runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.kata-qemu.options]
  BinaryName = "{runc}"
  SystemdCgroup = false
"""


def some_address() -> str:
    """An address for a node's host, which hardly anybody else has."""
    return f"10.98.{randrange(256)}.1"


@cache
def node() -> Node:
    """The one of this process's cluster; the first time it blocks for some seconds."""
    require_root()
    made = Node(control_plane(), some_address())
    atexit.register(made.end)
    made.start()
    return made
