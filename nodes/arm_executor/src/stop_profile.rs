//! How an arm comes to rest from any state: each joint as fast as its acceleration and jerk limits allow.

use dreamitate_kinematics::Joints;
use dreamitate_motion::{Arm, TrajectoryPoint};
use rsruckig::prelude::*;

/// Of the limits: what is left for rounding in messages and at the controller.
const DERATED: f64 = 0.98;
/// Between two points. A quintic over less time makes large accelerations of rounded positions.
const SHORTEST_NS: i64 = 1_000_000;

/// Why there is no way to rest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StopProfileError {
    #[error("no profile for joint '{joint}': {source}")]
    Profile { joint: String, source: RuckigError },
    #[error("joint '{joint}' would stop at {stop_rad:.4} rad, limit {limit_rad:.4} rad")]
    PositionLimit { joint: String, stop_rad: f64, limit_rad: f64 },
}

/// The points from a state to rest, the state itself first. Between them a controller's quintics are the profile
/// itself, since a point lies wherever a jerk changes.
///
/// The jerk is the given one, or more where a joint would pass its position limit with it. An acceleration that would
/// take a joint beyond its speed limit before it slows down is cut to what does not.
///
/// # Errors
/// [`StopProfileError::PositionLimit`] if a joint cannot stop before its limit.
pub(crate) fn stop_points(
    arm: &Arm,
    from: &TrajectoryPoint,
    max_jerk_rad_s3: f64,
) -> Result<Vec<TrajectoryPoint>, StopProfileError> {
    let mut profiles = Vec::with_capacity(from.positions.len());
    for joint in 0..from.positions.len() {
        profiles.push(stop_joint(arm, from, joint, max_jerk_rad_s3)?);
    }
    let mut times_ns: Vec<i64> = profiles.iter().flat_map(switch_times_ns).collect();
    let end_ns = times_ns.iter().copied().max().unwrap_or(0);
    times_ns.sort_unstable();
    let mut points = vec![*from];
    // Those that were cut.
    points[0].accelerations = profiles.iter().map(|profile| state(profile, 0.0)[2]).collect();
    let mut last_ns = 0;
    for time_ns in times_ns {
        // The end has to be there, those just before it not.
        let near_end = end_ns - time_ns < SHORTEST_NS;
        if time_ns - last_ns >= SHORTEST_NS && (!near_end || time_ns == end_ns) {
            last_ns = time_ns;
            points.push(point(from.time_s, &profiles, 1e-9 * time_ns as f64));
        }
    }
    Ok(points)
}

/// One joint's way to rest.
fn stop_joint(
    arm: &Arm,
    from: &TrajectoryPoint,
    joint: usize,
    max_jerk_rad_s3: f64,
) -> Result<Trajectory<1>, StopProfileError> {
    /// How often the jerk may be doubled to stop before a position limit.
    const DOUBLINGS: i32 = 4;
    let limits = arm.chain.moving_joints()[joint].limits;
    let name = || arm.joint_names().swap_remove(joint);
    let mut passed = Ok(());
    for doubling in 0..=DOUBLINGS {
        let jerk = max_jerk_rad_s3 * 2f64.powi(doubling);
        let acceleration = DERATED * arm.limits.acceleration_rad_s2[joint];
        let (position, velocity) = (from.positions[joint], from.velocities[joint]);
        let mut input = InputParameter::<1>::new(None);
        input.control_interface = ControlInterface::Velocity;
        input.current_position[0] = position;
        input.current_velocity[0] = velocity;
        // An acceleration a, taken back with the jerk j, adds a²/(2j) to the speed.
        let spare = (DERATED * arm.limits.velocity_rad_s[joint] - velocity.abs()).max(0.0);
        let most = match from.accelerations[joint] * velocity > 0.0 {
            true => acceleration.min((2.0 * jerk * spare).sqrt()),
            false => acceleration,
        };
        input.current_acceleration[0] = from.accelerations[joint].clamp(-most, most);
        input.max_acceleration[0] = acceleration;
        input.max_jerk[0] = jerk;
        let mut profile = Trajectory::<1>::new(None);
        Ruckig::<1, ThrowErrorHandler>::new(None, 0.001)
            .calculate(&input, &mut profile)
            .map_err(|source| StopProfileError::Profile { joint: name(), source })?;
        let stop_rad = state(&profile, profile.duration)[0];
        let limit_rad = stop_rad.clamp(limits.lower, limits.upper);
        if limit_rad == stop_rad {
            return Ok(profile);
        }
        passed = Err(StopProfileError::PositionLimit { joint: name(), stop_rad, limit_rad });
    }
    passed.map(|()| Trajectory::new(None))
}

/// When the joint's jerk changes, ns since the stop's start.
fn switch_times_ns(profile: &Trajectory<1>) -> Vec<i64> {
    let parts = profile.profiles.iter().flat_map(|section| section.iter());
    parts
        .flat_map(|part| {
            let brake_s = part.brake.duration;
            [part.brake.t[0], brake_s].into_iter().chain(part.t_sum.map(|t| brake_s + t))
        })
        .map(|time_s| (1e9 * time_s).round() as i64)
        .collect()
}

