"""What a picture made from speech is worth: meaning, variety, likeness to real pictures, and the report of it."""
