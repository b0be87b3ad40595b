"""The simulator's compiled core: state, caches, routing and the loop."""
