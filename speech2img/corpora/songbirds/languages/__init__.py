"""The languages that songbirds' captions are written in: one file each, and the dict of them in ``registry``."""
