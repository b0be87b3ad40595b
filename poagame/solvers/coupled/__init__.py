"""The three games together: steps, orbits and joint equilibria; the best states of a serving cluster."""

from poagame.solvers.coupled.dynamics import CoupledEquilibrium, Orbit, Response, joint_equilibrium, orbit, step

__all__ = ["CoupledEquilibrium", "Orbit", "Response", "joint_equilibrium", "orbit", "step"]
