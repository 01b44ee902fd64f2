"""One run's way through this worker: claimed, signed, run in a child, its end told."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from logging import Logger, LoggerAdapter
from typing import Any
from uuid import UUID, uuid4

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateDetails, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Failed, Pending
from pydantic import ValidationError

from infra.worker import outcome
from infra.worker.configuration import Job, job_for
from infra.worker.messages import Ended, Ending, Run
from infra.worker.scratch import Scratch
from infra.worker.settings import signature
from infra.worker.slot import Died, Slot, TookTooLong


@dataclass
class Custody:
    """`labels` say on each run whose it is; `counts` are the worker's metrics."""

    client: PrefectClient
    template: Callable[[], dict[str, Any]]  # the pool's, as it is now
    labels: dict[str, bool | int | float | str]
    scratch: Scratch
    logger: Logger | LoggerAdapter[Logger]
    counts: Counter[str] = field(default_factory=Counter)

    async def take(self, run: FlowRun, slot: Slot) -> None:
        """Claim the run and see it through; nothing where another worker was quicker."""
        claimed, deployment = await asyncio.gather(self._claim(run), self._deployment(run))
        if not claimed:
            return
        if deployment is None:
            gone: State[Any] = Cancelled(message="Its deployment no longer exists.")
            await outcome.tell(self.client, run.id, signature(slot.pid), gone)
            return
        try:
            job = await job_for(self.client, self.template(), run, deployment)
        except ValidationError as error:
            wrong: State[Any] = Failed(message=f"Its job variables are wrong: {error}")
            await outcome.tell(self.client, run.id, signature(slot.pid), wrong)
            return
        label = asyncio.create_task(self._label(run))
        await self.see_through(run, slot, job)
        await label

    async def see_through(self, run: FlowRun, slot: Slot, job: Job) -> None:
        """From a warm child to an end that the server knows."""
        self.counts["runs_total"] += 1
        signed = signature(slot.pid)
        if run.infrastructure_pid is not None:  # whoever held it before shall know
            await outcome.insist(
                lambda: self.client.update_flow_run(run.id, infrastructure_pid=signed)
            )
            run.infrastructure_pid = signed
        folder = str(self.scratch.folder(str(run.id)))
        message = Run(run=run, env=job.configuration.env, code=job.code, temporary=folder)
        try:
            ended = await slot.run(message, job.configuration.limits)
        except TookTooLong as error:
            await self._late(run.id, signed, str(error))
        except Died as error:
            await self._after_death(run.id, slot, signed, str(error))
        else:
            await self._after_end(run.id, signed, ended)
        finally:
            self.scratch.clear(str(run.id))

    async def _claim(self, run: FlowRun) -> bool:
        """The server lets one worker only make a scheduled run pending.

        Where its answer is lost we ask again, and it answers with the state that we made.
        """
        ours = uuid4()
        details = StateDetails.model_validate({"transition_id": ours})
        mine: State[Any] = Pending(state_details=details)
        now = (await outcome.insist(lambda: outcome.propose(self.client, run.id, mine))).state
        if now is None or now.state_details.transition_id != ours:
            return False
        run.state = now
        return now.type is StateType.PENDING

    async def _deployment(self, run: FlowRun) -> DeploymentResponse | None:
        if (deployment := run.deployment_id) is None:
            return None
        try:
            return await outcome.insist(lambda: self.client.read_deployment(deployment))
        except ObjectNotFound:
            return None

    async def _label(self, run: FlowRun) -> None:
        await outcome.insist(lambda: self.client.update_flow_run_labels(run.id, self.labels))

    async def _after_end(self, run: UUID, signed: str, ended: Ended) -> None:
        if ended.how is Ending.CANCELLED:
            await self._cancelled(run, signed, "its process stays warm")
        elif ended.how is Ending.UNLOADABLE:
            reason: State[Any] = Failed(message=f"The flow cannot load: {ended.reason}")
            await outcome.tell(self.client, run, signed, reason)
        elif ended.how is Ending.UNREPORTED and await self._is_cancelling(run):
            await self._cancelled(run, signed, "before it began")
        elif ended.how is Ending.UNREPORTED:
            await self._crashed(run, signed, f"its end could not be reported ({ended.reason})")

    async def _is_cancelling(self, run: UUID) -> bool:
        now = await outcome.insist(lambda: self.client.read_flow_run(run))
        return now.state is not None and now.state.type is StateType.CANCELLING

    async def _after_death(self, run: UUID, slot: Slot, signed: str, how: str) -> None:
        if slot.cancelled == run:
            await self._cancelled(run, signed, "its process was killed")
            await outcome.crash_tasks(self.client, run)
        else:
            await self._crashed(run, signed, how)

    async def _late(self, run: UUID, signed: str, how: str) -> None:
        state: State[Any] = Failed(name="TimedOut", message=f"Timed out: {how}.")
        await outcome.tell(self.client, run, signed, state)
        await outcome.crash_tasks(self.client, run)

    async def _crashed(self, run: UUID, signed: str, how: str) -> None:
        self.counts["crashes_total"] += 1
        self.logger.error("Run %s crashed: %s", run, how)
        await outcome.crash(self.client, run, signed, how)

    async def _cancelled(self, run: UUID, signed: str, how: str) -> None:
        self.counts["cancelled_total"] += 1
        state: State[Any] = Cancelled(message=f"Cancelled; {how}.")
        await outcome.tell(self.client, run, signed, state)
