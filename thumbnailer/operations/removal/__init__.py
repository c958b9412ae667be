"""Operations that remove thumbnails: prune and clean."""
