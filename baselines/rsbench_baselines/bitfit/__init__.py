"""BitFit: only biases are trained."""

from rsbench_baselines.bitfit.method import BitFit

__all__ = ["BitFit"]
