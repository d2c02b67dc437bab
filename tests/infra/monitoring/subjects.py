"""Services whose dashboards are tested: one with everything, and one with nothing but its servers."""

from infra.monitoring.dashboards import GpuNodes, Subject
from infra.monitoring.queries import pods_of
from infra.settings.monitoring import MonitoringSettings

SELECTOR = pods_of("serving")
RUNBOOKS = "https://git.example.com/ml/platform/blob/main/docs/runbooks/alerts.md"
SETTINGS = MonitoringSettings.model_validate(
    {
        "retentionDays": 15,
        "objectives": {"p95LatencyMs": 100.0, "errorPercent": 0.1},
        "runbooks": RUNBOOKS,
        "prices": {
            "g5.xlarge": {"spot": 0.5, "onDemand": 1.25},
            "Standard_NC4as_T4_v3": {"spot": 0.1, "onDemand": 0.5},
        },
    }
)
GPUS = GpuNodes(spot_labels=(("karpenter.sh/capacity-type", "spot"), ("eks.amazonaws.com/capacityType", "SPOT")))
WHOLE = Subject(name="serving", selector=SELECTOR, settings=SETTINGS, by_track=True, gpus=GPUS)
PLAIN = Subject(name="serving", selector=SELECTOR, settings=MonitoringSettings())
