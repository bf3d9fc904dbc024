"""
What the table of routes offers, told to the people who use it.

What is the same for several versions and kinds is said once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from image_management.records.kinds import LINKED, SOFT_DELETED, Kind
from image_management.routes.operation import Operation, many, one

NAMES: Mapping[Kind, str] = {
    Kind.PUBLIC_KEY: "PublicKey",
    Kind.RECIPE: "Recipe",
    Kind.IMAGE: "Image",
    Kind.JOB: "Job",
    Kind.REMOTE_BUILD_NODE: "RemoteBuildNode",
}
"""What the schemas of records are called."""

SERVICE = "service"
"""The tag of what tells of the service itself; the others are the kinds of records."""

_SENT = (413, 415, 422)
"""What may be wrong with what is sent."""

_BUSY = "While a record is being moved, other writes to it are refused (409, Retry-After)."
_MOVES = (
    " It answers at the end, and goes on when the client leaves. What was not as it should be, and"
    f" did not matter, is in the field Warning. {_BUSY}"
)
_EACH = (
    " Each record for itself: what is done stays done, and the errors of a problem have a text for"
    " the id of each that stays as it was."
)
_GONE = " Its artifacts are deleted before it, unless cascade says otherwise."
_LINK = {
    Kind.RECIPE: " The object that a link names has to be there.",
    Kind.IMAGE: (
        " The manifest that a link names and the artifacts that it lists have to be there, and one"
        " of them is a root file system."
    ),
}
"""What is looked at before a link is set."""


def operations() -> Iterator[Operation]:
    """All but C{OPTIONS}, and C{HEAD}, which is wherever C{GET} is."""
    for base in ("", "/v2", "/v3"):
        for kind in sorted(SOFT_DELETED):
            yield from _records(base, kind)
            yield from _deletions(base, kind)
        yield from _jobs(f"{base}/{Kind.JOB}")
    for kind in sorted(SOFT_DELETED):
        yield from _deleted(kind)
    yield from _nodes(f"/v3/{Kind.REMOTE_BUILD_NODE}")
    yield _artifact()
    yield from _service()


def _reading(path: str, kind: Kind, item: str, deleted: str = "") -> Iterator[Operation]:
    """
    A collection, and one of it.

    @param deleted: C{deleted}, where it is of what was deleted.
    """
    schema = f"{deleted.capitalize()}{NAMES[kind]}"
    yield Operation(
        *("GET", path, kind, f"List {_several(kind, deleted)}"),
        "In order of creation. All of them, unless the query says which values members have, or"
        " which part of the list is meant.",
        parameters=("limit", "after"),
        filtered=kind,
        content=many(schema),
    )
    yield Operation(
        *("GET", f"{path}/:{item}", kind, f"Get {_single(kind, deleted)}"),
        content=one(schema),
        others=(404,),
    )


def _records(base: str, kind: Kind) -> Iterator[Operation]:
    """Public keys, recipes and images: how they are read, made and changed."""
    path, schema = f"{base}/{kind}", NAMES[kind]
    yield from _reading(path, kind, "id")
    yield Operation(
        *("POST", path, kind, f"Make {_single(kind)}"),
        f"The answer is the whole record.{_LINK.get(kind, '')}",
        body=f"{schema}Input",
        status=201,
        content=one(schema),
        others=(*_SENT, 502) if kind in LINKED else _SENT,
    )
    if kind in LINKED:
        yield Operation(
            *("PATCH", f"{path}/:id", kind, f"Change {_single(kind)}"),
            "All or nothing. A link is set once: the same again changes nothing, another is refused"
            f" (409).{_LINK[kind]} {_BUSY}",
            body=f"{schema}Patch",
            content=one(schema),
            others=(404, 409, *_SENT, 502),
        )


def _deletions(base: str, kind: Kind) -> Iterator[Operation]:
    """How they are deleted: for good, or in C{/v3} so that they can be brought back."""
    if base == "/v3":
        what = f"It goes to /v3/deleted/{kind}, and can be brought back."
        objects = (
            " Its artifacts move below deleted/ in their buckets; where that would overwrite"
            " something, nothing is changed (409)."
        )
    else:
        what, objects = "It is gone for good.", _GONE
    yield from _each(
        Operation(
            *("DELETE", f"{base}/{kind}", kind, "Delete {}"),
            what + (objects + _MOVES if kind in LINKED else ""),
            parameters=() if base == "/v3" else _cascade(kind),
        )
    )


def _deleted(kind: Kind) -> Iterator[Operation]:
    """What was deleted in C{/v3}."""
    path = f"/v3/deleted/{kind}"
    yield from _reading(path, kind, "id", "deleted")
    objects = (
        " Its artifacts move back; where one is gone (422), or would overwrite something (409),"
        f" nothing is changed.{_MOVES}"
    )
    yield from _each(
        Operation(
            *("PATCH", path, kind, "Bring {} back"),
            "It is as it was before it was deleted, with its id and in its place."
            + (objects if kind in LINKED else ""),
            body="Undelete",
        )
    )
    yield from _each(
        Operation(
            *("DELETE", path, kind, "Delete {} for good"),
            f"It is gone.{_GONE + _MOVES if kind in LINKED else ''}",
            parameters=_cascade(kind),
        )
    )


def _each(of_all: Operation) -> Iterator[Operation]:
    """
    What is done to one record, or to each of a collection.

    @param of_all: to each, but for what is the same for all of these; its summary has a place for
        what it is done to.
    """
    kind = Kind(of_all.tag)
    deleted = "deleted" if "/deleted/" in of_all.path else ""
    s3 = (502,) if kind in LINKED else ()
    others = (409, *(_SENT if of_all.body else ()), *s3)
    fields = ("Warning",) if kind in LINKED else ()
    yield replace(
        of_all,
        summary=of_all.summary.format(f"all {_several(kind, deleted)}"),
        description=of_all.description + _EACH,
        status=204,
        fields=fields,
        others=others,
    )
    yield replace(
        of_all,
        path=f"{of_all.path}/:id",
        summary=of_all.summary.format(_single(kind, deleted)),
        status=204,
        fields=fields,
        others=(404, *others),
    )


def _cascade(kind: Kind) -> tuple[str, ...]:
    """The parameter that keeps artifacts, where there are any."""
    return ("cascade",) if kind in LINKED else ()


def _jobs(path: str) -> Iterator[Operation]:
    kind = Kind.JOB
    yield from _reading(path, kind, "id")
    yield Operation(
        *("POST", path, kind, "Start a job"),
        "What it works on, and the key, are looked at first. Where no job backend is configured it"
        " ends with that (503), and nothing is changed.",
        body="JobInput",
        status=201,
        content=one("Job"),
        others=(*_SENT, 502),
    )
    yield Operation(
        *("PATCH", f"{path}/:id", kind, "Say how far a job is"),
        "What the job's own containers report; or that its user has finished, or gives it up, while"
        " it is waiting_on_user (otherwise 409).",
        body="JobPatch",
        content=one("Job"),
        others=(404, 409, *_SENT, 502),
    )
    yield Operation(
        *("DELETE", f"{path}/:id", kind, "Delete a job"),
        "It is ended, and nothing is left of it; where something is, its record stays (502).",
        status=204,
        others=(404, 502),
    )
    yield Operation(
        *("DELETE", path, kind, "Delete jobs"),
        "Those of which all holds that the query says; where it says nothing, all. A parameter that"
        " is not known is refused (400). Of those that stay the errors tell (502).",
        parameters=("status", "job_type", "age"),
        status=204,
        others=(502,),
    )
    if path.startswith("/v3/"):
        yield Operation(
            *("GET", f"{path}/:id/log", kind, "Get the log of a job"),
            "What all its stages have said, each after a line with its name and time.",
            parameters=("follow", "tail"),
            content={"text/plain": {"type": "string"}},
            others=(404,),
        )


def _nodes(path: str) -> Iterator[Operation]:
    kind, status = Kind.REMOTE_BUILD_NODE, "RemoteBuildNodeStatus"
    yield from _reading(path, kind, "xname")
    yield Operation(
        *("POST", path, kind, "Add a remote build node"),
        "To add one again is fine.",
        body="RemoteBuildNodeInput",
        status=201,
        content=one("RemoteBuildNode"),
        others=_SENT,
    )
    forget = "Forget a remote build node"
    yield Operation("DELETE", f"{path}/:xname", kind, forget, status=204, others=(404,))
    yield Operation("DELETE", path, kind, "Forget all remote build nodes", status=204)
    how = (
        "By SSH, as root. What a node has said within the last 5 s is said again; one that does not"
        " answer has 15 s."
    )
    yield Operation(
        *("GET", f"{path}/status", kind, "Ask all remote build nodes how they are"),
        f"{how} Nodes are asked side by side, 20 at a time.",
        content=many(status),
    )
    yield Operation(
        *("GET", f"{path}/status/:xname", kind, "Ask a remote build node how it is"),
        how,
        content=one(status),
        others=(404,),
    )


def _artifact() -> Operation:
    return Operation(
        *("GET", "/v3/images/:id/artifacts/:name", Kind.IMAGE, "Download an artifact of an image"),
        "What a machine boots of, streamed out of S3: it needs no credentials there. When S3 fails"
        " after the first byte, the connection is cut.",
        parameters=("Range", "If-Range", "If-Match", "If-None-Match"),
        content={"application/octet-stream": {}},
        fields=("Accept-Ranges", "ETag"),
        others=(206, 304, 404, 412, 416, 502),
    )


def _service() -> Iterator[Operation]:
    """What tells of the service itself."""
    for path, summary, content in (
        ("/version", "Which release this is", one("Version")),
        ("/healthz/live", "Whether the process runs", one("Live")),
        ("/healthz/ready", "Whether the service can work", one("Ready")),
        ("/status", "How the service is, for people", one("Status")),
        ("/metrics", "Counts and times, for Prometheus", {"text/plain": {"type": "string"}}),
        ("/openapi.json", "This document", one("OpenApi")),
    ):
        yield Operation("GET", path, SERVICE, summary, content=content, open=True)


def _single(kind: Kind, deleted: str = "") -> str:
    """The noun with its article."""
    noun = f"{deleted} {kind.noun}".strip()
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _several(kind: Kind, deleted: str = "") -> str:
    return f"{deleted} {kind.noun}s".strip()
