"""Runs the Python code of pages in Markdown, each page from top to bottom in an empty folder of its own.

    python docs/run_pages.py README.md docs/howto/*.md
    python docs/run_pages.py --first README.md          only the first block of each page
    python docs/run_pages.py --outputs docs/howto/*.md  what is printed must be what the page says

Code is what stands between ```python and ```; anything else, as ```py for what needs packages that are not there, is
not run. A ```text block right after it says what it prints. That is compared only with --outputs: the last digits of
networks differ between processors.
"""

import argparse
import contextlib
import difflib
import io
import os
import re
import signal
import sys
import tempfile
from pathlib import Path
from time import perf_counter

BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n*```text\n(?P<output>.*?)^```$)?", re.M | re.S)


def run(path: Path, first: bool = False) -> list[str]:
    """Run the blocks of a page; returns the differences between what was printed and what the page says."""
    text, namespace, differences = path.read_text(encoding="utf-8"), {"__name__": "__main__"}, []
    for block in list(BLOCK.finditer(text))[: 1 if first else None]:
        # as many empty lines before it as there are lines on the page, so that tracebacks and warnings name its own
        code = "\n" * text.count("\n", 0, block.start("code")) + block["code"]
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(code, str(path), "exec"), namespace)
        finally:
            print(printed.getvalue(), end="")
        if block["output"] is not None:
            said, is_so = block["output"].splitlines(), printed.getvalue().splitlines()
            differences += difflib.unified_diff(said, is_so, f"{path}, as it says", "as it is", n=0, lineterm="")
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--first", action="store_true", help="only the first block of each page")
    parser.add_argument("--outputs", action="store_true", help="fail where a page says something else is printed")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a page presses Ctrl-C, which `command &` ignores
    differences = []
    for page in [page.resolve() for page in arguments.pages]:
        print(f"-- {page.name}", flush=True)
        here, start = os.getcwd(), perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                differences += run(page, arguments.first)
            finally:
                os.chdir(here)
        print(f"-- {page.name}: {perf_counter() - start:.1f} s", flush=True)
    print("\n".join(differences))
    sys.exit(bool(differences and arguments.outputs))


if __name__ == "__main__":
    main()
