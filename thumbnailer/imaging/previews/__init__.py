"""Use the preview that a camera embeds in a picture, after comparing both."""
