"""The API, version 1: a thin skin over the same verbs as the pages."""
