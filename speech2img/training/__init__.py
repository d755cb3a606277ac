"""The one training loop, and the tasks (teacher, judge, speech encoder, generator) that it runs."""
