"""Figures of results: accuracies, sizes, times, and how they hang together."""
