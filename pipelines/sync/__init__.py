"""Syncs: what is read, loaded and published; when the next is due; what a person sees of it."""
