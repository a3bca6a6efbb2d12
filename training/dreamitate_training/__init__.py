"""Fine-tunes video models on stereo clips of people, and exports them to the graphs that the dreamer runs."""
