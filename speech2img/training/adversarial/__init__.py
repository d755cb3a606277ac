"""What trainings of generators against StackGAN-v1's and AttnGAN's discriminators share."""
