"""Elements of SVG within a page."""

from markupsafe import Markup, escape


def tag(name: str, content: str = "", **attributes: object) -> Markup:
    """An element; what is not Markup is escaped.

    Args:
        name: the element's.
        content: what is in it.
        attributes: a low line at a name's end is left out (`class_`), and each other one is a hyphen.
    """
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{written}>{escape(content)}</{name}>")  # noqa: S704 all of it is escaped
