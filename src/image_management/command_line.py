"""C{image-management}: the service in the foreground, and what is done while it does not run."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from tqdm import tqdm

from httpd.command_lines.options import CompletionOptions, completion
from httpd.process.foreground import serve
from httpd.settings.options import Commands, SettingOptions, fail, parameters, the_one
from image_management.records.interchange import COLLECTIONS, file_names
from image_management.settings.options import Options
from image_management.settings.settings import StorePlace, parse_store_place
from image_management.settings.table import STORE_SETTINGS
from image_management.store.cray_files import BadFolder, CollectionFile, read_folder
from image_management.store.database import Database, Fill
from image_management.store.errors import StoreError, StoreRefused
from image_management.store.interchange import Imported, export_files, import_files
from image_management.store.opening import make_database
from image_management.values import VERSION_TEXT

_FAILED = 1


class InterchangeOptions(SettingOptions[StorePlace]):
    """
    A command that reads or writes a folder of Cray's files.

    @cvar command: its name.
    @ivar folder: the one that it is given.
    """

    command: str
    version = VERSION_TEXT
    table = STORE_SETTINGS
    optParameters = parameters(STORE_SETTINGS)
    folder: Path

    def getSynopsis(self) -> str:  # noqa: N802
        """The first line of the help."""
        return f"Usage: image-management {self.command} [options] <directory>"

    def parseArgs(self, *arguments: str) -> None:  # noqa: N802
        """
        Take the directory.

        @raise usage.UsageError: it is missing.
        """
        self.folder = Path(the_one(arguments, "directory"))

    def read(self, texts: Mapping[str, str]) -> StorePlace:
        """
        Read where the records are.

        @raise SettingsError: with everything that is wrong.
        """
        return parse_store_place(texts, self.environment.get("HOME", ""))

    def file_problems(self, found: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
        """None: opening the store tells."""
        return iter(())

    def run(self) -> Iterator[str]:
        """
        Do it.

        @return: the lines of the report.
        @raise BadFolder: the files of the folder cannot be read or written.
        @raise StoreError: the store cannot be used.
        """
        raise NotImplementedError

    @contextmanager
    def database(self, fill: Fill) -> Iterator[Database]:
        """
        The store's database, which nobody else has meanwhile.

        @param fill: what to do with new tables, in the transaction that makes them.
        """
        place = self.settings
        database = make_database(place.ims_data_dir, place.database_url, fill, exclusive=True)
        try:
            database.open()
            yield database
        finally:
            database.close()


class ImportOptions(InterchangeOptions):
    """C{import}."""

    command = "import"
    longdesc = (
        "Reads the JSON files of Cray's service in a directory: records that are not in the store"
        " are added, those that are there become as the files have them, and others stay. All or"
        " nothing. The service has to be stopped. Each option is also a variable of the"
        " environment."
    )
    examples = ("image-management import --ims-data-dir /records /var/lib/cray-ims",)

    def run(self) -> Iterator[str]:
        """Import, and tell what was read, what was left out, and why."""
        files = read_folder(self.folder)
        total = sum(len(file.records) for file in files)
        done: list[Imported] = []
        with tqdm(desc="import", total=total, unit=" records", leave=False, disable=None) as bar:

            def put(connection: Connection) -> None:
                done[:] = import_files(connection, files, bar.update)

            with self.database(put) as database:
                if not done:
                    database.write(put)
        for imported in done:
            yield from _imported_lines(imported)
        yield from _missing_lines(files)
        yield f"imported: {total} records from {self.folder}"


class ExportOptions(InterchangeOptions):
    """C{export}."""

    command = "export"
    longdesc = (
        "Writes all records into the JSON files of Cray's service in a directory, in place of those"
        " that are there. The service has to be stopped. Each option is also a variable of the"
        " environment."
    )
    examples = ("image-management export --ims-data-dir /records /var/lib/cray-ims",)

    def run(self) -> Iterator[str]:
        """Export, and tell what was written."""
        with self.database(_refuse_new) as database:
            files, busy = database.read(export_files, self.folder)
        for file in files:
            yield f"{file.path.name}: {len(file.records)} records"
        for kind, id in busy:
            yield (
                f"unfinished: {kind} {id} is being moved or deleted, and was written as it is now;"
                " the service brings that to its end"
            )
        yield f"exported: {sum(len(file.records) for file in files)} records to {self.folder}"


class ShellOptions(CompletionOptions):
    """C{completion}."""

    program = "image-management"
    version = VERSION_TEXT

    def run(self) -> Iterator[str]:
        """The lines of the script."""
        return iter(completion(CommandLine, self.shell).splitlines())


class CommandLine(Commands):
    """What to do."""

    program = "image-management"
    meaning = "records of HPC images, their artifacts in S3"
    operands = "<directory>"
    version = VERSION_TEXT

    subCommands = [  # noqa: N815, RUF012
        ["serve", None, Options, "run the service in the foreground"],
        ["import", None, ImportOptions, "read the JSON files of Cray's service into the store"],
        ["export", None, ExportOptions, "write the store into the JSON files of Cray's service"],
        ["completion", None, ShellOptions, "print what completes command lines in a shell"],
    ]
    longdesc = (
        "Each command has its own --help. In the background the service is run by: twistd"
        " image-management"
    )
    examples = (
        "image-management serve --listen-port 9000",
        "image-management import --ims-data-dir /records /var/lib/cray-ims",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run a command and end the process: with 0, with 1 when it has failed, with 2 when it was not
    understood.
    """
    given = sys.argv[1:] if arguments is None else [*arguments]
    if given[:1] == ["serve"]:
        serve(CommandLine.program, given[1:])
        return
    command: InterchangeOptions | ShellOptions = CommandLine.chosen(given)
    try:
        for line in command.run():
            sys.stdout.write(f"{line}\n")
    except (BadFolder, StoreError) as error:
        fail(CommandLine.program, _FAILED, f"{error}\nnothing was changed")


def _refuse_new(_connection: Connection) -> None:
    """
    A database without anything is not made: then the service would not take Cray's files over.

    @raise StoreRefused: always.
    """
    raise StoreRefused("there is no store yet; it is made when the service starts, or by import")


def _imported_lines(imported: Imported) -> Iterator[str]:
    """What was read of a file, and what was not."""
    file = imported.file
    yield (
        f"{file.path.name}: {len(file.records)} records: {imported.added} added,"
        f" {imported.replaced} replaced, {imported.unchanged} unchanged"
    )
    for name in file.older:
        yield f"{name}: skipped: {file.path.name} is newer"
    for member, count in file.unknown.items():
        yield f"{file.path.name}: left out: {member}, which is unknown, of {count} records"


def _missing_lines(files: Iterable[CollectionFile]) -> Iterator[str]:
    """Collections that the folder has nothing of."""
    there = {(file.kind, file.deleted) for file in files}
    for kind, deleted in COLLECTIONS:
        if (kind, deleted) not in there:
            yield f"{file_names(kind, deleted=deleted)[0]}: skipped: it is not there"
