"""Visual prompt tuning: trained tokens beside those of the image."""

from rsbench_baselines.vpt.method import VptDeep, VptShallow

__all__ = ["VptDeep", "VptShallow"]
