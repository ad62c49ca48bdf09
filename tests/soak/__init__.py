"""Whole installations under disturbance: `python -m tests.soak kills`. Nothing here is collected but `test_small.py`."""
