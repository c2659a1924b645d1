"""Figures of searches: weights over time, what is chosen, what survives."""
