"""What is played: players, actions, costs, social cost; no solving."""

from poagame.games import instances, topologies
from poagame.games.attainment import Curve, DecodeBatch, Exponential, PrefillQueue, Quadratic
from poagame.games.caching import CachingGame
from poagame.games.congestion import CongestionGame
from poagame.games.coupled import CoupledGame, CoupledState
from poagame.games.hierarchy import kv_tiers
from poagame.games.load_balancing import FractionalLoadBalancing
from poagame.games.named import Certified, NamedGame
from poagame.games.network import NetworkRouting
from poagame.games.nfg import read_nfg, write_nfg
from poagame.games.normal_form import NormalFormGame
from poagame.games.protocols import FiniteGame, FlowGame, JointlyConvexGame
from poagame.games.resource import ResourceGame, WorkerSplits
from poagame.games.routing import RequestTypes, RoutingGame
from poagame.games.serving_cluster import ServingCluster, coupled_serving
from poagame.games.shared_resources import SharedResources
from poagame.games.splittable import SplittableRouting
from poagame.games.tiers import Tiers
from poagame.games.tntp import read_tntp

__all__ = [
    "CachingGame",
    "Certified",
    "CongestionGame",
    "CoupledGame",
    "CoupledState",
    "Curve",
    "DecodeBatch",
    "Exponential",
    "FiniteGame",
    "FlowGame",
    "FractionalLoadBalancing",
    "JointlyConvexGame",
    "NamedGame",
    "NetworkRouting",
    "NormalFormGame",
    "PrefillQueue",
    "Quadratic",
    "RequestTypes",
    "ResourceGame",
    "RoutingGame",
    "ServingCluster",
    "SharedResources",
    "SplittableRouting",
    "Tiers",
    "WorkerSplits",
    "coupled_serving",
    "instances",
    "kv_tiers",
    "read_nfg",
    "read_tntp",
    "topologies",
    "write_nfg",
]
