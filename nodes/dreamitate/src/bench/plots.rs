use super::score::{FrameError, Scored};
use anyhow::{Context, anyhow};
use dreamer::rendered::Level;
use plotters::prelude::*;
use std::{collections::BTreeMap, path::Path};

const SIZE_PX: (u32, u32) = (900, 420);
const COLOURS: [RGBColor; 4] =
    [RGBColor(107, 114, 128), RGBColor(34, 160, 84), RGBColor(37, 99, 235), RGBColor(220, 80, 40)];

/// A curve a level: the share of all frames (1 is all) that is below a value.
struct Panel<'a> {
    title: &'a str,
    label: &'a str,
    most: f64,
    curves: Vec<(Level, Vec<f64>)>,
    /// How many frames stand for 1, a number a level.
    all: Vec<usize>,
}

/// Draws which part of the frames is off by less than a distance and an angle.
pub(super) fn errors(file: &Path, scored: &BTreeMap<Level, Vec<Scored>>) -> anyhow::Result<()> {
    let accepted = |value: &dyn Fn(&FrameError) -> f64| curves(scored, &|f| f.accepted.then(|| value(f)));
    let all: Vec<usize> =
        scored.values().map(|list| list.iter().map(|scored| scored.frames.len()).sum()).collect();
    draw(
        file,
        [
            Panel {
                title: "Position",
                label: "error, mm",
                most: 20.0,
                curves: accepted(&|f| 1e3 * f.position_m),
                all: all.clone(),
            },
            Panel {
                title: "Rotation",
                label: "error, °",
                most: 6.0,
                curves: accepted(&|f| f.rotation_rad.to_degrees()),
                all,
            },
        ],
    )
}

/// Draws which part of the accepted frames lies within a distance in the stated covariance, beside what should.
pub(super) fn calibration(file: &Path, scored: &BTreeMap<Level, Vec<Scored>>) -> anyhow::Result<()> {
    let found = curves(scored, &|f| {
        (f.accepted && f.mahalanobis_squared.is_finite()).then_some(f.mahalanobis_squared)
    });
    let all = found.iter().map(|(_, values)| values.len()).collect();
    let expected = Panel {
        title: "Squared distance from the truth in the stated covariance (dashed: as it should be)",
        label: "squared distance",
        most: 25.0,
        curves: found,
        all,
    };
    draw(file, [expected])
}

/// The chi-squared distribution of six degrees of freedom.
fn expected_share(squared: f64) -> f64 {
    let half = squared / 2.0;
    1.0 - (-half).exp() * (1.0 + half + half * half / 2.0)
}

fn curves(
    scored: &BTreeMap<Level, Vec<Scored>>,
    value: &dyn Fn(&FrameError) -> Option<f64>,
) -> Vec<(Level, Vec<f64>)> {
    scored
        .iter()
        .map(|(level, list)| {
            let mut values: Vec<f64> =
                list.iter().flat_map(|scored| &scored.frames).filter_map(value).collect();
            values.sort_by(f64::total_cmp);
            (*level, values)
        })
        .collect()
}

fn draw<const N: usize>(file: &Path, panels: [Panel<'_>; N]) -> anyhow::Result<()> {
    let area = SVGBackend::new(file, SIZE_PX).into_drawing_area();
    let drawn = (|| {
        area.fill(&WHITE)?;
        for (area, panel) in area.split_evenly((1, N)).iter().zip(&panels) {
            let mut chart = ChartBuilder::on(area)
                .caption(panel.title, ("sans-serif", 17))
                .margin(12)
                .x_label_area_size(36)
                .y_label_area_size(48)
                .build_cartesian_2d(0.0..panel.most, 0.0..1.0f64)?;
            chart
                .configure_mesh()
                .x_desc(panel.label)
                .y_desc("share of frames")
                .light_line_style(WHITE)
                .draw()?;
            if N == 1 {
                let steps = (0..=200).map(|i| panel.most * f64::from(i) / 200.0);
                let line = steps.map(|x| (x, expected_share(x)));
                chart.draw_series(DashedLineSeries::new(line, 6, 4, BLACK.stroke_width(1)))?;
            }
            for ((level, values), all) in panel.curves.iter().zip(&panel.all) {
                let colour = COLOURS[*level as usize];
                let share = |rank: usize| rank as f64 / (*all).max(1) as f64;
                let steps = values.iter().enumerate().flat_map(|(rank, value)| {
                    let x = value.min(panel.most);
                    [(x, share(rank)), (x, share(rank + 1))]
                });
                let end = (panel.most, share(values.iter().filter(|v| **v <= panel.most).count()));
                let line = steps.filter(|(x, _)| *x < panel.most).chain([end]);
                chart
                    .draw_series(LineSeries::new(line, colour.stroke_width(2)))?
                    .label(level.name())
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
            }
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::LowerRight)
                .background_style(WHITE)
                .border_style(RGBColor(200, 200, 200))
                .draw()?;
        }
        area.present()
    })();
    drawn.map_err(|error| anyhow!("{error}")).with_context(|| format!("cannot draw {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_share_is_chi_squared() {
        assert!((expected_share(12.59) - 0.95).abs() < 1e-3);
        assert!((expected_share(5.348) - 0.5).abs() < 1e-3);
    }
}
