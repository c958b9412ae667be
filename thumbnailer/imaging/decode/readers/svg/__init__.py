"""SVG: drawn on request with the optional extra `vips`, and what a drawing holds besides."""
