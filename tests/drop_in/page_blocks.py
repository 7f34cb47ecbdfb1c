"""The code of docs/howto/other_libraries.md, heading by heading: what the page says is what the tests here run."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "other_libraries.md"


def run_blocks(heading: str) -> dict:
    """Run the blocks before the first heading and those under `heading`; returns all names they set."""
    before, *sections = re.split(r"^## (.*)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    by_heading = dict(zip(sections[::2], sections[1::2], strict=True))
    blocks = re.findall(r"^```py\n(.*?)^```$", before + by_heading[heading], flags=re.MULTILINE | re.DOTALL)
    namespace: dict = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), namespace)
    return namespace
