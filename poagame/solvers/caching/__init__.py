"""Caching games: all equilibria of small ones, programmes for larger ones, dynamics for the largest."""
