"""nsctl: neuro-symbolic embodied control, with every joule counted.

This package holds the vocabulary (:mod:`nsctl.symbolic`, :mod:`nsctl.scene`, :mod:`nsctl.outcomes`), the contracts of
the parts (:mod:`nsctl.contracts`), the registry that finds them, the closed loop and the command line. It imports no
part.
"""

__version__ = "0.1.0"
