"""Bottleneck adapters: sequential (Adapter) and parallel (AdaptFormer)."""

from rsbench_baselines.adapter.method import Adapter, AdaptFormer

__all__ = ["AdaptFormer", "Adapter"]
