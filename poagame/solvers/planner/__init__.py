"""The Planner: rules that move workers between prefill and decode, what becomes of the split, and where that settles."""

from poagame.solvers.planner.dynamo import DynamoPlanner, DynamoProfile, dynamo_workers
from poagame.solvers.planner.loads import Sine, Surge
from poagame.solvers.planner.rules import (
    BestReplyPlanner,
    Observation,
    PlannerRule,
    ProportionalPlanner,
    StepPlanner,
)
from poagame.solvers.planner.run import PlannerRun, plan
from poagame.solvers.planner.stability import StabilityMap, stability_map

__all__ = [
    "BestReplyPlanner",
    "DynamoPlanner",
    "DynamoProfile",
    "Observation",
    "PlannerRule",
    "PlannerRun",
    "ProportionalPlanner",
    "Sine",
    "StabilityMap",
    "StepPlanner",
    "Surge",
    "dynamo_workers",
    "plan",
    "stability_map",
]
