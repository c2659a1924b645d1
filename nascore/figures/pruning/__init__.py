"""Figures of node pruning: masks over time, nodes that are kept."""
