"""Formulas as MathML, which browsers draw by themselves: no script is loaded from anywhere when a page is read."""

from docutils import nodes
from latex2mathml.converter import convert


def _mathml(latex, **options):
    # the converter does not know these sides of a norm
    return convert(latex.replace("\\lVert", "\\Vert").replace("\\rVert", "\\Vert"), **options)


def inline(self, node):
    """A formula within a line."""
    self.body.append(_mathml(node.astext()))
    raise nodes.SkipNode


def displayed(self, node):
    """A formula on a line of its own."""
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    latex = node.astext()
    several = ("\\\\" in latex or "&" in latex) and "\\begin" not in latex
    # align*, as the converter does not know aligned
    self.body.append(_mathml(f"\\begin{{align*}}{latex}\\end{{align*}}" if several else latex, display="block"))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app):
    """Register the renderer; `html_math_renderer` in conf.py asks for it."""
    app.add_html_math_renderer("mathml", (inline, None), (displayed, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
