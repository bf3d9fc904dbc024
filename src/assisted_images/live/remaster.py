"""
Changing what is in an ISO with pycdlib, without copying what stays.

pycdlib gets a view of the full image (L{VolumeFile}) and writes into a L{Recorder}: what it would
copy from the one to the other becomes segments of the full image.  It sees the volume only; the
system area is L{assisted_images.iso9660.system_area}'s, because pycdlib drops what it does not
know and moves only some of the rest.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, cast

import pycdlib
from pycdlib.dr import DirectoryRecord

from assisted_images.iso9660.errors import IsoError
from assisted_images.iso9660.files import SeekableFile
from assisted_images.iso9660.volume import SYSTEM_AREA_BYTES, Volume
from assisted_images.live.recording import Recorder, merged
from assisted_images.live.view import PieceFile, RepresentationFile, VolumeFile
from assisted_images.values import Extent
from httpd.representation.segments import Representation, Source

# So a file is one piece, however large it is.
_UNLIMITED = 1 << 62

_LENGTH_OF_SELF = 0
_IDENTIFIER = 33
_MODE = 0o100444
_MODIFICATION_DATE = Extent(830, 17)
"""In a volume descriptor (ECMA-119, 8.4.27)."""

_TIMES = ("creation_time", "access_time", "modification_time", "attribute_change_time")


class Remaster:
    """
    The volume of C{file}, about to be changed; paths are Rock Ridge's, such as
    C{/images/nmstate.img}.

    @param hidden: what else pycdlib is to see in place of what is there, by its offset.
    @raise IsoError: pycdlib cannot read it, or not all that would have to change.
    """

    def __init__(
        self, volume: Volume, file: SeekableFile, source: Source, hidden: Mapping[int, bytes]
    ) -> None:
        if volume.has_udf:
            raise IsoError("the image has an UDF file system besides ISO 9660's")
        self._volume, self._original, self._source = volume, file, source
        corrections = {**_corrections(volume), **hidden}
        self._file = VolumeFile(file, source, volume.file_size, corrections)
        self._iso = pycdlib.PyCdlib()
        # Whatever pycdlib stumbles over, of its own errors or Python's: the image is the reason.
        try:
            self._iso.open_fp(cast(Any, self._file))
        except Exception as problem:
            raise IsoError(f"pycdlib cannot read the image: {problem}") from problem
        if not self._iso.has_rock_ridge():
            raise IsoError("no Rock Ridge names in the image; a minimal ISO needs them")

    def remove(self, path: str) -> None:
        """Take the file at C{path} out."""
        self._iso.rm_file(iso_path=self._iso_path(path))

    def replace(self, path: str, content: bytes) -> None:
        """Give the file at C{path} other content."""
        self._iso.update_file_contents_fp(io.BytesIO(content), len(content), rr_path=path)

    def add(self, path: str, iso_name: str, content: Representation) -> None:
        """
        Add a file; its times are its directory's, so that one input gives one output.

        @param iso_name: its ISO 9660 name, 8.3 without the version, as in C{NMSTATE.IMG}.
        """
        directory, _, name = path.rpartition("/")
        self._iso.add_fp(
            cast(Any, PieceFile(content)),
            content.length,
            iso_path=f"{self._iso_path(directory)}/{iso_name};1",
            rr_name=name,
            joliet_path=path if self._iso.has_joliet() else None,
            file_mode=_MODE,
        )
        self._take_times(path, directory)

    def result(self) -> Representation:
        """The new volume; its system area is empty."""
        recorder = Recorder()
        self._file.gives_pieces = True
        self._iso.write_fp(cast(Any, recorder), blocksize=_UNLIMITED)
        return self._with_modification_date(recorder.representation())

    def _iso_path(self, path: str) -> str:
        return str(self._iso.full_path_from_dirrecord(self._iso.get_record(rr_path=path)))

    def _with_modification_date(self, result: Representation) -> Representation:
        """The result with the image's own date in its descriptors: pycdlib writes that of now."""
        first, *_ = self._volume.descriptor_positions
        original = Extent(first + _MODIFICATION_DATE.offset, _MODIFICATION_DATE.length)
        date = Representation.from_bytes(self._volume.read_extent(original))
        volume = Volume(RepresentationFile(result, self._source, self._original))
        for position in volume.descriptor_positions:
            result = result.overlay(position + _MODIFICATION_DATE.offset, date)
        return merged(result)

    def _take_times(self, path: str, directory: str) -> None:
        """Without this the time of now were in it, and two builds of one image would differ."""
        date = cast(DirectoryRecord, self._iso.get_record(rr_path=directory)).date
        added = cast(DirectoryRecord, self._iso.get_record(rr_path=path))
        added.date = date
        if self._iso.has_joliet():
            cast(DirectoryRecord, self._iso.get_record(joliet_path=path)).date = date
        rock_ridge = added.rock_ridge
        for entries in () if rock_ridge is None else (rock_ridge.dr_entries, rock_ridge.ce_entries):
            if entries is not None and entries.tf_record is not None:
                for field in _TIMES:
                    if getattr(entries.tf_record, field) is not None:
                        setattr(entries.tf_record, field, date)


def _corrections(volume: Volume) -> dict[int, bytes]:
    """
    What pycdlib is to see in place of what is there.

    The system area as empty; and C{..} under its own identifier, where xorriso 1.5.6 wrote that of
    C{.}.
    """
    corrections = {0: bytes(SYSTEM_AREA_BYTES)}
    for directory in volume.directories():
        content = volume.read_extent(directory)
        second = content[_LENGTH_OF_SELF]
        record = content[second : second + _IDENTIFIER + 1]
        if len(record) == _IDENTIFIER + 1 and record[_IDENTIFIER - 1 :] == b"\x01\x00":
            corrections[directory.offset + second + _IDENTIFIER] = b"\x01"
    return corrections
