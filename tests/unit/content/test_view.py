"""The document of the interactive view: whole, and unable to load or make anything."""

import base64
import hashlib
import re

from snowflake_mcp.content.view import VIEW_URI, result_view
from snowflake_mcp.tools.offering import EVERY_TOOL

VIEW = result_view()


def test_it_is_of_tools_that_there_are() -> None:
    """And its address is that of a document of an app."""
    assert VIEW.tools <= set(EVERY_TOOL)
    assert VIEW_URI.startswith("ui://")


def test_its_policy_admits_its_own_script_and_style_alone() -> None:
    """By their digests; text can never become markup."""
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', VIEW.html)
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (inside,) = re.findall(f"<{tag}>(.*)</{tag}>", VIEW.html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "/*" not in VIEW.html.partition("<style>")[0]


def test_it_loads_nothing_and_makes_no_markup_of_text() -> None:
    """No address but the name space of SVG, no sink that takes markup."""
    assert set(re.findall(r"https?://[^\"'\s]*", VIEW.html)) == {"http://www.w3.org/2000/svg"}
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "src="):
        assert sink not in VIEW.html
    assert len(VIEW.html.encode()) < 40_000
