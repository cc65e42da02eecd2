"""rsbench: parameter-efficient fine-tuning of vision transformers on long-tailed imagery."""

from importlib.metadata import version

__version__ = version("rsbench")
