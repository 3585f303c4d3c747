//! Key frames to motion, as Gazebo interpolates them: a cubic Hermite spline through the key frames whose tangents are half
//! the way between the neighbours, and time that runs evenly within every piece.

/// Where something is at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeyFrame {
    /// Since the start.
    pub t_s: f64,
    /// Along x.
    pub x_m: f64,
    /// Along y.
    pub y_m: f64,
}

/// Time from one sampled point to the next, s.
const STEP_S: f64 = 0.05;
/// The most points that a motion is sampled to.
const POINT_LIMIT: usize = 4_000;

/// Points `[t_s, x_m, y_m]` along the spline, with every key frame among them.
pub fn sample(frames: &[KeyFrame]) -> Vec<[f64; 3]> {
    let duration_s = frames.last().map_or(0.0, |f| f.t_s);
    let room = POINT_LIMIT.saturating_sub(frames.len()).max(1);
    let step_s = STEP_S.max(duration_s / room as f64);
    let mut points = Vec::new();
    for (i, pair) in frames.windows(2).enumerate() {
        let [a, b] = pair else { continue };
        let (from, to) = (tangent(frames, i), tangent(frames, i + 1));
        let steps = ((b.t_s - a.t_s) / step_s).floor().max(1.0) as usize;
        for k in 0..steps {
            let u = k as f64 / steps as f64;
            let at = |p: f64, q: f64, m: f64, n: f64| hermite(u, p, q, m, n);
            let (x_m, y_m) = (at(a.x_m, b.x_m, from.0, to.0), at(a.y_m, b.y_m, from.1, to.1));
            points.push([a.t_s + u * (b.t_s - a.t_s), x_m, y_m]);
        }
    }
    points.extend(frames.last().map(|f| [f.t_s, f.x_m, f.y_m]));
    points
}

/// Half of the way from the frame before to the frame after; at an open end from the frame itself.
fn tangent(frames: &[KeyFrame], i: usize) -> (f64, f64) {
    let last = frames.len().saturating_sub(1);
    let closed = matches!((frames.first(), frames.last()), (Some(a), Some(b)) if same(a, b));
    let (before, after) = match i {
        0 if closed => (last.saturating_sub(1), 1),
        i if i == last && closed => (last.saturating_sub(1), 1),
        _ => (i.saturating_sub(1), (i + 1).min(last)),
    };
    match (frames.get(before), frames.get(after)) {
        (Some(a), Some(b)) => (0.5 * (b.x_m - a.x_m), 0.5 * (b.y_m - a.y_m)),
        _ => (0.0, 0.0),
    }
}

fn same(a: &KeyFrame, b: &KeyFrame) -> bool {
    (a.x_m - b.x_m).abs() < 1e-9 && (a.y_m - b.y_m).abs() < 1e-9
}

/// From `p` with tangent `m` to `q` with tangent `n`.
fn hermite(u: f64, p: f64, q: f64, m: f64, n: f64) -> f64 {
    let (u2, u3) = (u * u, u * u * u);
    p * (2.0 * u3 - 3.0 * u2 + 1.0) + m * (u3 - 2.0 * u2 + u) + q * (3.0 * u2 - 2.0 * u3) + n * (u3 - u2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(t_s: f64, x_m: f64, y_m: f64) -> KeyFrame {
        KeyFrame { t_s, x_m, y_m }
    }

    #[test]
    fn the_spline_passes_its_key_frames_and_rounds_the_corner() {
        let frames = [frame(0.0, 0.0, 0.0), frame(2.0, 2.0, 0.0), frame(4.0, 2.0, 2.0)];
        let points = sample(&frames);
        for f in &frames {
            let passed =
                |p: &[f64; 3]| (p[0] - f.t_s).abs() + (p[1] - f.x_m).abs() + (p[2] - f.y_m).abs() < 1e-12;
            assert!(points.iter().any(passed), "{f:?}");
        }
        assert!(points.windows(2).all(|w| w[1][0] > w[0][0]));
        // Before the corner it swings out to the other side: half the way to the last frame is its tangent.
        let middle = points.iter().find(|p| (p[0] - 1.0).abs() < 1e-9).unwrap();
        assert!((middle[1] - 1.0).abs() < 1e-9 && (middle[2] + 0.125).abs() < 1e-9, "{middle:?}");
    }

    #[test]
    fn even_motion_along_a_line_stays_on_it() {
        let frames: Vec<KeyFrame> = (0..5).map(|i| frame(f64::from(i), f64::from(i), 1.0)).collect();
        let off = sample(&frames).iter().map(|p| (p[2] - 1.0).abs()).fold(0.0, f64::max);
        assert!(off < 1e-12);
        let inner = sample(&frames).into_iter().filter(|p| p[0] > 1.0 && p[0] < 3.0);
        assert!(inner.map(|p| (p[1] - p[0]).abs()).fold(0.0, f64::max) < 1e-9);
    }

    #[test]
    fn long_motions_stay_within_what_the_simulator_takes() {
        let frames = [frame(0.0, 0.0, 0.0), frame(9_000.0, 5.0, 0.0)];
        assert!(sample(&frames).len() <= POINT_LIMIT + 1);
        assert_eq!(sample(&frames[..1]), [[0.0, 0.0, 0.0]]);
        assert!(sample(&[]).is_empty());
    }
}
