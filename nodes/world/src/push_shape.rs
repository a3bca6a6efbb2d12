//! Push-shape: one hand with a pusher brings a shape to its goal, some strokes one after the other.

use crate::{
    Judge, Kind, Mark, Mobility, PhysicsOptions, Piece, Scene, Score, Shape, Split, Surface, Thing, ToolPath,
    World, WorldError,
    act::{about, attitude, between, heading_rad, wrapped},
    draw::{Draw, STYLES, some},
    scene::{self, Hands},
};
use dreamitate_clip::CLIP_SIZE;
use dreamitate_config::Task;
use dreamitate_geometry::{CropResize, PinholeCamera, Pose, RigCamera};
use nalgebra::{Point2, Point3, Rotation2, UnitQuaternion, Vector2, Vector3};
use serde::Deserialize;
use std::{collections::BTreeMap, f64::consts::PI, sync::Arc};

/// The shape's sides end so high above the table: it stands on small balls.
const GROUND_CLEARANCE_M: f64 = 0.001;

/// `config/worlds/push_shape.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    physics: PhysicsOptions,
    scene: Placing,
    style: Style,
    plan: Search,
    score: Limits,
    shapes: Shapes,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Placing {
    start_x_m: [f64; 2],
    start_y_m: [f64; 2],
    heading_rad: [f64; 2],
    offset_m: [f64; 2],
    turn_deg: [f64; 2],
    most_x_m: f64,
    most_y_m: f64,
    height_m: [f64; 2],
    density_kg_m3: [f64; 2],
    friction: [f64; 2],
    side_friction: f64,
    colours_rgb: Vec<[u8; 3]>,
    goal_rgb: [u8; 3],
}

/// How a hand pushes: ranges from which each stroke draws.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Style {
    yaw_rad: [f64; 2],
    pitch_rad: [f64; 2],
    roll_rad: [f64; 2],
    tip_height_m: [f64; 2],
    approach_m: [f64; 3],
    hover_m: f64,
    arrive_frame: f64,
    descend_frame: f64,
    down_frame: f64,
    push_frame: f64,
    pushed_frame: f64,
    back_frame: f64,
    back_m: f64,
    /// The foot's tip in the tool's frame, metres.
    tool_from_tip_m: [f64; 3],
    foot_radius_m: f64,
    foot_half_between_m: f64,
}

/// How the expert looks for the next stroke.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    rounds: u32,
    clearance_m: f64,
    boundary_step_m: f64,
    skew_rad: Vec<f64>,
    bend_rad: Vec<f64>,
    longest_m: f64,
    shortlist: usize,
    finalists: usize,
    trim_m: Vec<f64>,
    trial_speed_m_s: f64,
    reach_x_m: f64,
    reach_y_m: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    least_iou: f64,
    most_turn_deg: f64,
    enough_iou: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shapes {
    stroke_half_width_m: f64,
    foot_radius_m: f64,
    unit_m: f64,
    training: BTreeMap<String, Drawing>,
    test: BTreeMap<String, Drawing>,
}

/// A shape in units of a grid: strokes `[x0, y0, x1, y1]`, or convex polygons.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Drawing {
    Strokes(Vec<[f64; 4]>),
    Polygons { polygons: Vec<Vec<[f64; 2]>> },
}

type Polygon = Vec<Point2<f64>>;

/// A shape in its frame, whose origin is its centroid.
#[derive(Clone, Debug)]
struct Outline {
    /// Convex pieces, corners counter-clockwise.
    polygons: Vec<Polygon>,
    /// Where the balls are on which it stands.
    feet: Vec<Point2<f64>>,
    /// Mean distance of the feet: what a turn by one radian moves it, metres.
    radius_m: f64,
}

/// What this task's scenes have of their own.
#[derive(Clone, Debug)]
pub(crate) struct Details {
    outline: Outline,
    height_m: f64,
    world_from_goal: Pose,
    /// The first camera as clips have it, and where it stands.
    camera: (PinholeCamera, Pose),
    style: Style,
    search: Search,
    limits: Limits,
}

