"""Noise levels and scalings of the diffusion (EDM, arXiv 2206.00364, as Stable Video Diffusion uses it)."""

import torch


def sigmas(steps: int, sigma_max: float = 700.0, sigma_min: float = 0.002, rho: float = 7.0) -> torch.Tensor:
    """Returns the `steps` noise levels from the largest to the smallest, then 0; float32 `[steps + 1]`.

    EDM, equation 5.
    """
    if steps < 2:
        raise ValueError(f"{steps} steps; at least 2 are needed")
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    levels = (high + ramp * (low - high)) ** rho
    return torch.cat([levels, levels.new_zeros(1)]).float()


def scalings(sigma: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns c_in, c_skip, c_out and the network's time `ln σ / 4` for velocity prediction; shapes as `sigma`."""
    variance = sigma**2 + 1
    return variance**-0.5, 1 / variance, -sigma * variance**-0.5, 0.25 * sigma.log()


def denoised(network, latents: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Returns the network's estimate of the noiseless latents.

    `network(scaled latents, time)` predicts the velocity; `sigma` broadcasts against `latents`.
    """
    c_in, c_skip, c_out, time = scalings(sigma)
    return network(latents * c_in, time) * c_out + latents * c_skip


def euler_step(latents, estimate, sigma, sigma_next):
    """Returns the latents at `sigma_next` (EDM, algorithm 1 without its correction and without churn)."""
    return latents + (latents - estimate) / sigma * (sigma_next - sigma)
