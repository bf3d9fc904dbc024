"""Lines of JSON, and the pipes and files that they go to."""

from __future__ import annotations

import json
import os
from io import FileIO
from pathlib import Path
from threading import Thread
from typing import Any, TextIO

from twisted.python.logfile import LogFile
from twisted.trial.unittest import SynchronousTestCase

from httpd.logs.lines import LEVELS, JsonLines, Unbuffered, beginning
from tests.httpd.logs.written import REDACTION, Written, hostile
from tests.properties import given

HUGE = b"x" * (1 << 20) + b"\n"
"""More than a pipe holds."""


def line(**facts: Any) -> dict[str, Any]:
    return beginning(1700000000.25, "info", "a.namespace", "told") | facts


class Broken:
    """What cannot be written to."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def write(self, data: bytes, /) -> None:
        raise self.error


class JsonLinesTests(SynchronousTestCase):
    def test_line(self) -> None:
        written = Written()
        written.json_lines.write(line(status=206))
        self.assertEqual(
            written.text,
            '{"time":"2023-11-14T22:13:20.250Z","level":"info","namespace":"a.namespace",'
            '"message":"told","status":206}\n',
        )

    def test_time(self) -> None:
        """To the millisecond, each time; the same second may come again."""
        for time, text in (
            (0.0, "1970-01-01T00:00:00.000Z"),
            (1700000000.123, "2023-11-14T22:13:20.123Z"),
            (1700000000.9996, "2023-11-14T22:13:20.999Z"),
            (1700000000.9999999, "2023-11-14T22:13:21.000Z"),
            (1700000001.0, "2023-11-14T22:13:21.000Z"),
            (1700000000.5, "2023-11-14T22:13:20.500Z"),
        ):
            self.assertEqual(beginning(time, "info", "-", "")["time"], text)

    def test_levels(self) -> None:
        for number, least in enumerate(LEVELS):
            lines = Written(least).json_lines
            self.assertEqual([name for name in LEVELS if lines.has(name)], [*LEVELS[number:]])

    def test_worker(self) -> None:
        """Every line says which process it is of, where there are several."""
        written = Written(worker=0)
        written.json_lines.write(line())
        written.log.info("an event")
        self.assertEqual([one["worker"] for one in written.lines], [0, 0])

    @given(hostile)
    def test_one_line_in_ascii(self, text: str) -> None:
        written = Written()
        written.json_lines.write(line(text=text))
        self.assertEqual(written.stream.getvalue().count(b"\n"), 1)
        self.assertIsInstance(written.only["text"], str)

    def test_letters_of_other_alphabets_hide_no_secret(self) -> None:
        """
        To a pattern that ignores case the Kelvin sign is a K, and an i may lack its dot; half a
        surrogate pair cannot be in UTF-8.
        """
        for name in ("api_\u212aey", "author\u0131zation"):
            for rest in ("", " \ud800"):
                written = Written()
                written.json_lines.write(line(text=f"{name}=s3cr3t{rest}", number=1 << 70))
                self.assertNotIn("s3cr3t", written.text)

    def test_what_cannot_be_written_stops_nothing(self) -> None:
        for error in (BrokenPipeError(), OSError(28, "full"), ValueError("closed")):
            lines = JsonLines(Broken(error), REDACTION)
            lines.write(line())
            lines.pass_on(b"{}\n")

    def test_log_file(self) -> None:
        """Twisted's log file has each line at once, as bytes."""
        path = Path(self.mktemp()).absolute()
        file = LogFile.fromFullPath(str(path))
        self.addCleanup(file.close)
        JsonLines(file, REDACTION).write(line(n=1))
        self.assertEqual(json.loads(path.read_bytes())["n"], 1)


class UnbufferedTests(SynchronousTestCase):
    def pipe(self) -> tuple[FileIO, TextIO]:
        """What is to be read, and what is written to."""
        reading, writing = os.pipe()
        reader, writer = FileIO(reading), os.fdopen(writing, "w", encoding="ascii")
        self.addCleanup(writer.close)
        self.addCleanup(reader.close)
        return reader, writer

    def test_at_once(self) -> None:
        reader, writer = self.pipe()
        Unbuffered(writer).write(b"a line\n")
        self.assertEqual(reader.read(100), b"a line\n")

    def test_after_what_was_written_before(self) -> None:
        reader, writer = self.pipe()
        writer.write("before\n")
        Unbuffered(writer).write(b"after\n")
        self.assertEqual(reader.read(100), b"before\nafter\n")

    def test_all_of_it(self) -> None:
        """A pipe takes a part at a time; whoever writes waits, even where it need not."""
        for blocking in (True, False):
            reader, writer = self.pipe()
            os.set_blocking(writer.fileno(), blocking)
            stream = Unbuffered(writer)

            def write(stream: Unbuffered = stream, writer: TextIO = writer) -> None:
                stream.write(HUGE)
                stream.write(b"the next\n")
                writer.close()

            thread = Thread(target=write)
            thread.start()
            received = reader.readall()
            thread.join()
            self.assertEqual(received, HUGE + b"the next\n")

    def test_closed(self) -> None:
        """Its descriptor may be somebody else's by then, who gets no line of ours."""
        _, writer = self.pipe()
        others_reader, others_writer = self.pipe()
        stream, descriptor = Unbuffered(writer), writer.fileno()
        stream.write(b"a line\n")
        writer.close()
        os.dup2(others_writer.fileno(), descriptor)
        others_writer.close()
        with self.assertRaises(ValueError):
            stream.write(b"another\n")
        os.close(descriptor)
        self.assertEqual(others_reader.read(100), b"")

    def test_reader_is_gone(self) -> None:
        reader, writer = self.pipe()
        stream = Unbuffered(writer)
        reader.close()
        with self.assertRaises(BrokenPipeError):
            stream.write(b"a line\n")