fn area_m2(polygon: &Polygon) -> f64 {
    let next = polygon.iter().cycle().skip(1);
    0.5 * polygon.iter().zip(next).map(|(a, b)| a.x * b.y - a.y * b.x).sum::<f64>().abs()
}

fn centroid(polygon: &Polygon) -> Point2<f64> {
    let middle = polygon.iter().map(|p| p.coords).sum::<Vector2<f64>>() / polygon.len() as f64;
    let (mut total, mut at) = (0.0, Vector2::zeros());
    for (a, b) in polygon.iter().zip(polygon.iter().cycle().skip(1)) {
        let (to_a, to_b) = (a.coords - middle, b.coords - middle);
        let area = 0.5 * to_a.perp(&to_b);
        total += area;
        at += area * (middle + a.coords + b.coords) / 3.0;
    }
    Point2::from(at / total)
}

impl Outline {
    fn new(drawing: &Drawing, shapes: &Shapes) -> Self {
        let (half, unit_m) = (shapes.stroke_half_width_m, shapes.unit_m);
        let mut polygons: Vec<Polygon> = match drawing {
            Drawing::Polygons { polygons } => polygons
                .iter()
                .map(|polygon| polygon.iter().map(|[x, y]| Point2::new(unit_m * x, unit_m * y)).collect())
                .collect(),
            Drawing::Strokes(strokes) => strokes
                .iter()
                .map(|[x0, y0, x1, y1]| {
                    let [a, b] = [[*x0, *y0], [*x1, *y1]].map(|at| Point2::from(at) * unit_m);
                    let along = half * (b - a).normalize();
                    let across = Vector2::new(-along.y, along.x);
                    let (a, b) = (a - along, b + along);
                    vec![a - across, b - across, b + across, a + across]
                })
                .collect(),
        };
        let total: f64 = polygons.iter().map(area_m2).sum();
        let middle = polygons.iter().map(|p| area_m2(p) * centroid(p).coords).sum::<Vector2<f64>>() / total;
        polygons.iter_mut().flatten().for_each(|corner| *corner -= middle);
        let mut feet: Vec<Point2<f64>> = Vec::new();
        for polygon in &polygons {
            let places: Vec<Point2<f64>> = match drawing {
                // The ends of the stroke.
                Drawing::Strokes(_) => {
                    let inward = 0.5 * half * (polygon[1] - polygon[0]).normalize();
                    let end = |i: usize, j: usize| nalgebra::center(&polygon[i], &polygon[j]);
                    vec![end(0, 3) + inward, end(1, 2) - inward]
                }
                Drawing::Polygons { .. } => {
                    let middle = centroid(polygon);
                    polygon.iter().map(|corner| corner + 0.006 * (middle - corner).normalize()).collect()
                }
            };
            for place in places {
                if feet.iter().all(|foot| (place - foot).norm() > 0.012) {
                    feet.push(place);
                }
            }
        }
        let radius_m = feet.iter().map(|foot| foot.coords.norm()).sum::<f64>() / feet.len() as f64;
        Self { polygons, feet, radius_m }
    }

    fn is_strokes(drawing: &Drawing) -> bool {
        matches!(drawing, Drawing::Strokes(_))
    }

    /// A lower bound of a point's distance to the shape; negative inside.
    fn outside_m(&self, point: Point2<f64>) -> f64 {
        let beyond = |polygon: &Polygon| {
            let next = polygon.iter().cycle().skip(1);
            let edges = polygon.iter().zip(next).map(|(a, b)| outward(a, b).dot(&(point - a)));
            edges.fold(f64::NEG_INFINITY, f64::max)
        };
        self.polygons.iter().map(beyond).fold(f64::INFINITY, f64::min)
    }
}

/// The unit normal of an edge of a counter-clockwise polygon.
fn outward(a: &Point2<f64>, b: &Point2<f64>) -> Vector2<f64> {
    let edge = b - a;
    Vector2::new(edge.y, -edge.x).normalize()
}

