"""Packages that are kept out are as if they were not installed, until they are let in again."""

import importlib
import sys
from pathlib import Path

import pytest

from snowflake_mcp.ops.absence import keep_out


def test_what_is_kept_out_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries see what they see where it is not installed; nothing else changes."""
    for name in ("heavy_of_a_test", "light_of_a_test"):
        (tmp_path / f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    undo = keep_out("heavy_of_a_test")
    try:
        with pytest.raises(ModuleNotFoundError) as refused:
            importlib.import_module("heavy_of_a_test")
        assert refused.value.name == "heavy_of_a_test"
        importlib.import_module("light_of_a_test")
    finally:
        undo()
    undo()
    assert importlib.import_module("heavy_of_a_test") is sys.modules.pop("heavy_of_a_test")
    del sys.modules["light_of_a_test"]
