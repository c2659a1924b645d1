"""Figures of inputs: images and spectrograms."""