pub(crate) fn scene(file: &File, task: &Task, seed: u64, split: Split) -> Result<Scene, WorldError> {
    let drawings: Vec<(&String, &Drawing)> =
        split.of(&file.shapes.training, &file.shapes.test).iter().collect();
    some(&drawings, "shapes")?;
    some(&file.scene.colours_rgb, "colours_rgb")?;
    let (name, drawing) = drawings[(seed % drawings.len() as u64) as usize];
    let outline = Outline::new(drawing, &file.shapes);
    let placing = &file.scene;
    let mut draw = Draw::new(seed, split.stream());
    let mut places = (0..1000).map(|_| {
        let start = Vector2::new(draw.within(placing.start_x_m), draw.within(placing.start_y_m));
        let heading = draw.within(placing.heading_rad);
        let (offset_m, way) = (draw.within(placing.offset_m), draw.within([-PI, PI]));
        let turn = draw.within(placing.turn_deg).to_radians() * draw.sign();
        (start, heading, start + offset_m * Vector2::new(way.cos(), way.sin()), heading + turn)
    });
    let (start, heading, goal, goal_heading) = places
        .find(|(_, _, goal, _)| goal.x.abs() < placing.most_x_m && goal.y.abs() < placing.most_y_m)
        .ok_or(WorldError::NoRoom(seed))?;
    let flat = |at: Vector2<f64>, heading: f64| {
        Pose::from_parts(Vector3::new(at.x, at.y, 0.0).into(), about(Vector3::z_axis(), heading))
    };
    let height_m = draw.within(placing.height_m);
    let density_kg_m3 = draw.within(placing.density_kg_m3);
    let friction = draw.within(placing.friction);
    let colour = *draw.one_of(&placing.colours_rgb);
    let half_height_m = 0.5 * (height_m - GROUND_CLEARANCE_M);
    let middle_m = GROUND_CLEARANCE_M + half_height_m;
    let piece = |polygon: &Polygon| {
        if Outline::is_strokes(drawing) {
            let (along, across) = (polygon[1] - polygon[0], polygon[3] - polygon[0]);
            let middle = nalgebra::center(&polygon[0], &polygon[2]);
            let at = Pose::from_parts(
                Vector3::new(middle.x, middle.y, middle_m).into(),
                about(Vector3::z_axis(), along.y.atan2(along.x)),
            );
            let half_m = [along.norm() / 2.0, across.norm() / 2.0, half_height_m];
            return Piece::new(Shape::Box { half_m }, at, colour);
        }
        let outline_m = polygon.iter().map(|corner| [corner.x, corner.y]).collect();
        Piece::at(Shape::Prism { outline_m, half_height_m }, 0.0, 0.0, middle_m, colour)
    };
    let foot_radius_m = file.shapes.foot_radius_m;
    let foot = |foot: &Point2<f64>| Piece {
        friction: Some(friction),
        ..Piece::at(Shape::Sphere { radius_m: foot_radius_m }, foot.x, foot.y, foot_radius_m, colour)
    };
    let area_m2: f64 = outline.polygons.iter().map(area_m2).sum();
    let thing = Thing {
        name: "shape".to_owned(),
        world_from_thing: flat(start, heading),
        pieces: outline.polygons.iter().map(piece).chain(outline.feet.iter().map(foot)).collect(),
        mobility: Mobility::Free,
        kind: Kind::Object,
        mass_kg: area_m2 * height_m * density_kg_m3,
        surface: Surface::sliding(placing.side_friction),
        look: None,
    };
    let world_from_goal = flat(goal, goal_heading);
    let RigCamera { camera, world_from_camera } = &task.rig.top;
    let crop = CropResize::centred((camera.width, camera.height), CLIP_SIZE);
    let outlines_m = outline.polygons.iter().map(|p| p.iter().map(|c| [c.x, c.y]).collect()).collect();
    Ok(Scene {
        task: "push_shape".to_owned(),
        seed,
        split,
        about: name.clone(),
        things: vec![thing],
        marks: vec![Mark { world_from_mark: world_from_goal, outlines_m, colour: placing.goal_rgb }],
        options: file.physics.clone(),
        frame_period_s: 0.0,
        details: scene::Details::PushShape(Box::new(Details {
            outline,
            height_m,
            world_from_goal,
            camera: (crop.camera(camera), *world_from_camera),
            style: file.style.clone(),
            search: file.plan.clone(),
            limits: file.score,
        })),
    })
}

