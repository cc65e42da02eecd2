"""LoRA at any subset of q, k, v, out, mlp1, mlp2 and any subset of blocks."""

from rsbench_baselines.lora.method import Lora, LoraQueryValue

__all__ = ["Lora", "LoraQueryValue"]
