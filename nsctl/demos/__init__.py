"""Demonstrations: recorded, kept as a Minari dataset, exported to LeRobotDataset v3, streamed into training."""
