"""Energy: meters that watch and never steer."""
