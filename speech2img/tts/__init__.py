"""Text to speech: the ``Synthesizer`` protocol, its engines, and the resumable job that speaks a whole corpus."""
