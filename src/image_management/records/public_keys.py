"""SSH public keys, as they stand in C{authorized_keys}: sshd(8), "AUTHORIZED_KEYS FILE FORMAT"."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
"""What a key's line begins with."""

_EXPECTED = "expected lines such as: ssh-ed25519 AAAAC3Nza... comment"


class BadPublicKey(ValueError):
    """A text that is no public keys; what is said of it quotes nothing of it."""


def check_public_keys(text: str) -> None:
    """
    See that a text is one public key or several, one a line.  Each may have a comment behind it;
    lines that are empty, or begin with C{#}, do not count.

    @raise BadPublicKey: it is not, or a key has options before it, such as C{command=}.
    """
    if "PRIVATE KEY-----" in text:
        raise BadPublicKey("this is a private key; expected the public half of it, alone")
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1)]
    keys = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not keys:
        raise BadPublicKey(f"there is no SSH public key in it; {_EXPECTED}")
    for number, line in keys:
        _check_key(number, line)


def _check_key(number: int, line: str) -> None:
    first, *rest = line.split(None)
    if first not in KEY_TYPES:
        if set(rest) & set(KEY_TYPES):
            raise BadPublicKey(f"line {number}: options before a key are refused; {_EXPECTED}")
        raise BadPublicKey(
            f"line {number} does not begin with a type of SSH keys: {', '.join(KEY_TYPES)}"
        )
    try:
        load_ssh_public_key(f"{first} {rest[0] if rest else ''}".encode())
    except (ValueError, UnsupportedAlgorithm):
        raise BadPublicKey(f"line {number} is no SSH public key; {_EXPECTED}") from None
