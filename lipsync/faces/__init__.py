"""Finding the speaker's face: landmarks and head pose per frame."""
