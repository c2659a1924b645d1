"""Figures of architectures: cells, blocks, whole networks."""
