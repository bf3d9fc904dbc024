"""Lines that a thread writes."""

from __future__ import annotations

import threading

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.log_stream import BackgroundStream


class Stream:
    """Remembers what was written; waits with each write until it may."""

    def __init__(self) -> None:
        self.text = ""
        self.flushed = 0
        self.may_write = threading.Event()
        self.asked = threading.Event()

    def write(self, text: str) -> None:
        self.asked.set()
        self.may_write.wait(10)
        self.text += text

    def flush(self) -> None:
        self.flushed = len(self.text)


class BackgroundStreamTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stream = Stream()
        self.background = BackgroundStream(self.stream)
        self.addCleanup(self.background.close)
        self.addCleanup(self.stream.may_write.set)

    def test_order_and_completeness(self) -> None:
        self.stream.may_write.set()
        lines = [f"line {number}\n" for number in range(1000)]
        for line in lines:
            self.background.write(line)
        self.background.close()
        self.assertEqual(self.stream.text, "".join(lines))
        self.assertEqual(self.stream.flushed, len(self.stream.text))

    def test_a_reader_that_has_stopped_stops_nobody(self) -> None:
        self.background.write("first\n")
        self.assertTrue(self.stream.asked.wait(10))
        for number in range(100_050):
            self.background.write(f"{number}\n")
        self.stream.may_write.set()
        self.background.close()
        self.assertIn("first\n0\n1\n2\n", self.stream.text)
        self.assertIn("50 lines of log were lost", self.stream.text)
        self.assertNotIn("100000\n", self.stream.text)

    def test_after_the_end(self) -> None:
        self.stream.may_write.set()
        self.background.close()
        self.background.write("late\n")
        self.assertEqual((self.stream.text, self.stream.flushed), ("late\n", 5))
