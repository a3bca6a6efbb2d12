//! dev
#![allow(missing_docs, clippy::unwrap_used)]
use dreamitate_clip::ClipView;
use dreamitate_config::{ConfigFolder, Task};
use dreamitate_geometry::*;
use dreamitate_render::{ToolModel, visible_edges};
use dreamitate_track::*;
use pose_fusion::*;
use std::time::Instant;
use tool_tracker::*;

fn main() {
    let task = Task::read(&ConfigFolder::find(None), "rotation").unwrap();
    let tools: std::sync::Arc<[ToolModel]> =
        task.tools.iter().map(|t| ToolModel::read(&t.file).unwrap()).collect();
    println!("facets {}", tools[0].facets.list().len());
    let study: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string("../shared/dreams/rotation/study_poses.json").unwrap())
            .unwrap();
    let cases: Vec<String> = std::env::args().skip(1).collect();
    for case in &cases {
        let clock = Instant::now();
        let views: Vec<ClipView> = View::ALL
            .iter()
            .map(|view| {
                let photo =
                    image::open(format!("../shared/dreams/rotation/{case}/{view}.png")).unwrap().to_rgb8();
                let crop = CropResize::centred((1280, 720), (768, 448));
                let rig = task.rig.camera(*view);
                let first =
                    image::RgbImage::from_raw(768, 448, crop.apply_rgb(photo.as_raw(), 1280)).unwrap();
                let mut frames = vec![first];
                let start = if *view == View::Top { 2 } else { 14 };
                for i in 0..12 {
                    frames.push(
                        image::open(format!("/tmp/look/{case}/{:02}.png", start + i)).unwrap().to_rgb8(),
                    );
                }
                ClipView {
                    camera: crop.camera(&rig.camera),
                    world_from_camera: rig.world_from_camera,
                    frames,
                }
            })
            .collect();
        println!("{case} load {:?}", clock.elapsed());
        let clock = Instant::now();
        let trackers: Vec<_> = views
            .iter()
            .map(|v| ViewTracker::new(v, tools.clone(), TrackerSettings::default()).unwrap())
            .collect();
        println!("prepare {:?}", clock.elapsed());
        let clock = Instant::now();
        let mut tracks: Vec<Vec<ToolTrack>> = trackers.iter().map(|t| t.track().unwrap()).collect();
        println!("track {:?}", clock.elapsed());
        let mut fused: Vec<FusedTrack> = vec![];
        for round in 0..3 {
            fused = (0..tools.len())
                .map(|tool| {
                    let poses = (1..13)
                        .map(|frame| {
                            let list: Vec<ViewPose> = View::ALL
                                .iter()
                                .enumerate()
                                .filter_map(|(v, view)| {
                                    let p = tracks[v][tool].at(frame)?;
                                    Some(ViewPose {
                                        world_from_camera: views[v].world_from_camera,
                                        camera_from_tool: p.camera_from_tool,
                                        information: p.information,
                                        residual: p.residual,
                                        accepted: p.status == Status::Accepted,
                                        reason: p.reason.clone(),
                                        view: view.to_string(),
                                    })
                                })
                                .collect();
                            fuse(
                                frame,
                                &list,
                                FusionMethod::Coupled,
                                &FusionLimits::default(),
                                &ViewTie::DREAMED,
                            )
                        })
                        .collect();
                    FusedTrack::judged(poses, 4)
                })
                .collect();
            let (mut n, mut dp, mut dr) = (0, vec![], vec![]);
            for (tool, name) in ["left", "right"].iter().enumerate() {
                for p in &fused[tool].poses {
                    if p.frame >= 4 && p.accepted {
                        n += 1;
                    }
                    let reference = study[case][*name]
                        .as_array()
                        .unwrap()
                        .iter()
                        .find(|e| e["frame"] == p.frame && e["accepted"] == true);
                    if let (Some(r), Some(g), true) = (reference, &p.world_from_tool, p.accepted) {
                        let rows: [[f64; 4]; 3] =
                            serde_json::from_value(r["topcam_from_tool"].clone()).unwrap();
                        let pose = views[0].world_from_camera * pose_from_rows(&rows).unwrap();
                        dp.push(1e3 * (pose.translation.vector - g.mean.translation.vector).norm());
                        dr.push(rotation_angle_rad(&pose, &g.mean).to_degrees());
                    }
                }
            }
            dp.sort_by(f64::total_cmp);
            dr.sort_by(f64::total_cmp);
            println!(
                "round {round}: accepted {n}/18, vs study median {:.2} mm {:.2}°, max {:.1} mm {:.1}°",
                dp[dp.len() / 2],
                dr[dr.len() / 2],
                dp.last().unwrap(),
                dr.last().unwrap()
            );
            if round == 2 {
                break;
            }
            let clock = Instant::now();
            tracks = (0..2)
                .map(|v| {
                    let to_cam = views[v].world_from_camera.inverse();
                    let turn = to_cam.rotation.to_rotation_matrix();
                    let mut t6 = nalgebra::Matrix6::<f64>::zeros();
                    t6.fixed_view_mut::<3, 3>(0, 0).copy_from(turn.matrix());
                    t6.fixed_view_mut::<3, 3>(3, 3).copy_from(turn.matrix());
                    let priors: Vec<Vec<Option<Gaussian6>>> = fused
                        .iter()
                        .map(|f| {
                            let mut list = vec![None];
                            list.extend(f.poses.iter().map(|p| {
                                p.world_from_tool.as_ref().map(|g| Gaussian6 {
                                    mean: to_cam * g.mean,
                                    covariance: t6 * g.covariance * t6.transpose(),
                                })
                            }));
                            list
                        })
                        .collect();
                    (0..2).map(|t| trackers[v].track_with_prior(t, &tracks[v][t], &priors[t])).collect()
                })
                .collect();
            println!("prior round {:?}", clock.elapsed());
        }
        for (tool, f) in fused.iter().enumerate() {
            println!("{} {:?} {}", task.tools[tool].name, f.outcome, f.reason);
            for p in &f.poses {
                println!(
                    "  {:2} {} res {:5.1?} vis {:.2} {:.2} gap {:.1} mm {:.1}° {}",
                    p.frame,
                    p.accepted,
                    p.residuals,
                    tracks[0][tool].at(p.frame).unwrap().visible_fraction,
                    tracks[1][tool].at(p.frame).unwrap().visible_fraction,
                    p.ray_gap_m * 1e3,
                    p.rotation_gap_rad.to_degrees(),
                    p.reason
                );
            }
        }
        // overlay sheet
        let mut sheet = image::RgbImage::new(768 * 4, 448 * 6);
        for v in 0..2 {
            for frame in 1..13 {
                let mut picture = views[v].frames[frame].clone();
                for tool in 0..tools.len() {
                    let own = tracks[v][tool].at(frame).unwrap();
                    let colour = if own.status == Status::Accepted {
                        image::Rgb([0, 255, 0])
                    } else {
                        image::Rgb([255, 0, 0])
                    };
                    for [a, b] in visible_edges(&tools[tool].mesh, &views[v].camera, &own.camera_from_tool) {
                        let n = ((a[0] - b[0]).hypot(a[1] - b[1])).ceil().max(1.0) as usize;
                        for i in 0..=n {
                            let t = i as f64 / n as f64;
                            let (x, y) =
                                ((a[0] + t * (b[0] - a[0])).round(), (a[1] + t * (b[1] - a[1])).round());
                            if x >= 0.0 && y >= 0.0 && x < 768.0 && y < 448.0 {
                                picture.put_pixel(x as u32, y as u32, colour);
                            }
                        }
                    }
                }
                let k = (frame - 1) + 12 * v;
                image::imageops::replace(&mut sheet, &picture, (k % 4 * 768) as i64, (k / 4 * 448) as i64);
            }
        }
        sheet.save(format!("/tmp/look/overlay_{case}.png")).unwrap();
    }
}
