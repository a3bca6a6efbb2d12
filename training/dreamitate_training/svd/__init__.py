"""Stable Video Diffusion: its modules, its fine-tuning and its export to ONNX."""
