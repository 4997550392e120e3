"""What can go wrong on the way to AWS and back, each in one line with its remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
REJECTED = {
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    "AuthFailure",
    "InvalidAccessKeyId",
}


class EmrError(Exception):
    """One line for the person at the terminal: what is wrong, and what to do about it."""


def code(error: boto.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def is_expired(error: Exception) -> bool:
    """True if the credentials have run out and renewing them helps."""
    if isinstance(error, boto.ClientError):
        return code(error) in EXPIRED
    return isinstance(
        error, boto.SSOTokenLoadError | boto.UnauthorizedSSOTokenError | boto.TokenRetrievalError
    )


def is_denied(error: boto.ClientError) -> bool:
    """True if AWS refuses for want of a permission; to a HEAD it says no more than the number."""
    return code(error) in DENIED or code(error) == "403"


def is_passing(error: Exception) -> bool:
    """True if waiting helps: throttling, a server's error, a network that is away for a while."""
    if isinstance(error, boto.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code(error) in THROTTLED or status >= 500
    return isinstance(error, boto.HTTPClientError)


def explain(error: Exception) -> str:
    """The one line for an error of botocore's."""
    remedy = ""
    match error:
        case _ if is_expired(error):
            return "The AWS credentials have expired; renew them (aws sso login, or new keys)"
        case boto.ClientError():
            return _explain_answer(error)
        case boto.NoCredentialsError() | boto.PartialCredentialsError():
            return "No AWS credentials; set AWS_PROFILE, or run: aws configure"
        case boto.NoRegionError():
            return "No AWS region; set AWS_REGION, or run: aws configure set region us-east-1"
        case boto.ProfileNotFound():
            remedy = "; set AWS_PROFILE to one that `aws configure list-profiles` shows"
        case boto.EndpointConnectionError():
            remedy = "; is AWS_REGION right, and the network up?"
    return _line(error) + remedy


def _explain_answer(error: boto.ClientError) -> str:
    said = _line(Exception(error.response.get("Error", {}).get("Message") or str(error)))
    if code(error) in REJECTED:
        return (
            f"AWS does not know these credentials ({code(error)}); check AWS_PROFILE and its keys."
        )
    if is_denied(error):
        return (
            f"AWS denied {error.operation_name} ({said}); docs/emr.md lists the permissions needed."
        )
    return f"AWS answered {error.operation_name} with {code(error)}: {said}"


def _line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error)).strip()[:400]


@contextmanager
def one_line() -> Iterator[None]:
    """Turn botocore's errors into `EmrError`."""
    try:
        yield
    except (boto.BotoCoreError, boto.ClientError) as error:
        raise EmrError(explain(error)) from error
