"""Backbones: local checkpoints of timm architectures, and the demo network."""
