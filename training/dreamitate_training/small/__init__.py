"""A small stereo video model that dreams on a CPU: an autoencoder and a transformer, trained on rendered clips.

It stands in for Stable Video Diffusion behind the same graphs, see `contract`; it knows one task and no text.
"""
