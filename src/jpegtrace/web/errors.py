"""Answers that are errors: a status of HTTP, a kind and a sentence, the same shape for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from jpegtrace.errors import InputError, LimitExceeded, UnknownFormat, UnsupportedFormat
from jpegtrace.report import Failure


class ApiError(Exception):
    """An answer that is an error.

    Attributes:
        status: of HTTP.
        kind: for programs.
        message: for people: what is wrong, and what to do about it where that is known.
        offset: byte of the picture where it was noticed, if there is one.
        headers: further headers of the answer.
    """

    status = HTTPStatus.BAD_REQUEST
    headers: Mapping[str, str] = {}

    def __init__(self, message: str, *, offset: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.kind = type(self).__name__


class BadRequest(ApiError):
    """What is asked for does not exist in this form."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class BadUpload(ApiError):
    """The request is no form with pictures."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooLarge(ApiError):
    """More bytes or pictures than are allowed."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class NoPicture(ApiError):
    """The content is no picture that is read."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class TooSlow(ApiError):
    """The upload took too long."""

    status = HTTPStatus.REQUEST_TIMEOUT


class Busy(ApiError):
    """The server has enough to do."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers: Mapping[str, str] = {"retry-after": "10"}


class UnknownJob(ApiError):
    """There is no such job."""

    status = HTTPStatus.NOT_FOUND


class UnknownMap(ApiError):
    """The job has no such map."""

    status = HTTPStatus.NOT_FOUND


class NotReady(ApiError):
    """What is asked for is not there yet."""

    status = HTTPStatus.CONFLICT
    headers: Mapping[str, str] = {"retry-after": "1"}


class NoReport(ApiError):
    """What is asked for will never be there: the job has failed."""

    status = HTTPStatus.CONFLICT


class WrongHost(ApiError):
    """The server was called by a name that is not its own."""

    status = HTTPStatus.MISDIRECTED_REQUEST


class ForeignOrigin(ApiError):
    """Another page tries to use the server."""

    status = HTTPStatus.FORBIDDEN


def as_json(error: ApiError) -> dict[str, object]:
    """The body of the answer."""
    return error_json(Failure(error.kind, error.message, error.offset))


def error_json(failure: Failure) -> dict[str, object]:
    """The same for a failure that a worker tells."""
    return {"error": failure.to_dict()}


def refusal(error: InputError) -> ApiError:
    """The answer to an input that is refused before any worker has seen it."""
    kind: type[ApiError] = BadUpload
    if isinstance(error, LimitExceeded):
        kind = TooLarge
    elif isinstance(error, (UnknownFormat, UnsupportedFormat)):
        kind = NoPicture
    found = kind(error.what, offset=error.offset)
    found.kind = type(error).__name__
    return found
