"""What a frozen network sees: extractors of features, and the stores of their output."""
