"""The fields of resources that Kubernetes' own schemas lack; anything else is refused.

KEDA 2.x (keda.sh/v1alpha1) and Prometheus' operator (monitoring.coreos.com/v1), as far as used.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Target(Strict):
    apiVersion: Literal["apps/v1"]
    kind: Literal["Deployment"]
    name: str
    envSourceContainerName: str | None = None


class Policy(Strict):
    type: Literal["Pods", "Percent"]
    value: int = Field(gt=0)
    periodSeconds: int = Field(gt=0, le=1800)


class Direction(Strict):
    stabilizationWindowSeconds: int | None = Field(default=None, ge=0, le=3600)
    selectPolicy: Literal["Max", "Min", "Disabled"] | None = None
    policies: list[Policy] = Field(min_length=1)


class Behavior(Strict):
    scaleUp: Direction | None = None
    scaleDown: Direction | None = None


class PodAutoscaler(Strict):
    name: str | None = None
    behavior: Behavior | None = None


class Advanced(Strict):
    restoreToOriginalReplicaCount: bool = False
    horizontalPodAutoscalerConfig: PodAutoscaler | None = None


class MetricsApi(Strict):
    """What the scaler metrics-api reads: strings only."""

    url: str = Field(pattern=r"^https?://")
    valueLocation: str
    targetValue: str = Field(pattern=r"^\d+(\.\d+)?$")
    activationTargetValue: str | None = Field(default=None, pattern=r"^\d+(\.\d+)?$")
    format: Literal["json", "xml", "yaml", "prometheus"] | None = None
    unsafeSsl: Literal["true", "false"] | None = None


class Trigger(Strict):
    type: Literal["metrics-api"]
    name: str | None = None
    metricType: Literal["AverageValue", "Value"] = "AverageValue"
    useCachedMetrics: bool | None = None
    metadata: MetricsApi


class Fallback(Strict):
    failureThreshold: int = Field(ge=0)
    replicas: int = Field(ge=0)


class ScaledObjectSpec(Strict):
    scaleTargetRef: Target
    pollingInterval: int = Field(default=30, gt=0)
    cooldownPeriod: int = Field(default=300, ge=0)
    initialCooldownPeriod: int | None = Field(default=None, ge=0)
    idleReplicaCount: Literal[0] | None = None
    minReplicaCount: int = Field(default=0, ge=0)
    maxReplicaCount: int = Field(default=100, gt=0)
    fallback: Fallback | None = None
    advanced: Advanced | None = None
    triggers: list[Trigger] = Field(min_length=1)

    @model_validator(mode="after")
    def _bounds(self) -> "ScaledObjectSpec":
        if self.minReplicaCount > self.maxReplicaCount:
            raise ValueError("minReplicaCount is above maxReplicaCount")
        if self.idleReplicaCount is not None and self.minReplicaCount == 0:
            raise ValueError("idleReplicaCount must be below minReplicaCount")
        return self


class ScaledObject(Strict):
    apiVersion: Literal["keda.sh/v1alpha1"]
    kind: Literal["ScaledObject"]
    metadata: dict[str, Any]
    spec: ScaledObjectSpec


class Requirement(Strict):
    key: str
    operator: Literal["In"]
    values: list[str]


class Selector(Strict):
    matchLabels: dict[str, str] = {}
    matchExpressions: list[Requirement] = []

    def takes(self, labels: dict[str, str]) -> bool:
        return self.matchLabels.items() <= labels.items() and all(
            labels.get(each.key) in each.values for each in self.matchExpressions
        )


class Credentials(Strict):
    name: str
    key: str


class Authorization(Strict):
    type: str = "Bearer"
    credentials: Credentials


class Relabeling(Strict):
    targetLabel: str
    replacement: str


class Endpoint(Strict):
    port: str
    path: str
    interval: str = Field(pattern=r"^\d+[smh]$")
    authorization: Authorization | None = None
    relabelings: list[Relabeling] = []


class PodMonitorSpec(Strict):
    selector: Selector
    podMetricsEndpoints: list[Endpoint] = Field(min_length=1)


class PodMonitor(Strict):
    apiVersion: Literal["monitoring.coreos.com/v1"]
    kind: Literal["PodMonitor"]
    metadata: dict[str, str]
    spec: PodMonitorSpec
