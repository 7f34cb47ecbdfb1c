"""Checks a built site: every link, picture and anchor within it exists, and every public name has its page.

    python docs/check_links.py docs/_build/html

No network is used: links to other sites are counted, not followed.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import sklearn_rnn


class Page(HTMLParser):
    """What a page links to, and what can be linked to on it."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors.update(attrs[key] for key in ("id", "name") if attrs.get(key))
        for key in ("href", "src"):
            if attrs.get(key) is not None:
                self.links.append(attrs[key])
        for picture in (attrs.get("srcset") or "").split(","):
            self.links.extend(picture.split()[:1])


def main(site):
    site = site.resolve()
    found = [path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] != "_static"]
    pages = {path: Page(path) for path in found}
    if not pages:
        sys.exit(f"No page in {site}: build the site first, as CONTRIBUTING.md says.")
    wrong, within, away = [], 0, 0
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                away += parts.scheme in {"http", "https"}
                continue
            within += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.is_file() or not target.is_relative_to(site):
                wrong.append(f"{path.relative_to(site)}: {link} leads nowhere")
            elif target in pages and anchor not in pages[target].anchors:
                wrong.append(f"{path.relative_to(site)}: {link}, no such place on that page")

    names = [f"sklearn_rnn.{name}" for name in sklearn_rnn.__all__ if name not in {"__version__", "datasets"}]
    names += [f"sklearn_rnn.datasets.{name}" for name in sklearn_rnn.datasets.__all__]
    reference = site / "api.html"
    listed = {unquote(link) for link in pages[reference].links}
    for name in names:
        if f"api/generated/{name}.html#{name}" not in listed:
            wrong.append(f"docs/api.md does not list {name}")
    print(f"{len(pages)} pages: {within} links within the site, {away} away from it, {len(names)} public names")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
