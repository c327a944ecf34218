"""Sources of energy figures, each a plug-in of the group ``nsctl.meters``."""
