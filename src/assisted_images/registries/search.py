"""Looking for a file of an image in its layers."""

from __future__ import annotations

from collections.abc import Callable

from assisted_images.oci.errors import PayloadError
from assisted_images.oci.layers import Presence
from assisted_images.registries.members import LayerReading, MemberTarget
from assisted_images.registries.registry import ContainerImage, Registries


class MemberSearch:
    """
    A file of an image: looked for in the layers, the topmost first, as far as that has got.  When
    L{run} has failed, running it again goes on from there.

    @ivar path: of the file; where it may have several, the one that is looked for now.
    """

    def __init__(
        self,
        registries: Registries,
        image: ContainerImage,
        paths: tuple[str, ...],
        most: int,
        target: MemberTarget,
    ) -> None:
        """
        @param paths: which the file may have, best first: one counts where no layer has those
            before it.
        @param most: bytes that it may have.
        """
        self._registries = registries
        self._image = image
        self.path, *self._others = self._paths = paths
        self._removed: str | None = None
        self._most = most
        self._target = target
        self._remaining = list(image.manifest.layers)
        self._reading: LayerReading | None = None

    @property
    def goes_on(self) -> bool:
        """Whether something has been read that need not be read again."""
        reading = self._reading
        passed = len(self._remaining) < len(self._image.manifest.layers)
        if reading is None:
            return passed
        return reading.sound and (passed or reading.size > 0)

    async def run(self, progressed: Callable[[], None] = lambda: None) -> None:
        """
        Bring the file's content to where it is to go, and read the layer that has it to its end,
        so that it is verified.

        @param progressed: called each time that something has arrived.
        @raise DownloadError: a layer cannot be had.
        @raise PayloadError: the image does not have the file.
        """
        while not await self._found(progressed):
            if not self._others and self._removed:
                raise PayloadError(f"a layer of {self._image.spec} removes {self._removed}")
            if not self._others:
                raise PayloadError(f"no layer of {self._image.spec} has {' or '.join(self._paths)}")
            self.path = self._others.pop(0)
            self._remaining = list(self._image.manifest.layers)

    async def _found(self, progressed: Callable[[], None]) -> bool:
        """Whether the layers have the path that is looked for now; see L{run}."""
        while self._remaining:
            layer = self._remaining[-1]
            if self._reading is None:
                self._reading = LayerReading(layer, self.path, self._most, self._target)
            await self._registries.blob(self._image, layer, self._reading, progressed)
            match self._reading.presence():
                case Presence.FOUND:
                    return True
                case Presence.WHITED_OUT:
                    self._removed = self._removed or self.path
                    self._remaining.clear()
                case Presence.ABSENT:
                    self._remaining.pop()
            self._reading = None
        return False
