"""Feeds: RSS, Atom and JSON Feed, lists of them, and finding them."""
