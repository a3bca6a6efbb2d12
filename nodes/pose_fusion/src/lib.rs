//! Fuses the per-view tracks of a tool into one trajectory in the world.
