"""What a service might have and do, for the pages that show it."""

from __future__ import annotations

import math
import time

import msgspec

from assisted_images.pages.overview import (
    Cache,
    Configurations,
    Disk,
    ImageView,
    OnDemandView,
    Overview,
)
from assisted_images.store.states import ImageState
from httpd.pages.downloads import Downloads

GIB = 1 << 30

IDLE = Downloads(0, 0, 400, 1, 0.0, (0.0,) * 120, ())
NEW = Downloads(0, 0, 400, 1, None, (), ())
BUSY = Downloads(
    under_way=212,
    waiting=3,
    most=400,
    connections=261,
    rate=2.81 * GIB,
    rates=tuple(
        max(0.0, (1.4 + 1.3 * math.sin(step / 19) + 0.25 * math.sin(step / 2.3))) * GIB
        for step in range(120)
    ),
    by_route=(
        ("/byid/:token", 171),
        ("/boot-artifacts/:artifact", 38),
        ("/images/:imageID/pxe-initrd", 3),
    ),
)


def image(
    openshift: str,
    state: ImageState = ImageState.READY,
    architecture: str = "x86_64",
    **more: object,
) -> ImageView:
    minor = openshift.split(".")[1]
    ready = state is ImageState.READY
    view = ImageView(
        openshift_version=openshift,
        version=f"4{minor}.92.202511191518-0",
        architecture=architecture,
        type="full-iso",
        state=state,
        bytes=int(1.18 * GIB) if ready else 0,
        total=int(1.18 * GIB) if ready else None,
        rate=None,
        reason=None,
        next_try=None,
        on_demand=None,
    )
    return msgspec.structs.replace(view, **more)


def overview(*images: ImageView, downloads: Downloads = IDLE, **more: object) -> Overview:
    view = Overview(images, downloads, 1, 1, None, None, Disk(212 * GIB, 400 * GIB))
    return msgspec.structs.replace(view, **more)


def downloading(done: float = 0.43) -> ImageView:
    return image(
        "4.18.1",
        ImageState.DOWNLOADING,
        bytes=int(1.18 * GIB * done),
        total=int(1.18 * GIB),
        rate=86.0 * (1 << 20),
    )


def failed() -> ImageView:
    return image(
        "4.17.3",
        ImageState.FAILED,
        "arm64",
        bytes=12 << 20,
        total=int(1.2 * GIB),
        reason="https://mirror.example.com/rhcos-4.17.3-aarch64-live.iso answered 503",
        next_try=time.time() + 95,
    )


PREPARING = overview(
    image("4.19.0"),
    downloading(),
    image("4.16.7", ImageState.CHECKING, bytes=GIB, total=GIB),
    image("4.15.2", ImageState.WAITING),
    image("4.14.9", ImageState.DOWNLOADING, bytes=5 << 20),
    downloads=NEW,
)
READY = overview(
    image("4.19.0"),
    image("4.18.1"),
    image("4.18.1", architecture="s390x"),
    image("4.17.3", type="disconnected-iso"),
    image(
        "4.16.7",
        bytes=int(0.31 * GIB),
        on_demand=OnDemandView(81_204, 2_214, None),
        rate=14.0 * (1 << 20),
    ),
    downloads=BUSY,
    workers=4,
    most_workers=4,
    configurations=Configurations(20_117, 19_904, True),
    cache=Cache(int(0.31 * GIB), 40 * GIB),
)
NONE = overview(downloads=NEW)


def failing() -> Overview:
    return overview(image("4.19.0"), failed(), image("4.18.1"), workers=3, most_workers=4)


MANY = overview(
    *(
        image(f"4.{14 + number // 10}.{number % 10}", architecture=("x86_64", "arm64")[number % 2])
        for number in range(50)
    ),
    downloads=BUSY,
)
