"""StackGAN-v1 (Zhang et al. 2017): a generator of 64 px, and one that draws its images again at 256 px."""
