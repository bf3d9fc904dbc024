"""What tests of records send, and values that Hypothesis makes of them."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import strategies as st

from image_management.records.kinds import Kind

CREATED = "2026-11-27T07:33:00+00:00"
ID = "9b4ee0ab-0d4e-4d0b-8f7d-6f0f1c1d1e1f"
OTHER_ID = "4dd4d068-f30a-4ef2-8d72-8b401b2e60c6"


def _line(key: ed25519.Ed25519PublicKey | rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


ED25519 = _line(ed25519.Ed25519PrivateKey.generate().public_key())
KEYS = (
    ED25519,
    _line(rsa.generate_private_key(65537, 2048).public_key()),
    *(
        _line(ec.generate_private_key(curve).public_key())
        for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())
    ),
    # A security key's: its type, an Ed25519 key, and what it is for, "ssh:".
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIEQ5fcITJ5hElBYfF3THVr"
    "72pEdxVsTffvFRNlwQEruPAAAABHNzaDo=",
)
"""A public key of each type."""

SENT: dict[Kind, dict[str, Any]] = {
    Kind.PUBLIC_KEY: {"name": "me", "public_key": f"{ED25519} me@example.com\n"},
    Kind.RECIPE: {"name": "r", "recipe_type": "kiwi-ng", "linux_distribution": "sles15"},
    Kind.IMAGE: {"name": "i"},
    Kind.JOB: {
        "job_type": "create",
        "artifact_id": ID,
        "public_key_id": OTHER_ID,
        "image_root_archive_name": "mine",
    },
    Kind.REMOTE_BUILD_NODE: {"xname": "x3000c0s19b0n0"},
}
"""The least of each kind."""

LINK = {"path": "s3://ims/recipes/a.tgz", "etag": "abc", "type": "s3"}

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
names = texts.filter(bool)
links = st.fixed_dictionaries(
    {
        "path": st.builds(
            "s3://{}/{}".format,
            st.from_regex(r"[a-z0-9][a-z0-9.-]{2,20}", fullmatch=True),
            st.from_regex(r"[A-Za-z0-9 _~+%=-]{1,20}(/[A-Za-z0-9é?#&]{1,9}){0,3}", fullmatch=True),
        ),
        "type": st.just("s3"),
    },
    optional={"etag": texts},
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
words = st.sampled_from(["true", "False", "YES", "no", "1", "0", "on", True, False, 1, 0])
sizes = st.integers(1, 1_000_000)
architectures = st.sampled_from(["x86_64", "aarch64"])

good: dict[Kind, st.SearchStrategy[dict[str, Any]]] = {
    Kind.PUBLIC_KEY: st.fixed_dictionaries(
        {"name": names, "public_key": st.sampled_from([*KEYS, "\n".join(KEYS)])}
    ),
    Kind.RECIPE: st.fixed_dictionaries(
        {
            "name": names,
            "recipe_type": st.sampled_from(["kiwi-ng", "packer"]),
            "linux_distribution": st.from_regex(r"[a-z0-9.-]{1,64}", fullmatch=True),
        },
        optional={
            "link": st.none() | links,
            "template_dictionary": st.none()
            | st.dictionaries(names, texts)
            | st.lists(st.fixed_dictionaries({"key": names, "value": texts})),
            "require_dkms": words,
            "arch": architectures,
        },
    ),
    Kind.IMAGE: st.fixed_dictionaries(
        {"name": names},
        optional={
            "link": st.none() | links,
            "arch": architectures,
            "metadata": st.dictionaries(texts, texts),
        },
    ),
    Kind.JOB: st.fixed_dictionaries(
        {
            "job_type": st.sampled_from(["create", "customize"]),
            "artifact_id": st.uuids().map(str),
            "public_key_id": st.uuids().map(str),
            "image_root_archive_name": st.from_regex(
                r"[A-Za-z0-9_][A-Za-z0-9_.-]*", fullmatch=True
            ),
        },
        optional={
            "enable_debug": words,
            "build_env_size": sizes | sizes.map(str),
            "job_mem_size": sizes | sizes.map(str),
            "kernel_file_name": st.sampled_from(["", "vmlinuz", "Image"]),
            "initrd_file_name": st.just("initrd.xz"),
            "require_dkms": words,
            "ssh_containers": st.none()
            | st.lists(
                st.fixed_dictionaries({"name": names}, optional={"jail": words}), max_size=2
            ),
        },
    ),
    Kind.REMOTE_BUILD_NODE: st.fixed_dictionaries(
        {"xname": st.from_regex(r"x[0-9]{4}c[0-7]s[0-9]b0n0", fullmatch=True)}
    ),
}
"""What may be sent, of each kind."""
