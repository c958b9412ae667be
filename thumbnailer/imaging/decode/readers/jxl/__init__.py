"""JPEG XL: read with the optional extra `jxl`, and a header of which its library tells little."""
