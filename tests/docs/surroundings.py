"""
What pages find before their first command: they name it in C{<!-- needs: … -->}.

All of it is shell, run as if the page began with it.  C{$ROOT} is the repository.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.docs.pages import BACKGROUND, Block, Page
from tests.engines.kubernetes.node import some_address


@dataclass(frozen=True, slots=True)
class Need:
    """
    Something that a page needs.

    @ivar commands: make it.
    @ivar service: what then runs beside the page.
    @ivar ready: the last line that it prints before the page begins.
    @ivar at_length: whether it is nothing for C{make test}, but for C{make docs-test}.
    @ivar pods: whether who asks for machines of the page is in a pod.
    """

    commands: str = ""
    service: str = ""
    ready: str = ""
    at_length: bool = False
    pods: bool = False


_CLONE = """\
# Its demo/ is a real folder, and so it is the place where what that makes is kept; its .venv has
# what that of the tests has, and nothing is installed into it.
ln -s "$ROOT"/* .
rm -rf demo demo-data build
cp -r "$ROOT"/demo .
mkdir .venv
ln -s "$ROOT"/.venv/* .venv
touch .venv/.run .venv/.test
"""

_SAMPLE_IMAGE = """\
python - <<'PYTHON'
from pathlib import Path

from demo.ingredients import find_ingredients
from demo.sample_image import sample_tree, write_image

write_image(sample_tree(find_ingredients()), Path("rhcos-live.x86_64.iso"))
PYTHON
# The date of a file that has just changed holds no ranges of it together (RFC 9110, 8.8.2.2).
touch --date='1 hour ago' rhcos-live.x86_64.iso
export MIN_KERNEL_BYTES=1 MIN_ROOTFS_BYTES=1
"""

_ANSIBLE = """\
programs=$(python - <<'PYTHON' | tail --lines=1
from demo.packaged_programs import packaged_programs

print(packaged_programs("ansible", "70 MB"))
PYTHON
)
# The names of its sockets may have no more than 108 bytes: unix(7).
export PATH=$programs:$PATH LC_ALL=C.UTF-8 ANSIBLE_SSH_CONTROL_PATH_DIR=$(mktemp -d)
"""

_EVERY_WAY = """\
python - >settings <<'PYTHON'
from pathlib import Path
from shlex import quote

from demo.infra_env import sample_infra_env
from tests.boot.image import build_image

for name, value in build_image(Path("images").resolve()).settings.items():
    print(f"export {name}={quote(value)}")
sample_infra_env(Path("infra-envs"))
PYTHON
. ./settings
export INFRA_ENVS_DIR=infra-envs IMAGE_SERVICE_BASE_URL=http://10.0.2.2:8080
"""

_BESIDE_KUBECTL = """\
cp -r "$ROOT"/deploy .
python -m demo.certificate certs
cp certs/service.crt tls.crt
cp certs/service.key tls.key
export PATH=$HOME/bin:$PATH
"""

_STOPS = "Ctrl-C stops the service."

_NEEDS = {
    # a clone of this repository to work in, where make run and make run-ims take the pages' ports
    "clone": Need(_CLONE + "export LISTEN_PORT=8443 HTTP_LISTEN_PORT=8080\n"),
    "clone for image management": Need(
        _CLONE + "export LISTEN_PORT=9443 HTTP_LISTEN_PORT=9000 IMS_JOB_BACKEND=none\n"
    ),
    # the same, where jobs are worked on
    "clone for jobs": Need(
        _CLONE + "make() { LISTEN_PORT=9443 HTTP_LISTEN_PORT=9000 command make $*; }\n"
        "export IMS_SSH_PORTS=8090\n",
        at_length=True,
    ),
    # its commands
    "Ansible": Need(_ANSIBLE),
    # these run
    "make run": Need(service="make run", ready=_STOPS),
    "make run-ims": Need(service="make run-ims", ready=_STOPS),
    # rhcos-live.x86_64.iso, an image that the service takes
    "image": Need(_SAMPLE_IMAGE),
    # http://localhost:8080, with the infra-env of make run
    "service of an image that boots in every way": Need(
        _EVERY_WAY,
        "assisted-images serve --listen-port=8080",
        '…"state":"ready"…',
        at_length=True,
    ),
    # a web server that has rhcos-live.x86_64.iso: http://mirror.example.com:8000/rhcos-live.x86_64.iso
    "mirror": Need(
        _SAMPLE_IMAGE,
        "twistd --nodaemon --pidfile= web --listen=tcp:8000 --path=.",
        "…Site starting on 8000",
    ),
    # http://bmc.example.com:8090, a BMC without a host
    "BMC": Need(
        "mkdir bmc\n", "TMPDIR=$PWD/bmc sushy-emulator --fake --port 8090", "Press CTRL+C to quit"
    ),
    # http://assisted-service.example.com:8090, which wants a token
    "assisted-service": Need(
        service="python -m tests.docs.assisted_service 8090", ready="listening"
    ),
    # mirror.example.com:8443, with a release of OpenShift, and what its clients need; small images
    "mirror registry": Need(
        "export MIN_KERNEL_BYTES=1 MIN_ROOTFS_BYTES=1\n",
        "python -m tests.docs.mirror_registry 8443",
        "filled",
    ),
    # ims-data/, with the records of a site
    "volume of Cray's IMS": Need(
        "mkdir ims-data\n"
        'jq --null-input \'[{name: "compute", link: null, arch: "x86_64",\''
        '\' id: "00000000-0000-4000-8000-000000000000", created: "2024-01-01T00:00:00"}]\''
        " >ims-data/v2.1_images.json\n"
    ),
    # kubectl, and a Kubernetes with a node, which has registry.example.com/assisted-images:0.1.0;
    # deploy/ of this repository, and a certificate of the service
    "cluster": Need(
        _BESIDE_KUBECTL,
        "python -m tests.docs.cluster images.example.com"
        " registry.example.com/assisted-images:0.1.0",
        "ready",
        at_length=True,
        pods=True,
    ),
    # a key pair of OpenSSH in ~/.ssh
    "ssh key": Need("mkdir -m 700 ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519\n"),
}


def needs_of(page: Page) -> list[Need]:
    """
    What a page needs.

    @raise AssertionError: there is no such thing.
    """
    unknown = set(page.needs) - _NEEDS.keys()
    if unknown:
        raise AssertionError(f"{page.name} needs {unknown}; there are {[*_NEEDS]}")
    return [_NEEDS[name] for name in page.needs]


def host_of(page: Page) -> str:
    """What this machine is called on the page, so that everybody there finds it."""
    return some_address() if any(need.pods for need in needs_of(page)) else "localhost"


def steps_before(page: Page) -> list[Block]:
    """What makes it, as if it were blocks at the page's beginning."""
    steps = []
    for need in needs_of(page):
        if need.commands:
            steps.append(Block(0, "sh", "", need.commands, ""))
        if need.service:
            steps.append(Block(0, "sh", BACKGROUND, f"{need.service}\n", "", need.ready))
    return steps
