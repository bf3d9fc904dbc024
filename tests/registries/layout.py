"""OCI image layouts (image-spec 1.0), written by hand, so that other programs can read them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, cast

import zstandard

MODIFIED = 1_700_000_000
"""The time of all files in layers, in seconds since the epoch."""

_OCI = "application/vnd.oci.image"


class Compression(StrEnum):
    """What a layer's tar archive is packed with; the value ends its media type."""

    NONE = ""
    GZIP = "+gzip"
    ZSTD = "+zstd"


Descriptor = dict[str, Any]
"""C{mediaType}, C{digest} and C{size} of a blob, and in an index C{annotations} and C{platform}."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that is in a layout."""

    descriptor: Descriptor
    diff_id: str

    @property
    def digest(self) -> str:
        return str(self.descriptor["digest"])


class Layout:
    """A directory of blobs, with names for some of its images."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._blobs = directory / "blobs/sha256"
        self._blobs.mkdir(parents=True)
        (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self._tagged: list[Descriptor] = []

    def layer(
        self, files: Mapping[str, bytes | Path], compression: Compression = Compression.GZIP
    ) -> Layer:
        """A layer with these files; an empty one named C{.wh.…} is a whiteout."""
        temporary = self.directory / "layer"
        with temporary.open("wb") as target, _packed(target, compression) as packed:
            archive = _Hashed(packed)
            _write_tar(files, cast(BinaryIO, archive))
        return Layer(
            self._adopt(temporary, f"{_OCI}.layer.v1.tar{compression}"),
            f"sha256:{archive.digest.hexdigest()}",
        )

    def image(self, layers: Sequence[Layer], architecture: str) -> Descriptor:
        """An image of these layers, lowest first; C{architecture} as Go spells it."""
        configuration = {
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": self._json(configuration, f"{_OCI}.config.v1+json"),
            "layers": [layer.descriptor for layer in layers],
        }
        descriptor = self._json(manifest, f"{_OCI}.manifest.v1+json")
        if any(str(Compression.ZSTD) in layer.descriptor["mediaType"] for layer in layers):
            # Newer skopeo adds this to an index that has not got it, which changes its digest.
            descriptor["annotations"] = {"io.github.containers.compression.zstd": "true"}
        return {**descriptor, "platform": {"architecture": architecture, "os": "linux"}}

    def index(self, images: Iterable[Descriptor]) -> Descriptor:
        """An index of images for several architectures."""
        media_type = f"{_OCI}.index.v1+json"
        index = {"schemaVersion": 2, "mediaType": media_type, "manifests": list(images)}
        return self._json(index, media_type)

    def name(self, descriptor: Descriptor, name: str) -> None:
        """Give an image or index a name in this layout."""
        annotations = {"org.opencontainers.image.ref.name": name}
        self._tagged.append({**descriptor, "annotations": annotations})
        index = {"schemaVersion": 2, "manifests": self._tagged}
        (self.directory / "index.json").write_text(json.dumps(index))

    def _json(self, content: Mapping[str, Any], media_type: str) -> Descriptor:
        temporary = self.directory / "json"
        temporary.write_text(json.dumps(content))
        return self._adopt(temporary, media_type)

    def _adopt(self, file: Path, media_type: str) -> Descriptor:
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        size = file.stat().st_size
        file.replace(self._blobs / digest)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}


class _Hashed(io.RawIOBase):
    """Hashes what is written through it."""

    def __init__(self, target: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self._target = target

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        self._target.write(data)
        return len(data)


def _packed(target: BinaryIO, compression: Compression) -> BinaryIO:
    match compression:
        case Compression.GZIP:
            file = gzip.GzipFile("", "wb", compresslevel=1, fileobj=target, mtime=0)
            return cast(BinaryIO, file)
        case Compression.ZSTD:
            writer = zstandard.ZstdCompressor(level=1).stream_writer(target, closefd=False)
            return cast(BinaryIO, writer)
        case _:
            return cast(BinaryIO, io.BufferedWriter(cast(io.RawIOBase, target)))


def _write_tar(files: Mapping[str, bytes | Path], target: BinaryIO) -> None:
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for directory in sorted({str(Path(name).parent) for name in files} - {"."}):
            member = tarfile.TarInfo(directory)
            member.type, member.mode, member.mtime = tarfile.DIRTYPE, 0o755, MODIFIED
            archive.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.mode, member.mtime = 0o644, MODIFIED
            if isinstance(content, Path):
                member.size = content.stat().st_size
                with content.open("rb") as file:
                    archive.addfile(member, file)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
