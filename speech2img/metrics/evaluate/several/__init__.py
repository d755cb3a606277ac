"""The same pictures by several networks, and as each of several papers would count them."""
