"""Figures of how a method works: flows, functions, subgraphs."""
