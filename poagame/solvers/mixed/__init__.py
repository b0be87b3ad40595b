"""Mixed and correlated equilibria of games written out."""
