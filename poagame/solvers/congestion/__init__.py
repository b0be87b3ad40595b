"""Congestion games: all, worst and best pure equilibria, optimum, dynamics."""
