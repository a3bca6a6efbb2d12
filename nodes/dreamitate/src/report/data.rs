//! The data of the report, in the form in which its page reads them.

use crate::{
    observe::Observed,
    outcome::Ending,
    summary::{Reprojection, Summary, truth_errors},
};
use arm_executor::{ArmSummary, ExecutionSummary};
use base64::{Engine, engine::general_purpose::STANDARD};
use dreamitate_config::Task;
use dreamitate_geometry::{Pose, View};
use dreamitate_motion::ArmTask;
use dreamitate_render::{ToolModel, visible_edges};
use dreamitate_track::{FusedTrack, Status};
use image::{RgbImage, codecs::jpeg::JpegEncoder};
use pose_fusion::FusionLimits;
use scene_markers::{TOOL_COLOURS, axes_px};
use serde_json::{Value, json};

const JPEG_QUALITY: u8 = 85;
/// Views of a real dream disagree by so much that a fused pose lies a pixel or two beside each; farther, something is wrong.
const MAX_REPROJECTION_PX: f64 = 2.5;

pub(crate) fn report(
    observed: &Observed,
    summary: &Summary,
    tools: &[(String, ToolModel)],
    ending: Ending,
) -> anyhow::Result<Value> {
    let clip = &observed.clip;
    let execution = observed.execution.as_ref();
    let limits = FusionLimits::default();
    let views = View::ALL
        .iter()
        .map(|view| {
            let picture = clip.view(*view);
            let frames = picture.frames.iter().map(data_uri).collect::<anyhow::Result<Vec<_>>>()?;
            Ok(json!({ "name": view, "width": picture.camera.width, "height": picture.camera.height, "frames": frames }))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let reason = execution.map_or_else(
        || {
            observed
                .fused
                .values()
                .map(|f| f.reason.as_str())
                .find(|r| !r.is_empty())
                .unwrap_or("")
                .to_owned()
        },
        |e| e.message.clone(),
    );
    Ok(json!({
        "title": format!("{}: {}", clip.task, clip.id),
        "task": clip.task,
        "clip": clip.id,
        "source": clip.source.split(':').next(),
        "outcome": execution.map_or("tracked".to_owned(), |e| format!("{:?}", e.outcome).to_lowercase()),
        "outcome_ok": ending == Ending::Done,
        "reason": reason,
        "version": env!("CARGO_PKG_VERSION"),
        "limits": {
            "residual": limits.max_residual,
            "ray_gap_mm": 1e3 * limits.max_ray_gap_m,
            "rotation_gap_deg": limits.max_rotation_gap_rad.to_degrees(),
        },
        "stages": observed.stages.iter().map(|(name, seconds)| json!({ "name": name, "seconds": seconds })).collect::<Vec<_>>(),
        "figures": figures(observed, summary),
        "views": views,
        "frame_times_s": (0..clip.frame_count()).map(|k| clip.time_s(k)).collect::<Vec<_>>(),
        "tools": tools.iter().enumerate().map(|(i, (name, model))| tool(observed, i, name, model)).collect::<Vec<_>>(),
        "arms": execution.map(|e| e.arms.iter().map(arm).collect::<Vec<_>>()).unwrap_or_default(),
        "cameras": View::ALL.iter().map(|view| {
            let pose = clip.view(*view).world_from_camera;
            json!({ "name": view, "position_m": position(&pose), "quaternion_xyzw": quaternion(&pose) })
        }).collect::<Vec<_>>(),
    }))
}

/// The data of a plan that is not executed.
pub(crate) fn plan_report(
    task: &Task,
    arms: &[ArmTask],
    models: &[ToolModel],
    summary: &ExecutionSummary,
) -> Value {
    let tools = task.tools.iter().zip(models).zip(arms).enumerate().map(|(index, ((tool, model), arm))| {
        let [r, g, b] = TOOL_COLOURS[index % TOOL_COLOURS.len()];
        let fused = arm.waypoints.iter().zip(&arm.frames).map(|(waypoint, frame)| {
            json!({
                "frame": frame,
                "time_s": waypoint.time_s,
                "position_m": position(&waypoint.world_from_tool),
                "quaternion_xyzw": quaternion(&waypoint.world_from_tool),
                "accepted": true,
            })
        });
        json!({
            "name": tool.name,
            "color": format!("#{r:02x}{g:02x}{b:02x}"),
            "fused": fused.collect::<Vec<_>>(),
            "mesh": mesh(model),
        })
    });
    let last = arms.iter().flat_map(|arm| &arm.frames).max().copied().unwrap_or(0);
    json!({
        "title": format!("{}: plan", task.name),
        "task": task.name,
        "clip": summary.clip_id,
        "outcome": "planned",
        "outcome_ok": true,
        "reason": summary.message,
        "version": env!("CARGO_PKG_VERSION"),
        "figures": motion_figures(summary),
        "frame_times_s": (0..=last).map(|k| f64::from(k) * task.frame_period_s).collect::<Vec<_>>(),
        "tools": tools.collect::<Vec<_>>(),
        "arms": summary.arms.iter().map(arm).collect::<Vec<_>>(),
        "cameras": View::ALL.iter().map(|view| {
            let pose = task.rig.camera(*view).world_from_camera;
            json!({ "name": view, "position_m": position(&pose), "quaternion_xyzw": quaternion(&pose) })
        }).collect::<Vec<_>>(),
    })
}

fn figures(observed: &Observed, summary: &Summary) -> Vec<Value> {
    let mut figures = Vec::new();
    for (tool, track) in &observed.fused {
        let accepted = track.poses.iter().filter(|p| p.accepted).count();
        let value = format!("{accepted} of {}", track.poses.len());
        figures.push(figure(&format!("{tool}: frames accepted"), value, Some("≥ 4"), Some(accepted >= 4)));
        let errors = truth_errors(observed, tool);
        if !errors.is_empty() {
            let n = errors.len() as f64;
            let (mm, deg) = errors
                .iter()
                .fold((0.0, 0.0), |s, (_, e)| (s.0 + e.position_mm / n, s.1 + e.rotation_deg / n));
            figures.push(figure(
                &format!("{tool}: mean error"),
                format!("{mm:.2} mm, {deg:.2}°"),
                None,
                None,
            ));
        }
    }
    for (tool, summary) in &summary.tools {
        for (view, Reprojection { view_px, fused_px }) in &summary.reprojection {
            if let (Some(view_px), Some(fused_px)) = (view_px, fused_px) {
                figures.push(figure(
                    &format!("{tool}: its edges, {view}"),
                    format!("{view_px:.1} px off, fused {fused_px:.1} px"),
                    Some(&format!("≤ {MAX_REPROJECTION_PX} px")),
                    Some(*fused_px <= MAX_REPROJECTION_PX),
                ));
            }
        }
    }
    figures.extend(observed.execution.iter().flat_map(motion_figures));
    figures
}

fn figure(label: &str, value: String, limit: Option<&str>, ok: Option<bool>) -> Value {
    json!({ "label": label, "value": value, "limit": limit, "ok": ok })
}

fn motion_figures(execution: &ExecutionSummary) -> Vec<Value> {
    let mut figures = Vec::new();
    for arm in &execution.arms {
        let jump = arm.largest_jump_rad;
        figures.push(figure(
            &format!("{} arm: largest joint jump", arm.arm),
            format!("{jump:.2} rad"),
            None,
            None,
        ));
        let worst = arm.deviations.iter().flatten().map(|d| d.position_mm).reduce(f64::max);
        if let Some(mm) = worst {
            figures.push(figure(
                &format!("{} arm: deviation at waypoints", arm.arm),
                format!("{mm:.3} mm"),
                Some("≤ 1 mm"),
                Some(mm <= 1.0),
            ));
        }
    }
    if let Some(metres) = execution.clearance.and_then(|c| c.arms_m) {
        figures.push(figure("clearance between arms", format!("{:.0} mm", 1e3 * metres), None, None));
    }
    figures
}

fn tool(observed: &Observed, index: usize, name: &str, model: &ToolModel) -> Value {
    let [r, g, b] = TOOL_COLOURS[index % TOOL_COLOURS.len()];
    let per_view = |each: &dyn Fn(View) -> Value| json!({ "top": each(View::Top), "side": each(View::Side) });
    let tracked = |view: View| observed.view_tracks.get(name).map(|views| &views[view.index()]);
    let overlays = per_view(&|view| {
        let camera = &observed.clip.view(view).camera;
        let poses = tracked(view).map(|t| t.poses.as_slice()).unwrap_or_default();
        poses
            .iter()
            .filter(|pose| pose.status != Status::Lost)
            .filter_map(|pose| {
                Some(json!({
                    "frame": pose.frame,
                    "accepted": pose.status == Status::Accepted,
                    "outline": visible_edges(&model.mesh, camera, &pose.camera_from_tool),
                    "axes": axes_px(camera, &pose.camera_from_tool)?,
                }))
            })
            .collect()
    });
    let view_tracks = per_view(&|view| {
        let world_from_camera = observed.clip.view(view).world_from_camera;
        let poses = tracked(view).map(|t| t.poses.as_slice()).unwrap_or_default();
        poses
            .iter()
            .filter(|pose| pose.status == Status::Accepted)
            .map(|pose| json!({ "frame": pose.frame, "position_m": position(&(world_from_camera * pose.camera_from_tool)) }))
            .collect()
    });
    let fused: Vec<Value> = observed
        .fused
        .get(name)
        .map(|track| track.poses.as_slice())
        .unwrap_or_default()
        .iter()
        .filter_map(|pose| {
            let world_from_tool = pose.world_from_tool_mean()?;
            Some(json!({
                "frame": pose.frame,
                "time_s": observed.clip.time_s(pose.frame),
                "position_m": position(&world_from_tool),
                "quaternion_xyzw": quaternion(&world_from_tool),
                "accepted": pose.accepted,
                "residuals": { "top": pose.residuals.first(), "side": pose.residuals.get(1) },
                "ray_gap_mm": 1e3 * pose.ray_gap_m,
                "rotation_gap_deg": pose.rotation_gap_rad.to_degrees(),
                "confidence": pose.confidence,
                "reason": pose.reason,
            }))
        })
        .collect();
    let errors: Vec<Value> = truth_errors(observed, name)
        .into_iter()
        .map(|(frame, error)| json!({ "frame": frame, "position_mm": error.position_mm, "rotation_deg": error.rotation_deg }))
        .collect();
    json!({
        "name": name,
        "color": format!("#{r:02x}{g:02x}{b:02x}"),
        "overlays": overlays,
        "view_tracks": view_tracks,
        "fused": fused,
        "truth": observed.truth.get(name).map(truth),
        "errors": (!errors.is_empty()).then_some(errors),
        "mesh": mesh(model),
    })
}

fn truth(track: &FusedTrack) -> Vec<Value> {
    track
        .poses
        .iter()
        .filter_map(|pose| {
            let mean = pose.world_from_tool_mean()?;
            Some(json!({ "frame": pose.frame, "position_m": position(&mean), "quaternion_xyzw": quaternion(&mean) }))
        })
        .collect()
}

fn mesh(model: &ToolModel) -> Value {
    let colours: Vec<String> = model
        .mesh
        .triangles
        .iter()
        .map(|triangle| {
            let middle = |k: usize| triangle.texture.iter().map(|uv| uv[k]).sum::<f32>() / 3.0;
            let [r, g, b] = model.mesh.colour_at(middle(0), middle(1));
            format!("#{r:02x}{g:02x}{b:02x}")
        })
        .collect();
    json!({
        "vertices": model.mesh.vertices.iter().map(|v| [v.x, v.y, v.z]).collect::<Vec<_>>(),
        "triangles": model.mesh.triangles.iter().map(|t| t.corners).collect::<Vec<_>>(),
        "colors": colours,
    })
}

fn arm(arm: &ArmSummary) -> Value {
    let samples = &arm.executed;
    let rates: Vec<Vec<f64>> = samples
        .iter()
        .enumerate()
        .map(|(i, sample)| {
            let (before, after) = (&samples[i.saturating_sub(1)], samples.get(i + 1).unwrap_or(sample));
            let elapsed_s = (after.time_s - before.time_s).max(1e-6);
            after.positions.iter().zip(&before.positions).map(|(a, b)| (a - b) / elapsed_s).collect()
        })
        .collect();
    json!({
        "name": arm.arm,
        "tool": arm.tool,
        "joints": arm.joints.iter().map(|joint| json!({
            "name": joint.name, "lower_rad": joint.lower_rad, "upper_rad": joint.upper_rad,
            "velocity_limit_rad_s": joint.velocity_rad_s,
        })).collect::<Vec<_>>(),
        "time_s": samples.iter().map(|s| s.time_s).collect::<Vec<_>>(),
        "positions_rad": samples.iter().map(|s| &s.positions).collect::<Vec<_>>(),
        "velocities_rad_s": rates,
        "waypoint_times_s": arm.waypoint_times_s,
        "waypoint_frames": arm.waypoint_frames,
        "path": arm.path,
        "links": samples.iter().map(|s| &s.links_in_world).collect::<Vec<_>>(),
        "tool_position_m": samples.iter().map(|s| s.links_in_world.last()).collect::<Vec<_>>(),
        "tool_quaternion_xyzw": samples.iter().map(|s| s.tool_rotation_xyzw).collect::<Vec<_>>(),
    })
}

fn data_uri(image: &RgbImage) -> anyhow::Result<String> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY).encode_image(image)?;
    Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)))
}

fn position(pose: &Pose) -> [f64; 3] {
    pose.translation.vector.into()
}

fn quaternion(pose: &Pose) -> [f64; 4] {
    pose.rotation.coords.into()
}
