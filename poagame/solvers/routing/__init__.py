"""Routing games: load vectors, transport, integer programmes, compiled rounds."""
