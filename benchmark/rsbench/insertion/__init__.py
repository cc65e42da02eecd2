"""Insert modules into a frozen network by hooks, and remove them without a trace.

No source of the network is patched and none of its parameters is replaced. ``site`` says where
a module may go, ``modules`` what it computes, ``wiring`` how it enters the forward pass, and
``attachment`` holds what a method inserted.
"""

from rsbench.insertion.attachment import Attachment
from rsbench.insertion.modules import InsertedModule, PromptModule
from rsbench.insertion.site import KINDS, NoSites, Site, SiteKind, choose_sites

__all__ = [
    "KINDS",
    "Attachment",
    "InsertedModule",
    "NoSites",
    "PromptModule",
    "Site",
    "SiteKind",
    "choose_sites",
]
