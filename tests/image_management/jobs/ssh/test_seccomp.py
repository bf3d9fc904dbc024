"""The filter of system calls, as the kernel would run it."""

from __future__ import annotations

import errno
import struct

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from image_management.jobs.ssh.seccomp import seccomp_program
from tests.properties import given

ALLOWED = 0x7FFF0000
NO_PERMISSION = 0x00050000 | errno.EPERM
NOT_THERE = 0x00050000 | errno.ENOSYS
X86_64, I386, AARCH64, ARM = 0xC000003E, 0x40000003, 0xC00000B7, 0x40000028
NEW_USER, NEW_MOUNTS = 0x10000000, 0x00020000

FORBIDDEN = {
    X86_64: {248, 249, 250},
    I386: {286, 287, 288},
    AARCH64: {217, 218, 219},
    ARM: {309, 310, 311},
}
MAKERS = {X86_64: {56, 272}, I386: {120, 310}, AARCH64: {220, 97}, ARM: {120, 337}}


def decided(architecture: int, number: int, argument: int = 0) -> int:
    """What the filter returns: the part of classic BPF that it uses, linux/filter.h."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, argument, 0, 0, 0, 0, 0)
    program = list(struct.iter_unpack("HBBI", seccomp_program()))
    accumulator, place = 0, 0
    while True:
        code, if_true, if_false, constant = program[place]
        place += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, constant)
        elif code == 0x06:
            return int(constant)
        else:
            tests = {
                0x15: accumulator == constant,
                0x35: accumulator >= constant,
                0x45: bool(accumulator & constant),
            }
            place += if_true if tests[code] else if_false


class Seccomp(SynchronousTestCase):
    def test_namespaces_of_users(self) -> None:
        for architecture, numbers in MAKERS.items():
            for number in numbers:
                self.assertEqual(decided(architecture, number, NEW_USER), NO_PERMISSION)
                self.assertEqual(decided(architecture, number, NEW_USER | 17), NO_PERMISSION)
                self.assertEqual(decided(architecture, number, NEW_MOUNTS | 17), ALLOWED)
            self.assertEqual(decided(architecture, 435, 0), NOT_THERE)

    def test_key_rings(self) -> None:
        for architecture, numbers in FORBIDDEN.items():
            for number in numbers:
                self.assertEqual(decided(architecture, number), NO_PERMISSION)

    def test_other_ways_to_call(self) -> None:
        self.assertEqual(decided(X86_64, 0x40000000 | 272, NEW_USER), NOT_THERE)
        self.assertEqual(decided(0xC0000015, 1), NOT_THERE)

    @given(st.sampled_from([*MAKERS]), st.integers(0, 600), st.integers(0, 2**32 - 1))
    def test_everything_else(self, architecture: int, number: int, argument: int) -> None:
        if number != 435 and number not in MAKERS[architecture] | FORBIDDEN[architecture]:
            self.assertEqual(decided(architecture, number, argument), ALLOWED)
