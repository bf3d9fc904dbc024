"""An application whose images and infra-envs the test has at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from assisted_images.catalog.catalog import Catalog, Entry
from assisted_images.infra_envs.configurations import ConfigurationRequest, InfraEnvError
from assisted_images.live.kargs import KernelArgumentArea
from assisted_images.live.layout import Layout
from assisted_images.live.minimal import MinimalIso
from assisted_images.live.moving import FixedArea
from assisted_images.routes.application import Application
from assisted_images.routes.checksums import MOST_AT_ONCE, Checksums
from assisted_images.routes.customisations import Customisations
from assisted_images.routes.metrics import Metrics
from assisted_images.store.states import ImageState, OsImage, ReadyImage
from assisted_images.values import Architecture, Configuration, Extent, ImageType
from httpd.concurrency.slots import OwnSlots, Slots
from httpd.concurrency.threads import own_threads, threads_of
from httpd.http1.connections import Connections
from httpd.logs.requests import RequestEvents
from httpd.representation.segments import Representation
from tests.assisted_images.kernel_arguments import appended
from tests.httpd.web.serving import reactor

ID = "8d6f5bb6-9e3c-4a6e-8f0b-1c2d3e4f5a6b"
VERSION = "418.94.202511191518-0"
OPENSHIFT = "4.18.1"

CONFIGURATION = Configuration(
    b'{"ignition": {"version": "3.4.0"}}', b"ramdisk", appended("console=ttyS0"), 784111777.0
)

IMAGE = bytes(n % 251 for n in range(100_000))
IGNITION_AREA = Extent(10_000, 4096)
KERNEL_ARGUMENTS = b"quiet\n".ljust(200, b"#")
KERNEL, INITRD, ROOTFS, INS_FILE = (
    Extent(30_000, 1000), Extent(40_000, 1001), Extent(50_000, 5000), Extent(60_000, 30),
)  # fmt: skip


def layout(*, kernel_arguments: bool = True, ramdisk: Extent | None = None) -> Layout:
    return Layout(
        volume_id="rhcos-test",
        size=len(IMAGE),
        ignition_area=IGNITION_AREA,
        kernel_argument_area=KernelArgumentArea((20_000, 25_000), "quiet", 200)
        if kernel_arguments
        else None,
        kernel=(KERNEL,),
        kernel_name="vmlinuz",
        initrd=(INITRD,),
        rootfs=(ROOTFS,),
        ins_file=(INS_FILE,),
        initrd_address=b"\0\0\0\0\0\0\1\0",
        ramdisk_area=ramdisk,
        movable_ignition_area=FixedArea("this is no image"),
    )


def content(**changes: object) -> ReadyImage:
    minimal = Representation.from_bytes(IMAGE[:70_000])
    parts: dict[str, object] = {
        "image": Representation.from_bytes(IMAGE),
        "layout": layout(),
        "last_modified": 1_000_000_000.0,
        "minimal": MinimalIso(minimal, layout(ramdisk=Extent(65_000, 100))),
        "nmstate": Representation.from_bytes(b"nmstate archive"),
    }
    return ReadyImage(**{**parts, **changes})  # type: ignore[arg-type]


def entry(
    architecture: str = "x86_64",
    version: str = VERSION,
    kind: str = "full-iso",
    openshift: str = OPENSHIFT,
) -> Entry:
    return Entry(
        openshift_version=openshift,
        architecture=Architecture(architecture),
        url="http://mirror.test/image.iso",
        version=version,
        image_type=ImageType(kind),
    )


class Images:
    """What the web layer sees of an image store."""

    def __init__(self, contents: Mapping[Entry, ReadyImage | None]) -> None:
        self._catalog = Catalog(contents)
        self.images = tuple(map(OsImage, self._catalog.images))
        for image in self.images:
            if contents[image.entry] is not None:
                image.change(ImageState.READY, ready=contents[image.entry])

    def find(self, version: str, architecture: Architecture, image_type: ImageType) -> OsImage:
        entry = self._catalog.find(version, architecture, image_type)
        return next(image for image in self.images if image.entry is entry)

    @property
    def ready(self) -> bool:
        return all(image.ready is not None for image in self.images)


@dataclass
class InfraEnvs:
    """An infra-env source with one answer."""

    answer: Configuration | InfraEnvError = CONFIGURATION
    asked: list[ConfigurationRequest] = field(default_factory=list)

    async def configuration(self, request: ConfigurationRequest) -> Configuration:
        self.asked.append(request)
        if isinstance(self.answer, InfraEnvError):
            raise self.answer
        return self.answer


def application(
    images: Images, infra_envs: InfraEnvs, *, slots: Slots | None = None, **settings: object
) -> Application:
    slots, connections = slots or OwnSlots(10), Connections(1000)
    return Application(
        store=images,  # type: ignore[arg-type]
        infra_envs=infra_envs,
        slots=slots,
        connections=connections,
        metrics=Metrics(slots, images, connections),  # type: ignore[arg-type]
        request_log=RequestEvents(),
        clock=reactor,
        run_in_thread=threads_of(reactor),
        customisations=Customisations(threads_of(reactor)),
        checksums=Checksums(own_threads(reactor, MOST_AT_ONCE, "checksums", daemon=True)),
        **settings,  # type: ignore[arg-type]
    )
