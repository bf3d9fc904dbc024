"""
What the kernel is not asked for in a sandbox: a filter of system calls, seccomp(2).

Whoever may make a user namespace has every capability in it: could mount there, and, being the
host's root to it all the same, end this service by a control group of its own.  The kernel's key
rings know no namespaces: root's are the host's.  With clone3(2) a filter cannot see what is wanted,
so it is not there, and the C library takes clone(2); likewise for x32.
"""

from __future__ import annotations

import errno
import os
import struct
from functools import cache

_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""Instructions of classic BPF, linux/bpf_common.h: C{BPF_LD|BPF_W|BPF_ABS} and so on."""
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Where they are in C{struct seccomp_data}: linux/seccomp.h; of the argument the lower half."""
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
"""C{SECCOMP_RET_ALLOW}, C{SECCOMP_RET_ERRNO}."""
_CLONE_NEWUSER = 0x10000000
_CLONE3 = 435
_X32 = 0x40000000

_CALLS = {
    0xC000003E: ([56, 272], [248, 249, 250]),  # x86_64
    0x40000003: ([120, 310], [286, 287, 288]),  # i386
    0xC00000B7: ([220, 97], [217, 218, 219]),  # aarch64
    0x40000028: ([120, 337], [309, 310, 311]),  # arm
}
"""
For each C{AUDIT_ARCH}: clone and unshare, whose first argument says which namespaces are made, and
add_key, request_key and keyctl.
"""


def seccomp_program() -> bytes:
    """The filter, as bwrap(1) reads it: C{struct sock_filter}, one after the other."""
    program = [(_LOAD, 0, 0, _ARCHITECTURE)]
    for architecture, (makers, key_rings) in _CALLS.items():
        block = _block(makers, key_rings)
        program += [(_JUMP_EQUAL, 0, len(block), architecture), *block]
    program.append((_RETURN, 0, 0, _REFUSE | errno.ENOSYS))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def _block(makers: list[int], key_rings: list[int]) -> list[tuple[int, int, int, int]]:
    """What is done with the calls of one architecture; jumps go forward from behind themselves."""
    absent = [(_RETURN, 0, 0, _REFUSE | errno.ENOSYS)]
    ending = [
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_ANY_BIT, 1, 0, _CLONE_NEWUSER),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE | errno.EPERM),
    ]
    tests = [(_JUMP_EQUAL, number) for number in key_rings]
    refused = len(ending) - 1
    block = [
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_EQUAL, 1, 0, _CLONE3),
        (_JUMP_GREATER_EQUAL, 0, 1, _X32),
        *absent,
    ]
    for place, (jump, number) in enumerate(tests):
        block.append((jump, len(tests) - place - 1 + len(makers) + 1 + refused, 0, number))
    for place, number in enumerate(makers):
        block.append((_JUMP_EQUAL, len(makers) - place - 1 + 1, 0, number))
    return [*block, (_RETURN, 0, 0, _ALLOW), *ending]


@cache
def seccomp_file() -> str:
    """A path that children of this process read the filter from: a file that only memory holds."""
    descriptor = os.memfd_create("seccomp")
    os.write(descriptor, seccomp_program())
    return f"/proc/{os.getpid()}/fd/{descriptor}"
