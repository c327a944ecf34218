"""Worlds: engine-neutral tasks and the engines that move them."""
