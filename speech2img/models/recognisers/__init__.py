"""Networks that write down what is said."""
