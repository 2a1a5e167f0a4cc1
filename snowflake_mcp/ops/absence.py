"""Packages that this process is not to load, installed or not."""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["keep_out"]


class _Absent(MetaPathFinder):
    """Answers for its packages, before those who would find them, that there are none."""

    def __init__(self, packages: frozenset[str]) -> None:
        self._packages = packages

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Nothing for what is not ours to answer.

        Raises:
            ModuleNotFoundError: as where the package is not installed.
        """
        if fullname in self._packages:
            raise ModuleNotFoundError(f"{fullname} is kept out of this process", name=fullname)
        return None


def keep_out(*packages: str) -> Callable[[], None]:
    """Let imports of these top-level packages fail from now on; the result undoes it.

    For libraries that load a package wherever it is installed and can do without. What has been
    loaded before stays. ``None`` in ``sys.modules`` would not do: compiled modules take it for
    the module.
    """
    absent = _Absent(frozenset(packages))
    sys.meta_path.insert(0, absent)

    def undo() -> None:
        if absent in sys.meta_path:
            sys.meta_path.remove(absent)

    return undo
