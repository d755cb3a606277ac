"""A page to listen to and look at: recordings, and what models make of them."""