/// One stroke of the foot: an arc on the table.
#[derive(Clone, Debug)]
struct Stroke {
    rotation: UnitQuaternion<f64>,
    tip_height_m: f64,
    from_m: Vector2<f64>,
    direction_rad: f64,
    /// Change of direction with the way, rad/m.
    bend_rad_m: f64,
    length_m: f64,
}

impl Stroke {
    /// The foot's place and its direction after a way.
    fn at(&self, way_m: f64) -> (Vector2<f64>, f64) {
        let (from, to) = (self.direction_rad, self.direction_rad + self.bend_rad_m * way_m);
        let moved = if (self.bend_rad_m * way_m).abs() < 1e-6 {
            way_m * Vector2::new(from.cos(), from.sin())
        } else {
            Vector2::new(to.sin() - from.sin(), from.cos() - to.cos()) / self.bend_rad_m
        };
        (self.from_m + moved, to)
    }

    /// The tool with the foot's tip over a place.
    fn tool_over(&self, style: &Style, place_m: Vector2<f64>, tip_m: f64) -> Pose {
        let tip = self.rotation * Vector3::from(style.tool_from_tip_m);
        Pose::from_parts((Vector3::new(place_m.x, place_m.y, tip_m) - tip).into(), self.rotation)
    }

    fn world_from_tool(&self, style: &Style, time: f64) -> Pose {
        let (place, way) = self.at(self.length_m * between(time, style.push_frame, style.pushed_frame));
        let back = style.back_m * between(time, style.pushed_frame, style.back_frame);
        let place = place - back * Vector2::new(way.cos(), way.sin());
        let left = 1.0 - between(time, crate::act::FIRST_FRAME, style.arrive_frame);
        let up = style.hover_m * (1.0 - between(time, style.descend_frame, style.down_frame));
        let [x, y, z] = style.approach_m;
        self.tool_over(style, place + left * Vector2::new(x, y), self.tip_height_m + up + left * z)
    }
}

impl Details {
    pub fn most_rounds(&self) -> u32 {
        self.search.rounds
    }

    pub fn is_enough(&self, score: &Score) -> bool {
        score.success && score.figures.first().is_some_and(|(_, iou)| *iou >= self.limits.enough_iou)
    }

    /// How far a pose is from the goal, metres, a turn counted by what it moves.
    fn error_m(&self, pose: &Pose) -> f64 {
        let goal = &self.world_from_goal;
        let off = pose.translation.vector.xy() - goal.translation.vector.xy();
        off.norm().hypot(self.outline.radius_m * wrapped(heading_rad(pose) - heading_rad(goal)))
    }

