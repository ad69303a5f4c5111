"""Speeds of the pipeline's parts on this machine; beside flows/ among the rings, and imported by none of them."""
