"""Plugins in a single file: ``--plugin FILE``, or the variable ``RSBENCH_PLUGINS``.

Each file is the module ``rsbench.plugin_files.<its name>_<digits>``. Because the parent of that
module is this package, any process that unpickles an instance of such a class imports this
package first, and with it the finder that knows the files: worker processes need nothing but
the environment variable, which they inherit.
"""

from rsbench.plugin_files.classes import FilePlugin, plugins_in
from rsbench.plugin_files.loading import (
    VARIABLE,
    code_digest,
    install_finder,
    listed_files,
    load_file,
    module_name,
    use_files,
)

install_finder()

__all__ = [
    "VARIABLE",
    "FilePlugin",
    "code_digest",
    "listed_files",
    "load_file",
    "module_name",
    "plugins_in",
    "use_files",
]