    /// The stroke that brings the shape nearest to its goal and some like it, found in the physics.
    pub fn paths(&self, scene: &Scene, hands: &mut Hands, round: u32) -> Result<Vec<ToolPath>, WorldError> {
        let mut trials = Vec::new();
        hands.world.restore(&hands.start)?;
        let strokes = self.candidates(&hands.world.thing(0), scene.seed, round);
        let half = self.search.shortlist / 2;
        for (rank, stroke) in strokes.into_iter().take(self.search.shortlist).enumerate() {
            let bends: &[f64] = if rank < half { &self.search.bend_rad } else { &[0.0] };
            for bend in bends {
                let stroke = Stroke { bend_rad_m: bend / 0.1, ..stroke.clone() };
                if let Some((error_m, length_m)) = self.try_out(hands, &stroke)? {
                    trials.push((error_m, Stroke { length_m, ..stroke }));
                }
            }
        }
        trials.sort_by(|a, b| a.0.total_cmp(&b.0));
        let style = Arc::new(self.style.clone());
        let path = |stroke: Stroke| -> ToolPath {
            let style = style.clone();
            Arc::new(move |_, time| stroke.world_from_tool(&style, time))
        };
        let mut best: Option<(f64, Stroke)> = None;
        for (_, stroke) in trials.into_iter().take(self.search.finalists) {
            let value = hands.perform(scene, &path(stroke.clone()))?.value;
            if best.as_ref().is_none_or(|(before, _)| value > *before) {
                best = Some((value, stroke));
            }
        }
        // The best, and a bit shorter and longer.
        let Some((_, best)) = best else { return Ok(Vec::new()) };
        let lengths = std::iter::once(0.0).chain(self.search.trim_m.iter().copied());
        let trimmed = lengths.map(|more_m| (best.length_m + more_m).max(0.0));
        Ok(trimmed.map(|length_m| path(Stroke { length_m, ..best.clone() })).collect())
    }

