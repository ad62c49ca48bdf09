"""From a voice to mouth shapes."""
