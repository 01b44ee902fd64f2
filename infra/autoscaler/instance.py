"""What an EC2 machine learns about its own end, from the metadata service (IMDSv2)."""

from dataclasses import dataclass

import httpx

from models.errors import ServiceUnavailable

ADDRESS = "http://169.254.169.254"
TOKEN_S = 21_600
LEAVES = "Terminated"


@dataclass(frozen=True)
class Notice:
    reason: str


class Metadata:
    """`client`'s base URL is the service's. A token is fetched first, and again when refused."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._token = ""

    def instance(self) -> str:
        """Its id. Raises ServiceUnavailable, also where this is no EC2 machine."""
        return self._read("/latest/meta-data/instance-id") or ""

    def notice(self) -> Notice | None:
        """Why the machine is to end, None while it may stay. Raises ServiceUnavailable."""
        if self._read("/latest/meta-data/spot/instance-action"):
            return Notice("EC2 takes the spot machine back")
        if self._read("/latest/meta-data/autoscaling/target-lifecycle-state") == LEAVES:
            return Notice("the Auto Scaling group ends the machine")
        return None

    def _read(self, path: str) -> str | None:
        """None where there is nothing to say."""
        answer = self._get(path)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._token = ""
            answer = self._get(path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            raise ServiceUnavailable(
                f"the metadata service answered {path} with {answer.status_code}: try again later"
            )
        return answer.text.strip()

    def _get(self, path: str) -> httpx.Response:
        try:
            if not self._token:
                life = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_S)}
                fetched = self._client.put("/latest/api/token", headers=life)
                self._token = fetched.text if fetched.is_success else ""
            return self._client.get(path, headers={"X-aws-ec2-metadata-token": self._token})
        except httpx.RequestError as error:
            raise ServiceUnavailable(
                f"the metadata service at {self._client.base_url} does not answer "
                f"({error or type(error).__name__}): run this on an EC2 machine"
            ) from error
