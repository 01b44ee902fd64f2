"""What S3 and the way to it answer, in our own errors: who can mend it, and can a retry help."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from s3transfer.exceptions import RetriesExceededError

from models.errors import (
    AvatarError,
    DiskFull,
    MissingFile,
    ServiceRefused,
    ServiceUnavailable,
    StoreUnusable,
)

NOT_THERE = frozenset({"404", "NoSuchKey", "NotFound"})
REMEDIES = {
    "NoSuchBucket": "create the bucket or correct AVATAR_STORE",
    "AccessDenied": "allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket on it",
    "403": "allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket on it",
    "AllAccessDisabled": "ask the bucket's owner for access",
    "InvalidAccessKeyId": "correct the AWS credentials",
    "SignatureDoesNotMatch": "correct the AWS credentials",
    "ExpiredToken": "renew the AWS credentials",
    "InvalidToken": "renew the AWS credentials",
    "RequestTimeTooSkewed": "set this machine's clock",
    "PermanentRedirect": "set AWS_DEFAULT_REGION to the bucket's region",
    "AuthorizationHeaderMalformed": "set AWS_DEFAULT_REGION to the bucket's region",
    "KMS.NotFoundException": "correct kms_key in AVATAR_STORE",
    "KMS.DisabledException": "enable the KMS key that AVATAR_STORE names",
}
FULL = frozenset({"XMinioStorageFull", "QuotaExceeded"})
BUSY = frozenset({"SlowDown", "Throttling", "ThrottlingException", "RequestTimeout"})


@contextmanager
def speaking_to(place: str, key: str = "") -> Iterator[None]:
    """Turn what botocore raises into an AvatarError that names the store and the file."""
    try:
        yield
    except ClientError as error:
        raise _answered(error, place, key) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise StoreUnusable(
            f"no AWS credentials for {place}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "a profile or the machine's role"
        ) from error
    except (HTTPClientError, ConnectionError, RetriesExceededError) as error:
        raise ServiceUnavailable(
            f"{_named(place, key)} cannot be reached ({_reason(error)}): check the network and "
            "AWS_ENDPOINT_URL_S3"
        ) from error
    except BotoCoreError as error:
        raise StoreUnusable(f"{place} cannot be used ({error}): correct AWS's settings") from error


def _answered(error: ClientError, place: str, key: str) -> AvatarError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in NOT_THERE:
        return MissingFile(f"{key} is no longer in {place}: run the request again")
    if code in REMEDIES:
        return StoreUnusable(f"{place} refused us ({code}): {REMEDIES[code]}")
    if code in FULL:
        return DiskFull(f"no room left for {key} in {place} ({code}): free some space")
    if status >= 500 or code in BUSY:
        return ServiceUnavailable(
            f"{_named(place, key)} is not served now ({code or status}): try again later"
        )
    return ServiceRefused(f"{_named(place, key)} was refused ({code or status}): {error}")


def _named(place: str, key: str) -> str:
    return f"{key} of {place}" if key else place


def _reason(error: Exception) -> str:
    """The cause behind s3transfer's own, whose text names none."""
    cause = getattr(error, "last_exception", None) or error
    return str(cause) or type(cause).__name__
