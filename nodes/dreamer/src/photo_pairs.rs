use anyhow::{Context, bail};
use dreamitate_carrier::{Node, Qos, Subscription};
use dreamitate_clip::{camera_from_message, image_from_message};
use dreamitate_geometry::{PinholeCamera, View};
use dreamitate_msgs::{
    builtin_interfaces::Time,
    sensor_msgs::{CameraInfo, Image},
};
use std::time::Duration;
use tokio::sync::watch;

use crate::onnx::Photos;

/// Two photos of one moment, and the cameras that took them.
#[derive(Clone, Debug, PartialEq)]
pub struct PhotoPair {
    /// The photos.
    pub photos: Photos,
    /// The cameras in the order of [`View::ALL`], of the photos' sizes.
    pub cameras: [PinholeCamera; 2],
}

/// The latest pair of a stereo camera's topics.
pub struct PhotoPairs {
    latest: watch::Receiver<Latest>,
    limits: PairLimits,
}

/// How far apart and how old two photos may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairLimits {
    /// How far apart two photos may have been taken, seconds.
    pub gap_s: f64,
    /// How old the older one may be, seconds.
    pub age_s: f64,
    /// How long a pair is waited for, seconds.
    pub patience_s: f64,
}

/// The latest message of each of a view's topics, in the order of [`View::ALL`].
#[derive(Clone, Default)]
struct Latest {
    images: [Option<Image>; 2],
    infos: [Option<CameraInfo>; 2],
}

impl PhotoPairs {
    /// Listens to `camera/{top,side}/image_raw` and `camera_info` as long as the future that is returned is awaited.
    ///
    /// # Errors
    /// The carrier fails, at once or, from the future, later.
    pub fn listen(
        node: &Node,
        limits: PairLimits,
    ) -> anyhow::Result<(Self, impl Future<Output = anyhow::Result<()>> + use<>)> {
        let images = |view| node.subscribe::<Image>(&format!("camera/{view}/image_raw"), Qos::sensor_data());
        let infos =
            |view| node.subscribe::<CameraInfo>(&format!("camera/{view}/camera_info"), Qos::sensor_data());
        let [mut top, mut side] = [images(View::Top)?, images(View::Side)?];
        let [mut top_info, mut side_info] = [infos(View::Top)?, infos(View::Side)?];
        let (send, latest) = watch::channel(Latest::default());
        let listening = async move {
            loop {
                tokio::select! {
                    image = next(&mut top) => { let image = image?; send.send_modify(|l| l.images[0] = Some(image)) }
                    image = next(&mut side) => { let image = image?; send.send_modify(|l| l.images[1] = Some(image)) }
                    info = next(&mut top_info) => { let info = info?; send.send_modify(|l| l.infos[0] = Some(info)) }
                    info = next(&mut side_info) => { let info = info?; send.send_modify(|l| l.infos[1] = Some(info)) }
                }
            }
        };
        Ok((Self { latest, limits }, listening))
    }

    /// The next pair that keeps to the limits.
    ///
    /// # Errors
    /// None came in time; says what is missing, too old or too far apart, with the limit. Or a message is damaged.
    pub async fn pair(&self) -> anyhow::Result<PhotoPair> {
        let mut latest = self.latest.clone();
        let patience = Duration::from_secs_f64(self.limits.patience_s);
        let timely = tokio::time::timeout(
            patience,
            latest.wait_for(|l| l.fault(&self.limits, Time::now().to_ns()).is_none()),
        );
        let whole = match timely.await {
            Ok(whole) => whole.context("the cameras' topics are closed")?.clone(),
            Err(_) => {
                let fault = self.latest.borrow().fault(&self.limits, Time::now().to_ns());
                bail!(
                    "no pair of photos within {} s: {}",
                    self.limits.patience_s,
                    fault.unwrap_or_else(|| "the last one came too late".to_owned())
                );
            }
        };
        let Latest { images: [Some(top), Some(side)], infos: [Some(top_info), Some(side_info)] } = whole
        else {
            bail!("a photo or its camera_info is missing");
        };
        let camera = |view: View, info: &CameraInfo, image: &Image| {
            let camera = camera_from_message(info).with_context(|| format!("camera/{view}/camera_info"))?;
            if (camera.width, camera.height) != (image.width, image.height) {
                bail!(
                    "the {view} photo is {}×{} px, its camera_info says {}×{} px",
                    image.width,
                    image.height,
                    camera.width,
                    camera.height
                );
            }
            Ok(camera)
        };
        let cameras = [camera(View::Top, &top_info, &top)?, camera(View::Side, &side_info, &side)?];
        let photo =
            |view: View, image| image_from_message(image).with_context(|| format!("camera/{view}/image_raw"));
        let photos = Photos { top: photo(View::Top, top)?, side: photo(View::Side, side)? };
        Ok(PhotoPair { photos, cameras })
    }
}

