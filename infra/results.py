"""`python -m infra.results` keeps Prefect's records of finished tasks in the store's bucket.

Machines that share no disk then find each other's finished stages. It saves a block in Prefect's
server; every worker names it in PREFECT_DEFAULT_RESULT_STORAGE_BLOCK. The block holds no keys:
each machine uses its own AWS settings.
"""

from prefect.client.orchestration import SyncPrefectClient
from prefect_aws import AwsCredentials
from prefect_aws.s3 import S3Bucket
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.set_up import run
from models.errors import InvalidRequest
from models.stores.s3 import Place

BLOCK = "avatar-results"
SETTING = f"PREFECT_DEFAULT_RESULT_STORAGE_BLOCK=s3-bucket/{BLOCK}"
FOLDER = "prefect-results"


class ResultSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="AVATAR_", frozen=True, populate_by_name=True)

    store: str = Field(default="", description="The store, s3://BUCKET/PREFIX.")


def save_block(store: str) -> None:
    """Raises InvalidRequest where the store is no bucket: there a shared folder is enough."""
    if "://" not in store:
        raise InvalidRequest(
            f"AVATAR_STORE is {store!r}: results need a bucket, s3://BUCKET/PREFIX; where "
            "machines share a folder, PREFECT_LOCAL_STORAGE_PATH in it is enough"
        )
    place = Place.parse(store)
    folder = f"{place.prefix}/{FOLDER}" if place.prefix else FOLDER
    block = S3Bucket(bucket_name=place.bucket, bucket_folder=folder, credentials=AwsCredentials())
    block.save(BLOCK, overwrite=True)


def step(_: SyncPrefectClient) -> list[str]:
    """What a worker's environment needs then."""
    save_block(ResultSettings().store)
    return [SETTING]


if __name__ == "__main__":
    run(step)
