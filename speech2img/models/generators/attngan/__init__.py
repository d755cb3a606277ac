"""AttnGAN (Xu et al. 2018): a stacked generator whose later stages look at the words, or at the frames of speech."""
