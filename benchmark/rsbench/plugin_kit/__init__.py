"""Write a plugin and check it: ``rsbench plugin new`` and ``rsbench plugin check``.

A package's own tests call the same checks::

    from rsbench.plugin_kit import check_target, failures

    assert not failures(check_target(MyTarget, {"folder": "images"}))

The checks start a second process. A script must therefore call them below
``if __name__ == "__main__":``; a test need not care.
"""

from rsbench.plugin_kit.backbone import check_backbone
from rsbench.plugin_kit.findings import Finding, failures
from rsbench.plugin_kit.method import check_method
from rsbench.plugin_kit.target import DEFAULT_LIMIT, check_target

__all__ = [
    "DEFAULT_LIMIT",
    "Finding",
    "check_backbone",
    "check_method",
    "check_target",
    "failures",
]
