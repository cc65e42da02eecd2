"""What a measuring process is asked to do in ``test_cost``."""

from __future__ import annotations

import os

from rsbench.cost.results import Job


def whoami(job: Job) -> tuple[int, str | None]:
    return os.getpid(), os.environ.get("RSBENCH_TEST_MARK")


def die(job: Job) -> None:
    os._exit(3)
