//! The fastest law of time along a joint path: TOPP-RA (Pham and Pham, IEEE T-RO 34(3), 2018), by the crate `copp`.

use copp::InterpolationMode;
use copp::diag::CoppError;
use copp::robot::Robot;
use copp::solver::topp2_ra::{
    ReachSet2OptionsBuilder, Topp2ProblemBuilder, s_to_t_topp2, t_to_s_topp2, topp2_ra,
};
use dreamitate_kinematics::MAX_JOINTS;
use nalgebra::DMatrix;

use crate::arm::Arm;
use crate::cubic_spline::CubicSpline;
use crate::plan_settings::PlanSettings;

/// The solver keeps limits at its stations, and passes them a little between.
const DERATED: f64 = 0.98;
const STATIONS: usize = 201;

/// The path gone through from rest to rest as fast as the arm's limits allow, as a spline of time with a knot every
/// `step_s`. Between knots its accelerations are rounded off, so that it may pass limits a little: time has to be
/// stretched for that. `None` where the solver finds no way.
pub(crate) fn fastest(
    arm: &Arm,
    path: &CubicSpline<MAX_JOINTS>,
    settings: &PlanSettings,
    step_s: f64,
) -> Option<CubicSpline<MAX_JOINTS>> {
    let parameters = parameters_over_time(arm, path, settings, step_s).ok()?;
    let last = path.span_s().1;
    let mut times_s: Vec<f64> = (0..parameters.len()).map(|i| i as f64 * step_s).collect();
    let mut rows: Vec<_> = parameters.iter().map(|&s| path.at(s).value).collect();
    // The grid of time need not meet the end.
    if let (Some(row), Some(parameter)) = (rows.last_mut(), parameters.last()) {
        if last - parameter < 1e-3 * last {
            *row = path.at(last).value;
        } else {
            rows.push(path.at(last).value);
            times_s.push(times_s.len() as f64 * step_s);
        }
    }
    CubicSpline::at_rest(times_s, rows)
}

fn parameters_over_time(
    arm: &Arm,
    path: &CubicSpline<MAX_JOINTS>,
    settings: &PlanSettings,
    step_s: f64,
) -> Result<Vec<f64>, CoppError> {
    let dof = arm.chain.dof();
    let last = path.span_s().1;
    let stations: Vec<f64> = (0..STATIONS).map(|i| last * i as f64 / (STATIONS - 1) as f64).collect();
    let states: Vec<_> = stations.iter().map(|&s| path.at(s)).collect();
    let values = DMatrix::from_fn(dof, STATIONS, |joint, i| states[i].value[joint]);
    let slopes = DMatrix::from_fn(dof, STATIONS, |joint, i| states[i].velocity[joint]);
    let bends = DMatrix::from_fn(dof, STATIONS, |joint, i| states[i].acceleration[joint]);
    let part = DERATED * settings.limit_fraction;
    let most = |limits: &[f64], sign: f64| limits.iter().map(|l| sign * part * l).collect::<Vec<_>>();
    let (velocity, acceleration) = (&arm.limits.velocity_rad_s, &arm.limits.acceleration_rad_s2);
    let mut robot = Robot::with_capacity(dof, STATIONS);
    robot
        .with_s(stations.as_slice())?
        .with_q(&values.as_view(), &slopes.as_view(), &bends.as_view(), None, 0)?
        .with_axial_velocity(
            (most(velocity, 1.0).as_slice(), STATIONS),
            (most(velocity, -1.0).as_slice(), STATIONS),
            0,
        )?
        .with_axial_acceleration(
            (most(acceleration, 1.0).as_slice(), STATIONS),
            (most(acceleration, -1.0).as_slice(), STATIONS),
            0,
        )?;
    let problem = Topp2ProblemBuilder::new(&robot, (0, STATIONS - 1), (0.0, 0.0)).build()?;
    let squared_speeds = topp2_ra(&problem, &ReachSet2OptionsBuilder::new().build()?)?;
    let (_, times_s) = s_to_t_topp2(&stations, &squared_speeds, 0.0)?;
    let grid = InterpolationMode::UniformTimeGrid(0.0, step_s, true);
    t_to_s_topp2(&stations, &squared_speeds, &times_s, grid)
}
