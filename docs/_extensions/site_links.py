"""Links that work on GitHub and on the site alike.

The pages are Markdown that is also read in the repository, where a link goes to a file: an example, a module, a
document of the root. On the site the same link goes to the page that is made of that file. Modules of the package are
shown on pages of their own, which are written to `docs/code/` before a build.
"""

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = {  # documents, and the pages of the site that include them or say the same
    "CHANGELOG.md": "docs/changelog.md",
    "CONTRIBUTING.md": "docs/contributing.md",
    "README.md": "docs/index.md",
    "CITATION.cff": "docs/citing.md",
    "docs/course/index.md": "docs/auto_examples/index.rst",  # the one is for readers of the repository
}
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\((?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?\)")


def page_of(target: Path) -> Path:
    """The page of the site that shows a file of the repository, or the file itself."""
    name = target.relative_to(ROOT).as_posix()
    if name in PAGES:
        return ROOT / PAGES[name]
    if name.startswith("examples/") and target.suffix == ".py":
        return DOCS / "auto_examples" / f"{target.stem}.rst"
    if name.startswith("sklearn_rnn/") and target.suffix == ".py":
        return DOCS / "code" / (name.removesuffix(".py").replace("/", ".") + ".rst")
    return target


def rewritten(text: str, folder: Path, page: Path) -> str:
    """The text of a file in `folder`, its links as the page `page` needs them."""

    def link(match):
        words, path, anchor = match[1], match[2], match[3] or ""
        target = Path(os.path.normpath(folder / path))
        if not (target.is_relative_to(ROOT) and target.exists()):
            return match[0]  # left to Sphinx, which warns of it
        if target.is_dir():
            return words
        shown = Path(os.path.relpath(page_of(target), page.parent)).as_posix()
        return f"[{words}]({shown}{anchor})"

    return LINK.sub(link, text)


def write_code_pages(app):
    folder = DOCS / "code"
    folder.mkdir(exist_ok=True)
    wanted = {}
    for module in sorted((ROOT / "sklearn_rnn").rglob("*.py")):
        name = module.relative_to(ROOT).as_posix()
        wanted[page_of(module)] = (
            f":orphan:\n:nosearch:\n\n{name}\n{'=' * len(name)}\n\n"
            f".. literalinclude:: {Path(os.path.relpath(module, folder)).as_posix()}\n   :language: python\n"
        )
    for page in set(folder.glob("*.rst")) - set(wanted):
        page.unlink()
    for page, text in wanted.items():
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def on_source(app, docname, content):
    page = Path(app.env.doc2path(docname))
    if page.suffix == ".md":
        content[0] = rewritten(content[0], page.parent, page)


def on_include(app, path, parent, content):
    if path.suffix == ".md":
        included = Path(os.path.normpath(DOCS / path))
        content[0] = rewritten(content[0], included.parent, DOCS / f"{parent}.md")


def setup(app):
    app.connect("builder-inited", write_code_pages)
    app.connect("source-read", on_source)
    app.connect("include-read", on_include)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
