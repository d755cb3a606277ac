"""Published systems and our own, one file each: settings of every stage in the order in which it is trained."""
