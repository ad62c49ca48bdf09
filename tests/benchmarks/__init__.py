"""What a render costs and how well the mouth follows: `make bench`. Benchmarks, not tests: nothing passes or fails."""
