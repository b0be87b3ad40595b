"""Nonatomic flow on networks: Wardrop and stochastic equilibria, and the optimum."""
