"""Triton kernels that multiply with NVFP4 weights as they are stored, and the choice between them and bfloat16."""
