"""Published networks in torch: architectures, checkpoints and devices. Only what runs in the engine's process imports them.

Importing this package loads nothing; each of its modules imports torch, which takes seconds and hundreds of megabytes.
"""
