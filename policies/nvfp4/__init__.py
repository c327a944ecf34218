"""NVFP4: weights in 4.5 bits each, a format of NVIDIA's (arXiv 2509.25149), and the layers that compute with them."""
