"""Recognisers of speech behind one protocol: our own, Whisper by faster-whisper, any command."""
