"""Backbones: published weights by name, local checkpoints, and the demo networks."""
