"""Convert colours to sRGB and pixels to 8 bits a channel."""
