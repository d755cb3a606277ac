"""What AttnGAN is measured by: R-precision under a DAMSM, and what its pictures listened to."""
