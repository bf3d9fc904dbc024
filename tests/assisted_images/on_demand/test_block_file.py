"""What a file of blocks claims is there, whoever is killed at it and whoever shares it."""

from __future__ import annotations

import errno
import random
import sys
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from assisted_images.on_demand import block_file
from assisted_images.on_demand.block_file import ABSENT, DURABLE, GOING, WRITTEN, BlockFile
from assisted_images.on_demand.block_places import BLOCK
from demo.service import ROOT
from tests.assisted_images.on_demand import sharing_process
from tests.assisted_images.on_demand.sharing_process import (
    DIGEST,
    content,
    found,
    image_size,
    open_blocks,
)
from tests.running import base_environment

_BLOCKS = 6


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()

    def open(self, digest: bytes = DIGEST, blocks: int = _BLOCKS) -> BlockFile:
        return BlockFile.open(self.path, image_size(blocks), digest)

    def filled(self, *blocks: int, state: int = WRITTEN) -> BlockFile:
        file = self.open()
        for block in blocks:
            file.write(block, content(file, block))
            file.mark(block, block + 1, state)
        return file


class BlockFileTests(_Case):
    def test_a_new_one_has_no_block(self) -> None:
        file = self.open()
        self.assertTrue(file.is_new)
        self.assertEqual(file.states(0, file.count), bytes(_BLOCKS))

    def test_what_is_there_is_there_when_it_is_opened_again(self) -> None:
        self.filled(1, 5)
        file = self.open()
        self.assertFalse(file.is_new)
        self.assertEqual(file.states(0, _BLOCKS), bytes([0, 1, 0, 0, 0, 1]))
        for block in (1, 5):
            self.assertEqual(found(file, block), content(file, block))

    def test_a_block_of_another_length_is_not_written(self) -> None:
        file = self.open()
        self.assertRaises(ValueError, file.write, 0, bytes(BLOCK - 1))
        self.assertRaises(ValueError, file.write, _BLOCKS - 1, bytes(BLOCK))
        self.assertEqual(found(file, 0), bytes(BLOCK))

    def test_another_content_begins_anew_and_leaves_the_old_to_who_reads_it(self) -> None:
        old = self.filled(1)
        new = self.open(digest=b"x" * 32)
        self.assertTrue(new.is_new)
        self.assertEqual(new.states(0, _BLOCKS), bytes(_BLOCKS))
        self.assertEqual(old.states(1, 2), bytes([WRITTEN]))

    def test_another_size_begins_anew(self) -> None:
        self.filled(1)
        self.assertTrue(self.open(blocks=_BLOCKS + 1).is_new)

    def test_nonsense_begins_anew(self) -> None:
        self.path.write_bytes(b"nonsense")
        self.assertTrue(self.open().is_new)
        self.path.write_bytes(bytes(self.path.stat().st_size))
        self.assertTrue(self.open().is_new)

    def test_after_a_start_of_the_machine_only_what_was_durable_is_there(self) -> None:
        self.filled(1, 2)
        self.filled(4, state=DURABLE)
        boot_id = self.mktemp()
        Path(boot_id).write_text("0" * 32)
        self.patch(block_file, "_BOOT_ID", Path(boot_id))
        file = self.open()
        self.assertEqual(file.states(0, _BLOCKS), bytes([0, 0, 0, 0, DURABLE, 0]))
        self.assertEqual(found(file, 1), bytes(BLOCK))
        self.assertEqual(found(file, 4), content(file, 4))

    def test_what_was_half_written_takes_no_room_when_it_is_opened_again(self) -> None:
        file = self.open()
        file.write(3, content(file, 3))
        file.sync()
        before = self.path.stat().st_blocks * 512
        again = self.open()
        self.assertLess(self.path.stat().st_blocks * 512, before - BLOCK // 2)
        self.assertEqual(found(again, 3), bytes(BLOCK))

    def test_what_was_going_has_gone_when_it_is_opened_again(self) -> None:
        file = self.filled(1, 3)
        file.sync()
        file.mark(3, 4, GOING)
        before = self.path.stat().st_blocks * 512
        again = self.open()
        self.assertEqual(again.taking_room(), 1)
        self.assertLess(self.path.stat().st_blocks * 512, before - BLOCK // 2)

    def test_what_another_is_writing_is_left_to_it(self) -> None:
        file = self.open()
        self.assertTrue(file.lock(3, 4, to_change=True))
        file.write(3, content(file, 3))
        self.open()
        file.mark(3, 4, WRITTEN)
        self.assertEqual(found(file, 3), content(file, 3))

    def test_who_may_not_begin_it(self) -> None:
        """Has it as it is, or not at all."""
        with self.assertRaises(FileNotFoundError):
            BlockFile.open(self.path, image_size(_BLOCKS), DIGEST, begin=False)
        file = self.filled(1)
        again = BlockFile.open(self.path, image_size(_BLOCKS), DIGEST, begin=False)
        self.assertEqual(again.states(0, 3), file.states(0, 3))
        with self.assertRaises(OSError) as caught:
            BlockFile.open(self.path, image_size(_BLOCKS), b"x" * 32, begin=False)
        self.assertEqual(caught.exception.errno, errno.ESTALE)
        self.assertFalse(self.open().is_new)

    def test_locks(self) -> None:
        one, other = self.open(), self.open()
        self.assertTrue(one.lock(0, 3))
        self.assertTrue(other.lock(2, 3))
        self.assertFalse(other.lock(1, 2, to_change=True))
        self.assertTrue(other.lock(3, 4, to_change=True))
        self.assertFalse(one.lock(3, 4))
        one.unlock(0, 2)
        self.assertTrue(other.lock(1, 2, to_change=True))
        del one
        self.assertTrue(other.lock(2, 3, to_change=True))

    def test_what_is_punched_takes_no_room(self) -> None:
        file = self.filled(0, 1, 2)
        file.sync()
        before = self.path.stat().st_blocks * 512
        file.mark(1, 2, GOING)
        self.assertEqual(file.states(0, 3), bytes([WRITTEN, ABSENT, WRITTEN]))
        self.assertEqual(file.taking_room(), 3)
        file.punch([(1, 2)])
        self.assertEqual(file.taking_room(), 2)
        file.sync()
        self.assertEqual(before - self.path.stat().st_blocks * 512, BLOCK)
        self.assertEqual(found(file, 0), content(file, 0))
        self.assertEqual(found(file, 2), content(file, 2))

    def test_uses(self) -> None:
        file = self.open()
        file.note_use(1, 3)
        file.note_use(2, 3)
        first, second = file.uses()[1:3]
        self.assertEqual(file.uses()[0], 0)
        self.assertGreater(second, first)


class PublishTests(_Case):
    def setUp(self) -> None:
        super().setUp()
        self.target = Path(self.mktemp())
        self.file = self.filled(*range(_BLOCKS))
        self.file.seal(sealed=True)

    def test_it_has_the_image_and_nothing_else(self) -> None:
        self.assertTrue(self.file.publish(self.target, 86400.0))
        whole = b"".join(content(self.file, block) for block in range(_BLOCKS))
        self.assertEqual(self.target.read_bytes(), whole)
        self.assertEqual(self.target.stat().st_mtime, 86400.0)
        self.assertFalse(self.path.exists())

    def test_nothing_is_written_into_it_any_more(self) -> None:
        self.file.publish(self.target, None)
        self.file.note_use(0, 2)
        self.file.mark(0, 1, ABSENT)
        self.assertEqual(self.file.states(0, _BLOCKS), bytes([DURABLE]) * _BLOCKS)
        self.assertEqual(self.target.stat().st_size, self.file.size)

    def test_not_while_another_has_it_open(self) -> None:
        other = self.open()
        self.assertFalse(self.file.publish(self.target, None))
        self.assertTrue(self.path.exists())
        del other
        self.assertTrue(self.file.publish(self.target, None))

    def test_while_others_have_sealed_it(self) -> None:
        """They read on, and publish it no more; what they say of blocks is not written."""
        other, third = self.open(), self.open()
        other.seal(sealed=True)
        self.assertFalse(self.file.publish(self.target, None))
        third.seal(sealed=True)
        self.assertTrue(self.file.publish(self.target, None))
        inode = self.target.stat().st_ino
        for file in (other, third):
            file.seal(sealed=False)
            file.note_use(0, 2)
            self.assertEqual(file.states(1, _BLOCKS), bytes([DURABLE]) * (_BLOCKS - 1))
            self.assertFalse(file.lock(0, 1, to_change=True))
            self.assertTrue(file.publish(self.target, None))
            del self.file  # as if its process were gone
            self.file = other
        self.assertEqual(self.target.stat().st_size, self.file.size)
        self.assertEqual(self.target.stat().st_ino, inode)

    def test_sealed_and_open_again(self) -> None:
        """Nobody publishes what is written into again."""
        other = self.open()
        other.seal(sealed=True)
        other.seal(sealed=False)
        self.assertFalse(self.file.publish(self.target, None))
        self.assertTrue(other.lock(0, 1, to_change=True))

    def test_not_while_a_block_is_absent(self) -> None:
        self.file.seal(sealed=False)
        self.file.mark(2, 3, ABSENT)
        self.file.seal(sealed=True)
        self.assertFalse(self.file.publish(self.target, None))
        self.file.seal(sealed=False)
        self.file.mark(2, 3, WRITTEN)
        self.assertTrue(self.file.publish(self.target, None))

    def test_who_opens_it_then_begins_anew(self) -> None:
        self.file.publish(self.target, None)
        self.assertTrue(self.open().is_new)


class SharedTests(TestCase):
    """Several processes at one file."""

    timeout = 300

    def process(self, path: Path, seed: int, most: int) -> Popen[str]:
        command = [sys.executable, "-m", sharing_process.__name__]
        arguments = [str(path), str(seed), str(_BLOCKS * 4), str(most)]
        process = Popen(
            command + arguments, stdout=PIPE, text=True, cwd=ROOT, env=base_environment()
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        assert process.stdout is not None
        self.addCleanup(process.stdout.close)
        self.assertEqual(process.stdout.readline(), "begun\n")
        return process

    def check(self, path: Path, ended: Popen[str]) -> int:
        """The rest of what a process said; and each block that is claimed; how many there are."""
        assert ended.stdout is not None
        self.assertEqual(ended.stdout.read(), "")
        held = open_blocks(path, _BLOCKS * 4)
        file, count = held.file, 0
        for block in range(file.count):
            if (pin := held.pin(block, 1)) is not None:
                count += 1
                self.assertEqual(found(file, block), content(file, block), f"block {block}")
                del pin
        return count

    async def test_killed_at_random_moments(self) -> None:
        path, chance = Path(self.mktemp()).absolute(), random.Random(16)
        counts = []
        for seed in range(12):
            process = self.process(path, seed, 12)
            await deferToThread(_stay, process, chance.uniform(0, 0.15))
            process.kill()
            process.wait()
            counts.append(self.check(path, process))
        self.assertGreater(max(counts), 0)

    async def test_two_that_share_and_evict(self) -> None:
        path = Path(self.mktemp()).absolute()
        processes = [self.process(path, seed, 8) for seed in range(3)]
        for process in processes:
            await deferToThread(_stay, process, 1.0)
        for process in processes:
            process.kill()
            process.wait()
        counts = [self.check(path, process) for process in processes]
        # And nothing takes room that is not claimed.
        behind = path.stat().st_size - image_size(_BLOCKS * 4)
        room = path.stat().st_blocks * 512
        self.assertLessEqual(room, counts[0] * BLOCK + behind + BLOCK // 4)


def _stay(process: Popen[str], seconds: float) -> None:
    """Let a process be at it for so long; how far it gets is no matter."""
    try:
        process.wait(seconds)
    except TimeoutExpired:
        return
    raise AssertionError("it has ended by itself")
