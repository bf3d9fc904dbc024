"""What clients are told of errors: which status each has, and what goes with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from httpd.web.problems import Problem
from image_management.records.schemas import InvalidInput
from image_management.s3.errors import S3Error
from image_management.store.errors import (
    Busy,
    LinkInUse,
    NotFound,
    StoreUnavailable,
    UnknownPlace,
)

_RETRY = {"Retry-After": "5"}

_PROBLEMS: Mapping[type[Exception], Callable[..., Problem]] = {
    Problem: lambda problem: problem,
    NotFound: lambda error: Problem(404, str(error)),
    InvalidInput: lambda error: Problem(422, "the input is not valid", errors=error.errors),
    LinkInUse: lambda error: Problem(422, str(error), errors={"link": [str(error)]}),
    Busy: lambda error: Problem(409, str(error), _RETRY),
    UnknownPlace: lambda error: Problem(400, f"invalid value for parameter 'after': {error}"),
    StoreUnavailable: lambda error: Problem(503, f"the store is away: {error}", _RETRY),
    S3Error: lambda error: Problem(502, f"S3: {error}"),
}


def problem_of(error: Exception) -> Problem | None:
    """The problem that tells a client of C{error}; C{None}: it is our own fault."""
    for kind, problem in _PROBLEMS.items():
        if isinstance(error, kind):
            return problem(error)
    return None