impl Latest {
    /// What keeps the latest messages from being a pair.
    fn fault(&self, limits: &PairLimits, now_ns: i64) -> Option<String> {
        for (view, (image, info)) in View::ALL.into_iter().zip(self.images.iter().zip(&self.infos)) {
            if image.is_none() {
                return Some(format!("nothing on camera/{view}/image_raw"));
            }
            if info.is_none() {
                return Some(format!("nothing on camera/{view}/camera_info"));
            }
        }
        let [top, side] = [0, 1].map(|view| self.images[view].as_ref().map_or(0, |i| i.header.stamp.to_ns()));
        let gap_s = (top - side).abs() as f64 * 1e-9;
        if gap_s > limits.gap_s {
            return Some(format!("the photos are {gap_s:.3} s apart, over the limit of {} s", limits.gap_s));
        }
        let age_s = (now_ns - top.min(side)) as f64 * 1e-9;
        if age_s > limits.age_s {
            return Some(format!("the photos are {age_s:.1} s old, over the limit of {} s", limits.age_s));
        }
        if -age_s > limits.age_s {
            let ahead_s = -age_s;
            let limit_s = limits.age_s;
            return Some(format!(
                "the photos are {ahead_s:.1} s ahead of this clock, over the limit of {limit_s} s"
            ));
        }
        None
    }
}

async fn next<M: dreamitate_msgs::Message>(subscription: &mut Subscription<M>) -> anyhow::Result<M> {
    loop {
        match subscription.recv().await.context("the carrier closed")? {
            Ok(message) => return Ok(message),
            // The next one may be whole; if none is, a goal says that nothing came.
            Err(error) => tracing::warn!(%error, topic = subscription.topic(), "a message is dropped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dreamitate_msgs::std_msgs::Header;

    const LIMITS: PairLimits = PairLimits { gap_s: 0.02, age_s: 1.0, patience_s: 1.0 };

    fn taken_at(top_s: f64, side_s: f64) -> Latest {
        let image = |s: f64| {
            let header = Header { stamp: Time::from_ns((s * 1e9) as i64), ..Header::default() };
            Some(Image { header, ..Image::default() })
        };
        Latest {
            images: [image(top_s), image(side_s)],
            infos: [Some(CameraInfo::default()), Some(CameraInfo::default())],
        }
    }

    #[test]
    fn only_a_fresh_pair_of_one_moment_is_taken() {
        let fault = |top, side| taken_at(top, side).fault(&LIMITS, 10_000_000_000);
        assert_eq!(fault(9.99, 9.98), None);
        assert_eq!(fault(9.99, 9.9).unwrap(), "the photos are 0.090 s apart, over the limit of 0.02 s");
        assert_eq!(fault(8.5, 8.51).unwrap(), "the photos are 1.5 s old, over the limit of 1 s");
        assert_eq!(
            fault(12.5, 12.5).unwrap(),
            "the photos are 2.5 s ahead of this clock, over the limit of 1 s"
        );
        let mut one = taken_at(9.99, 9.99);
        one.infos[1] = None;
        assert_eq!(one.fault(&LIMITS, 0).unwrap(), "nothing on camera/side/camera_info");
    }
}
