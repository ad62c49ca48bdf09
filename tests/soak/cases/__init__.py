"""The soak tests, a module each: `run(course)` does it."""
