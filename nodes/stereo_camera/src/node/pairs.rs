use super::{CameraTopics, Settings};
use crate::{Pairing, PairingCount, Stamped};
use dreamitate_carrier::{CarrierError, Diagnostics};
use dreamitate_geometry::View;
use dreamitate_msgs::builtin_interfaces::Time;
use image::RgbImage;
use std::time::Instant;

/// Joins what two cameras took, and publishes it at the rate that is asked for.
pub(super) struct Pairs {
    cameras: [CameraTopics; 2],
    pairing: Pairing<RgbImage>,
    period_ns: i64,
    /// Half a frame early is in time: cameras and this clock do not keep step.
    early_ns: i64,
    due_ns: i64,
    /// When the last pair was taken, published or not.
    last_ns: i64,
    told: (PairingCount, Instant),
}

impl Pairs {
    pub fn new(cameras: [CameraTopics; 2], settings: &Settings) -> Self {
        Self {
            cameras,
            pairing: Pairing::new((settings.pair_tolerance_ms * 1e6) as i64),
            period_ns: (1e9 / settings.rate_hz) as i64,
            early_ns: (0.5e9 / f64::from(settings.camera_rate_hz)) as i64,
            due_ns: i64::MIN,
            last_ns: i64::MIN,
            told: (PairingCount::default(), Instant::now()),
        }
    }

    /// A view's topics.
    pub fn camera(&mut self, view: View) -> &mut CameraTopics {
        &mut self.cameras[view.index()]
    }

    /// Takes a camera's next picture, and gives the pair that it completes if one is due: top first.
    pub fn due(&mut self, view: View, picture: Stamped<RgbImage>) -> Option<[Stamped<RgbImage>; 2]> {
        let pair = self.pairing.push(view, picture)?;
        let stamp_ns = pair[0].stamp_ns;
        // A recording that begins anew goes back in time, a camera that was away leaps ahead.
        let begins_anew = stamp_ns <= self.last_ns;
        if begins_anew || stamp_ns.abs_diff(self.due_ns) > self.period_ns.unsigned_abs() * 2 {
            self.due_ns = stamp_ns;
        }
        self.last_ns = stamp_ns;
        if stamp_ns < self.due_ns.saturating_sub(self.early_ns) {
            return None;
        }
        self.due_ns = self.due_ns.saturating_add(self.period_ns);
        Some(pair)
    }

    /// Publishes a pair with its stamps moved by `later_ns`.
    ///
    /// # Errors
    /// The carrier fails.
    pub fn publish(&self, pair: &[Stamped<RgbImage>; 2], later_ns: i64) -> Result<(), CarrierError> {
        for (camera, picture) in self.cameras.iter().zip(pair) {
            camera.publish(&picture.item, &Time::from_ns(picture.stamp_ns + later_ns))?;
        }
        Ok(())
    }

    /// Says how it went since it was told last.
    pub fn tell(&mut self, diagnostics: &Diagnostics) {
        let (now, (before, at)) = (self.pairing.count(), self.told);
        let pairs_hz = (now.pairs - before.pairs) as f64 / at.elapsed().as_secs_f64();
        diagnostics.value("pairs Hz", format!("{pairs_hz:.1}"));
        diagnostics.value("worst gap ms", format!("{:.2}", now.worst_gap_ns as f64 / 1e6));
        diagnostics.value("top frames unpaired", now.unpaired_top);
        diagnostics.value("side frames unpaired", now.unpaired_side);
        self.told = (now, Instant::now());
    }
}