fn point(start_s: f64, profiles: &[Trajectory<1>], time_s: f64) -> TrajectoryPoint {
    let states: Vec<[f64; 3]> = profiles.iter().map(|profile| state(profile, time_s)).collect();
    let row = |which: usize| states.iter().map(|state| state[which]).collect::<Joints>();
    TrajectoryPoint { time_s: start_s + time_s, positions: row(0), velocities: row(1), accelerations: row(2) }
}

/// Position, velocity and acceleration; at rest from the end on.
fn state(profile: &Trajectory<1>, time_s: f64) -> [f64; 3] {
    /// The points' times are whole nanoseconds.
    const ROUNDING_S: f64 = 1e-9;
    let [mut p, mut v, mut a] = [0.0; 3].map(|_| DataArrayOrVec::<f64, 1>::new(None, 0.0));
    let time_s = time_s.min(profile.duration);
    profile.at_time(time_s, &mut Some(&mut p), &mut Some(&mut v), &mut Some(&mut a), &mut None, &mut None);
    if time_s >= profile.duration - ROUNDING_S { [p[0], 0.0, 0.0] } else { [p[0], v[0], a[0]] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dreamitate_config::{ConfigFolder, Task};
    use dreamitate_motion::JointTrajectory;
    use proptest::prelude::*;

    fn arm() -> Arm {
        let folder = ConfigFolder::find(None);
        let task = Task::read(&folder, "rotation").unwrap();
        crate::arms_of_task(&folder, &task).unwrap().swap_remove(0).arm
    }

    proptest! {
        #[test]
        fn every_state_comes_to_rest_within_the_limits(
            speeds in prop::array::uniform7(-1.0f64..1.0),
            accelerations in prop::array::uniform7(-1.0f64..1.0),
        ) {
            let arm = arm();
            let (velocity, acceleration) = (&arm.limits.velocity_rad_s, &arm.limits.acceleration_rad_s2);
            let from = TrajectoryPoint {
                time_s: 1.25,
                positions: arm.home,
                velocities: speeds.iter().zip(velocity).map(|(v, limit)| v * limit).collect(),
                accelerations: accelerations.iter().zip(acceleration).map(|(a, limit)| a * limit).collect(),
            };
            let points = stop_points(&arm, &from, 200.0).unwrap();
            prop_assert_eq!(points[0].positions, from.positions);
            let last = *points.last().unwrap();
            prop_assert!(last.velocities.iter().chain(&last.accelerations).all(|v| *v == 0.0));
            let times: Vec<f64> = points.iter().map(|p| p.time_s).collect();
            prop_assert!(times.windows(2).all(|w| w[1] - w[0] > 0.9e-3), "{:?}", times);
            let stop = JointTrajectory { joint_names: vec![], points, waypoint_times_s: vec![], time_scale: 1.0 };
            // As a controller interpolates, at 10 kHz.
            let mut before: Option<TrajectoryPoint> = None;
            for step in 0..((stop.duration_s() - 1.25) * 1e4) as usize {
                let now = stop.at(1.25 + 1e-4 * step as f64).unwrap();
                for joint in 0..7 {
                    prop_assert!(now.velocities[joint].abs() <= velocity[joint] * (1.0 + 1e-9));
                    prop_assert!(now.accelerations[joint].abs() <= acceleration[joint]);
                    if let Some(before) = before {
                        let jerk = 1e4 * (now.accelerations[joint] - before.accelerations[joint]).abs();
                        // Above only for the millisecond in which two of its changes were put together.
                        prop_assert!(jerk <= 2.5 * 200.0, "{jerk} rad/s³ at {}", now.time_s);
                    }
                }
                before = Some(now);
            }
        }
    }

    #[test]
    fn a_joint_before_its_limit_stops_harder_or_is_named_with_the_limit() {
        let arm = arm();
        let mut from = TrajectoryPoint {
            time_s: 0.0,
            positions: arm.home,
            velocities: arm.home,
            accelerations: arm.home,
        };
        from.velocities.iter_mut().chain(from.accelerations.iter_mut()).for_each(|v| *v = 0.0);
        let limit = arm.chain.moving_joints()[1].limits.lower;
        from.velocities[1] = -1.0;
        // 1 rad/s takes 0.051 rad at 9.8 rad/s² alone, and 0.076 rad with a jerk of 200 rad/s³.
        from.positions[1] = limit + 0.06;
        let stop = stop_points(&arm, &from, 200.0).unwrap().last().unwrap().positions[1];
        assert!(stop >= limit && stop < limit + 0.01, "{stop}");
        from.positions[1] = limit + 0.03;
        let text = stop_points(&arm, &from, 200.0).unwrap_err().to_string();
        assert!(
            text.contains("'L_joint2' would stop at -2.0") && text.contains("limit -2.0590 rad"),
            "{text}"
        );
    }
}