    /// Strokes worth a trial, best first by the friction ellipsoid: force and torque against the way to go.
    fn candidates(&self, pose: &Pose, seed: u64, round: u32) -> Vec<Stroke> {
        let mut draw = Draw::new(seed, STYLES + u64::from(round));
        let rotation = attitude(
            draw.within(self.style.yaw_rad),
            draw.within(self.style.pitch_rad),
            draw.within(self.style.roll_rad),
        );
        let tip_height_m = draw.within(self.style.tip_height_m);
        let (search, style, radius_m) = (&self.search, &self.style, self.outline.radius_m);
        let turn = Rotation2::new(heading_rad(pose));
        let at = pose.translation.vector.xy();
        let off = self.world_from_goal.translation.vector.xy() - at;
        let to_turn = wrapped(heading_rad(&self.world_from_goal) - heading_rad(pose));
        let wanted = Vector3::new(off.x, off.y, radius_m * to_turn).normalize();
        let across = (rotation * Vector3::y()).xy();
        let mut found = Vec::new();
        for polygon in &self.outline.polygons {
            for (a, b) in polygon.iter().zip(polygon.iter().cycle().skip(1)) {
                let normal = outward(a, b);
                let count = (((b - a).norm() / search.boundary_step_m) as usize).max(1);
                for part in 0..count {
                    let contact = a + (b - a) * ((part as f64 + 0.5) / count as f64);
                    // Covered by another piece.
                    if self.outline.outside_m(contact + 0.002 * normal) < 0.0015 {
                        continue;
                    }
                    let (arm, normal) = (turn * contact.coords, turn * normal);
                    for skew in &search.skew_rad {
                        let force = Rotation2::new(*skew) * -normal;
                        let twist = Vector3::new(force.x, force.y, arm.perp(&force) / radius_m);
                        let fit = twist.dot(&wanted) / twist.norm();
                        let gap_m = style.foot_radius_m
                            + style.foot_half_between_m * normal.dot(&across).abs()
                            + search.clearance_m;
                        let from_m = at + arm - gap_m * force;
                        let clear = [-1.0, 0.0, 1.0].iter().all(|side| {
                            let foot = from_m + side * style.foot_half_between_m * across - at;
                            let outside_m = self.outline.outside_m((turn.inverse() * foot).into());
                            outside_m >= style.foot_radius_m + 0.7 * search.clearance_m
                        });
                        if fit < 0.1 || !clear || !self.within_reach(from_m) {
                            continue;
                        }
                        let direction_rad = force.y.atan2(force.x);
                        let (bend_rad_m, length_m) = (0.0, search.longest_m);
                        found.push((
                            fit,
                            Stroke { rotation, tip_height_m, from_m, direction_rad, bend_rad_m, length_m },
                        ));
                    }
                }
            }
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.into_iter().map(|(_, stroke)| stroke).collect()
    }

    fn within_reach(&self, place_m: Vector2<f64>) -> bool {
        place_m.x.abs() <= self.search.reach_x_m && place_m.y.abs() <= self.search.reach_y_m
    }

    /// Pushes along a stroke evenly: the least error on the way, and the way to it. `None` if it never gets better.
    fn try_out(&self, hands: &mut Hands, stroke: &Stroke) -> Result<Option<(f64, f64)>, WorldError> {
        let search = &self.search;
        hands.world.restore(&hands.start)?;
        let begin = stroke.tool_over(&self.style, stroke.from_m, stroke.tip_height_m);
        hands.world.hold(&[begin]);
        let now_m = self.error_m(&hands.world.thing(0));
        let mut best = None;
        let mut least_m = now_m;
        let step_m = search.trial_speed_m_s * hands.world.physics().timestep_s();
        for step in 1..=(search.longest_m / step_m) as usize {
            let way_m = step as f64 * step_m;
            let (place, _) = stroke.at(way_m);
            if !self.within_reach(place) {
                break;
            }
            let led = stroke.tool_over(&self.style, place, stroke.tip_height_m);
            hands.world.lead(&[led]);
            hands.world.step();
            if step % 2 == 0 {
                let error_m = self.error_m(&hands.world.thing(0));
                if error_m < least_m {
                    // The tool is a little behind the hand.
                    let behind = hands.world.tool(0).translation.vector - led.translation.vector;
                    least_m = error_m;
                    best = Some((error_m, (way_m - behind.xy().norm()).max(0.0)));
                } else if error_m > least_m + 0.02 {
                    break;
                }
            }
        }
        Ok(best)
    }

    pub fn judge(&self) -> Box<dyn Judge + Send> {
        Box::new(Pushed(self.clone()))
    }

    /// Overlap of the shape's and the goal's masks, over what either covers, as the first camera sees their tops.
    fn iou(&self, pose: &Pose) -> f64 {
        let (camera, world_from_camera) = &self.camera;
        let places = [pose, &self.world_from_goal];
        let camera_from_world = world_from_camera.inverse();
        // The part of the picture where either can be.
        let corners = places.iter().flat_map(|place| {
            self.outline.polygons.iter().flatten().filter_map(move |corner| {
                camera
                    .project(&(camera_from_world * (*place * Point3::new(corner.x, corner.y, self.height_m))))
            })
        });
        let (mut low, mut high) = (Point2::new(f64::MAX, f64::MAX), Point2::new(f64::MIN, f64::MIN));
        for corner in corners {
            (low, high) = (low.inf(&corner), high.sup(&corner));
        }
        let limit = |value: f64, size: u32| value.clamp(0.0, f64::from(size)) as u32;
        let columns = limit(low.x, camera.width)..limit(high.x.ceil() + 1.0, camera.width);
        let rows = limit(low.y, camera.height)..limit(high.y.ceil() + 1.0, camera.height);
        let froms = places.map(Pose::inverse);
        let eye = world_from_camera.translation.vector;
        let (mut both, mut either) = (0u32, 0u32);
        for (row, column) in rows.flat_map(|row| columns.clone().map(move |column| (row, column))) {
            let pixel = Point2::new(f64::from(column), f64::from(row));
            let ray = world_from_camera.rotation * camera.direction(&pixel);
            let point = Point3::from(eye + (self.height_m - eye.z) / ray.z * ray);
            let [a, b] = froms.map(|from| self.outline.outside_m((from * point).xy()) < 0.0);
            both += u32::from(a && b);
            either += u32::from(a || b);
        }
        f64::from(both) / f64::from(either.max(1))
    }

    fn turn_error_deg(&self, pose: &Pose) -> f64 {
        wrapped(heading_rad(pose) - heading_rad(&self.world_from_goal)).to_degrees().abs()
    }
}

/// Looks where the shape ends.
struct Pushed(Details);

impl Judge for Pushed {
    fn watch(&mut self, _: &World) {}

