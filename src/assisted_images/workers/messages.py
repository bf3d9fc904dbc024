"""
What the primary and a secondary tell and ask each other.

Some of it is secret (settings, credentials, Ignition configs): no message is ever logged, and none
has a text form.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from assisted_images.infra_envs.configurations import ConfigurationRequest
from assisted_images.infra_envs.sharing import Lease
from assisted_images.on_demand.origin import Facts
from assisted_images.pages.overview import Overview
from assisted_images.store.states import ImageState
from assisted_images.store.summaries import ReadySummary


class Message(msgspec.Struct, frozen=True, tag=True):
    """Anything that is sent."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Value(msgspec.Struct, frozen=True):
    """A part of a message."""


class Welcome(Message, frozen=True):
    """
    The first that a secondary reads: who it is.

    @ivar number: which of the workers, from 1 on; 0 is the primary.
    @ivar settings: the settings' texts as in the environment, by name.
    @ivar listeners: where it listens: port and whether there is TLS, of each of the
        L{places<httpd.listening.places.Place>} whose sockets it has inherited.
    """

    number: int
    settings: Mapping[str, bytes]
    listeners: tuple[tuple[int, bool], ...]


class ImageSummary(Value, frozen=True):
    """
    One image's state, as in L{OsImage<assisted_images.store.states.OsImage>}.

    @ivar sealed: whether all its blocks are here, and are about to be published as its file.
    """

    state: ImageState
    reason: str | None
    bytes: int
    total: int | None
    next_try: float | None
    ready: ReadySummary | None
    sealed: bool


class StoreSummary(Message, frozen=True):
    """
    Every image's state, in the catalogue's order.

    @ivar complete: whether every worker can serve every image.
    """

    images: tuple[ImageSummary, ...]
    complete: bool


class Loaded(Message, frozen=True):
    """
    How many images the secondary can serve by now; it listens.
    """

    images: int


class OriginChanged(Message, frozen=True):
    """
    A secondary has found that an image is another at its origin.

    @ivar image: which one, in the catalogue's order, from 0 on.
    @ivar facts: what it was.
    """

    image: int
    facts: Facts


class Drain(Message, frozen=True):
    """The service goes down: end when the answers that are under way have ended."""


class Inquiry(Message, frozen=True):
    """
    Something that is to be answered by a L{Reply} with the same number.

    @ivar number: distinct for each that one side sends.
    """

    number: int


class AskConfiguration(Inquiry, frozen=True):
    """Asks the primary for a configuration: a L{Lease}."""

    request: ConfigurationRequest


class AskMetrics(Inquiry, frozen=True):
    """Asks the primary for all workers' metrics: bytes in Prometheus' text format."""


class AskOverview(Inquiry, frozen=True):
    """Asks the primary for what the page shows: an L{Overview}."""


class AskCounts(Inquiry, frozen=True):
    """Asks a secondary for what it has counted: L{Family}s."""


class Cancel(Message, frozen=True):
    """Nobody waits for the reply to inquiry C{number} any more."""

    number: int


class Family(Value, frozen=True):
    """A metric, as L{prometheus_client.core.Metric}; C{samples}: name, labels, value."""

    name: str
    kind: str
    documentation: str
    samples: list[tuple[str, dict[str, str], float]]


class Refusal(Value, frozen=True):
    """
    Why there is no configuration: an
    L{InfraEnvError<assisted_images.infra_envs.configurations.InfraEnvError>}.

    @ivar status: 0: the replying side failed; its log says why.
    """

    status: int
    text: str


class Reply(Message, frozen=True):
    """The reply to inquiry C{number}; exactly one of the others is set."""

    number: int
    lease: Lease | None = None
    metrics: bytes | None = None
    overview: Overview | None = None
    counts: tuple[Family, ...] | None = None
    refusal: Refusal | None = None


ToSecondary = Welcome | StoreSummary | Drain | AskCounts | Cancel | Reply
ToPrimary = Loaded | OriginChanged | AskConfiguration | AskMetrics | AskOverview | Cancel | Reply

WELCOME_DECODER = msgspec.msgpack.Decoder(Welcome)
TO_SECONDARY_DECODER = msgspec.msgpack.Decoder(ToSecondary)
TO_PRIMARY_DECODER = msgspec.msgpack.Decoder(ToPrimary)
