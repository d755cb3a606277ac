"""Readers of files that others wrote: pickles, torch files, archives, arrays; nothing in them runs."""