    fn score(&self, world: &World) -> Score {
        let (details, pose) = (&self.0, world.thing(0));
        let (iou, turn_deg) = (details.iou(&pose), details.turn_error_deg(&pose));
        let limits = details.limits;
        let failure = if iou < limits.least_iou {
            Some(format!("covers {iou:.2} of the goal, at least {}", limits.least_iou))
        } else if turn_deg > limits.most_turn_deg {
            Some(format!("{turn_deg:.1}° off, at most {}°", limits.most_turn_deg))
        } else {
            None
        };
        Score {
            success: failure.is_none(),
            figures: vec![("iou", iou), ("turn_error_deg", turn_deg)],
            failure,
        }
    }

    fn value(&self, world: &World) -> f64 {
        -self.0.error_m(&world.thing(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dreamitate_config::ConfigFolder;

    /// A square of 66 mm with its goal at the origin.
    fn square() -> Details {
        let config = ConfigFolder::find(Some(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config").as_ref()));
        let task = Task::read(&config, "push_shape").unwrap();
        let file: File = crate::read_yaml(&config.path().join("worlds/push_shape.yaml")).unwrap();
        let scene = scene(&file, &task, 0, Split::Test).unwrap();
        let scene::Details::PushShape(mut details) = scene.details else { panic!("another task") };
        let polygons = vec![vec![[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]]];
        details.outline = Outline::new(&Drawing::Polygons { polygons }, &file.shapes);
        details.world_from_goal = Pose::identity();
        *details
    }

    #[test]
    fn overlap_is_counted_as_the_camera_sees_it() {
        let details = square();
        let side_m = 4.0 * 0.0165;
        assert_eq!(details.iou(&Pose::identity()), 1.0);
        // A square looks the same turned by a quarter, but its heading is off.
        let quarter = Pose::from_parts(Vector3::zeros().into(), about(Vector3::z_axis(), PI / 2.0));
        assert!(details.iou(&quarter) > 0.97);
        assert!((details.turn_error_deg(&quarter) - 90.0).abs() < 1e-9);
        // Half of it beside: one third.
        let half = Pose::translation(side_m / 2.0, 0.0, 0.0);
        assert!((details.iou(&half) - 1.0 / 3.0).abs() < 0.02, "{}", details.iou(&half));
        assert_eq!(details.iou(&Pose::translation(0.2, 0.0, 0.0)), 0.0);
    }

    #[test]
    fn a_shapes_frame_is_its_centroid_and_its_feet_are_inside() {
        let details = square();
        let corners = &details.outline.polygons[0];
        let middle = corners.iter().map(|corner| corner.coords).sum::<Vector2<f64>>() / 4.0;
        assert!(middle.norm() < 1e-12 && details.outline.feet.len() == 4);
        assert!(details.outline.feet.iter().all(|foot| details.outline.outside_m(*foot) < -0.003));
        assert!((details.outline.outside_m(Point2::new(0.053, 0.0)) - 0.02).abs() < 1e-9);
    }

    #[test]
    fn a_stroke_goes_its_way_and_bends_as_it_was_told() {
        let straight = Stroke {
            rotation: UnitQuaternion::identity(),
            tip_height_m: 0.01,
            from_m: Vector2::new(0.1, 0.0),
            direction_rad: PI / 2.0,
            bend_rad_m: 0.0,
            length_m: 0.1,
        };
        let (place, way) = straight.at(0.1);
        assert!((place - Vector2::new(0.1, 0.1)).norm() < 1e-9 && (way - PI / 2.0).abs() < 1e-12);
        // A quarter of a circle to the left.
        let bent = Stroke { bend_rad_m: PI / 2.0 / 0.1, ..straight };
        let (place, way) = bent.at(0.1);
        let radius_m = 0.2 / PI;
        assert!((place - Vector2::new(0.1 - radius_m, radius_m)).norm() < 1e-9 && (way - PI).abs() < 1e-9);
    }
}
