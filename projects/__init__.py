"""The platform: people's projects, their clips and voices, the queue of renders and its results."""
