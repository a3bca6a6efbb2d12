//! Publishes synchronised image pairs with their calibration.
