//! Errors of a trajectory against a reference, after Sturm, Engelhard, Endres, Burgard and Cremers, "A benchmark for the
//! evaluation of RGB-D SLAM systems", 2012, in the plane.

use outrider_foundation::geometry::wrap_angle;
use outrider_foundation::{Pose2, Span, Stamp};
use serde::Serialize;

/// A pose at a time.
pub type Timed = (Stamp, Pose2);

/// Errors over a whole trajectory.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Errors {
    /// Reference poses that the trajectory has a pose for.
    pub poses: usize,
    /// Absolute trajectory error: root mean square, median and greatest distance after the alignment, in m.
    pub ate_rmse_m: f64,
    /// Median.
    pub ate_median_m: f64,
    /// Greatest.
    pub ate_max_m: f64,
    /// Relative pose error from one reference pose to the next: root mean square, in m.
    pub rpe_1_m: f64,
    /// And in degrees.
    pub rpe_1_deg: f64,
    /// From one to the tenth after it, in m.
    pub rpe_10_m: f64,
    /// And in degrees.
    pub rpe_10_deg: f64,
}

/// Quaternions differ from the length 1 by no more than this, for rounding's sake.
const ROUNDING: f64 = 0.05;

/// Stamps of reference and trajectory that differ by less are the same: some files are cut off at a microsecond.
const SAME: Span = Span::from_nanos(2000);

/// Pairs every reference pose with the trajectory. Where it has the stamp of a scan, the pose of that scan is meant (of the
/// second, where the stamp comes a second time): logs whose clock stands still for a while have many poses of one stamp. Else
/// the pose at the same time, between its neighbours; none where no neighbour lies within `gap_s` on either side.
pub fn pair(
    reference: &[Timed],
    at_scans: &[Timed],
    trajectory: &[Timed],
    gap_s: f64,
) -> Vec<(Pose2, Pose2)> {
    let mut pairs = Vec::with_capacity(reference.len());
    let (mut before, mut repeats) = (None, 0);
    for (at, truth) in reference {
        repeats = if before == Some(*at) { repeats + 1 } else { 0 };
        before = Some(*at);
        let first = at_scans.partition_point(|(stamp, _)| *stamp < *at - SAME);
        let of_scan = at_scans.get(first + repeats).filter(|(stamp, _)| *stamp <= *at + SAME);
        let estimate = match of_scan {
            Some((_, pose)) => Some(*pose),
            None if repeats > 0 => None,
            None => pose_at(trajectory, *at, gap_s),
        };
        pairs.extend(estimate.map(|estimate| (*truth, estimate)));
    }
    pairs
}

fn pose_at(trajectory: &[Timed], at: Stamp, gap_s: f64) -> Option<Pose2> {
    let near = trajectory.partition_point(|(stamp, _)| *stamp < at - SAME);
    if let Some((_, pose)) = trajectory.get(near).filter(|(stamp, _)| *stamp <= at + SAME) {
        return Some(*pose);
    }
    let next = trajectory.partition_point(|(stamp, _)| *stamp <= at);
    let (before, a) = trajectory.get(next.checked_sub(1)?)?;
    let since_s = at.since(*before).as_s();
    let (after, b) = trajectory.get(next)?;
    let span_s = after.since(*before).as_s();
    if since_s > gap_s || span_s - since_s > gap_s {
        return None;
    }
    let fraction = since_s / span_s;
    Some(Pose2::new(
        a.x_m + fraction * (b.x_m - a.x_m),
        a.y_m + fraction * (b.y_m - a.y_m),
        wrap_angle(a.yaw_rad + fraction * wrap_angle(b.yaw_rad - a.yaw_rad)),
    ))
}

/// The rigid motion, without scale, that brings the estimates nearest to the truths in the sense of least squares (Horn's
/// closed form in the plane): `truth_from_estimate`.
pub fn alignment(pairs: &[(Pose2, Pose2)]) -> Pose2 {
    let n = pairs.len().max(1) as f64;
    let mean = |of: fn(&(Pose2, Pose2)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
    let (tx, ty) = (mean(|p| p.0.x_m), mean(|p| p.0.y_m));
    let (ex, ey) = (mean(|p| p.1.x_m), mean(|p| p.1.y_m));
    let (mut dot, mut cross) = (0.0, 0.0);
    for (truth, estimate) in pairs {
        let (ax, ay) = (estimate.x_m - ex, estimate.y_m - ey);
        let (bx, by) = (truth.x_m - tx, truth.y_m - ty);
        dot += ax * bx + ay * by;
        cross += ax * by - ay * bx;
    }
    let yaw_rad = if dot == 0.0 && cross == 0.0 { 0.0 } else { libm::atan2(cross, dot) };
    let (s, c) = libm::sincos(yaw_rad);
    Pose2::new(tx - (c * ex - s * ey), ty - (s * ex + c * ey), yaw_rad)
}

/// Errors of paired poses, truth first, after the alignment.
pub fn errors(pairs: &[(Pose2, Pose2)], truth_from_estimate: Pose2) -> Errors {
    let mut distances: Vec<f64> = pairs
        .iter()
        .map(|(truth, estimate)| truth.position().distance_m(truth_from_estimate.apply(estimate.position())))
        .collect();
    let ate_rmse_m = rms(distances.iter().copied());
    distances.sort_by(f64::total_cmp);
    let (rpe_1_m, rpe_1_deg) = relative(pairs, 1);
    let (rpe_10_m, rpe_10_deg) = relative(pairs, 10);
    Errors {
        poses: pairs.len(),
        ate_rmse_m,
        ate_median_m: distances.get(distances.len() / 2).copied().unwrap_or(f64::NAN),
        ate_max_m: distances.last().copied().unwrap_or(f64::NAN),
        rpe_1_m,
        rpe_1_deg,
        rpe_10_m,
        rpe_10_deg,
    }
}

fn relative(pairs: &[(Pose2, Pose2)], step: usize) -> (f64, f64) {
    let both = pairs.iter().zip(pairs.iter().skip(step)).map(|((q0, p0), (q1, p1))| {
        let truth = q0.inverse().then(*q1);
        truth.inverse().then(p0.inverse().then(*p1))
    });
    let errors: Vec<Pose2> = both.collect();
    let m = rms(errors.iter().map(|e| e.position().distance_m(Pose2::IDENTITY.position())));
    (m, rms(errors.iter().map(|e| e.yaw_rad)).to_degrees())
}

fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), v| (count + 1.0, sum + v * v));
    (sum / count).sqrt()
}

/// Reads a trajectory in TUM's format: `seconds x y z qx qy qz qw` in every line, `#` begins a comment.
///
/// # Errors
/// Names the line.
pub fn read_tum(text: &str) -> anyhow::Result<Vec<Timed>> {
    let mut list: Vec<Timed> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fields: Vec<f64> = line.split_whitespace().map(|f| f.parse().unwrap_or(f64::NAN)).collect();
        let &[_, x_m, y_m, _, qx, qy, qz, qw] = fields.as_slice() else {
            anyhow::bail!("line {number}: {} fields, a pose has 8", fields.len());
        };
        anyhow::ensure!(fields.iter().all(|f| f.is_finite()), "line {number}: `{line}` is not 8 numbers");
        let stamp = line.split_whitespace().next().and_then(stamp_of);
        let Some(stamp) = stamp else { anyhow::bail!("line {number}: time out of range") };
        let length = (qx * qx + qy * qy + qz * qz + qw * qw).sqrt();
        anyhow::ensure!(
            (length - 1.0).abs() <= ROUNDING,
            "line {number}: the quaternion {qx} {qy} {qz} {qw} has the length {length:.3}, expected 1"
        );
        let [qx, qy, qz, qw] = [qx, qy, qz, qw].map(|q| q / length);
        let yaw_rad = libm::atan2(2.0 * (qw * qz + qx * qy), 1.0 - 2.0 * (qy * qy + qz * qz));
        anyhow::ensure!(
            list.last().is_none_or(|(last, _)| *last <= stamp),
            "line {number}: its time is before that of the line before"
        );
        list.push((stamp, Pose2::new(x_m, y_m, yaw_rad)));
    }
    Ok(list)
}

/// Times of more nanoseconds do not fit.
const MOST_NANOS: f64 = 9.2e18;

/// Decimal seconds to nanoseconds without a detour over floating point, which would lose some.
fn stamp_of(seconds: &str) -> Option<Stamp> {
    let (sign, size) = match seconds.strip_prefix('-') {
        Some(size) => (-1, size),
        None => (1, seconds.strip_prefix('+').unwrap_or(seconds)),
    };
    let (whole, fraction) = size.split_once('.').unwrap_or((size, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        // Exponents: good to a microsecond.
        let nanos = seconds.parse::<f64>().ok()? * 1e9;
        return (nanos.abs() < MOST_NANOS).then(|| Stamp::from_nanos(nanos as i64));
    }
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let (whole, nanos): (i64, i64) = (whole.parse().ok()?, digits.parse().ok()?);
    let nanos = whole.checked_mul(1_000_000_000)?.checked_add(nanos)?;
    Some(Stamp::from_nanos(sign * nanos))
}

/// A line of TUM's format.
pub fn tum_line((stamp, pose): &Timed) -> String {
    let sign = if stamp.nanos() < 0 { "-" } else { "" };
    let nanos = stamp.nanos().unsigned_abs();
    let (s, c) = libm::sincos(0.5 * pose.yaw_rad);
    let (whole, part) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    format!("{sign}{whole}.{part:09} {:.6} {:.6} 0 0 0 {s:.9} {c:.9}\n", pose.x_m, pose.y_m)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: f64) -> Stamp {
        Stamp::from_nanos((seconds * 1e9) as i64)
    }

    #[test]
    fn a_moved_trajectory_has_no_error_after_alignment_and_a_bent_one_has() {
        let truth: Vec<Timed> = (0..50)
            .map(|i| (s(f64::from(i)), Pose2::new(f64::from(i), libm::sin(0.2 * f64::from(i)), 0.1)))
            .collect();
        let moved = Pose2::new(3.0, -1.0, 2.0);
        let estimate: Vec<Timed> = truth.iter().map(|(at, p)| (*at, moved.then(*p))).collect();
        let pairs = pair(&truth, &[], &estimate, 0.5);
        let aligned = alignment(&pairs);
        let e = errors(&pairs, aligned);
        assert_eq!(e.poses, 50);
        assert!(e.ate_max_m < 1e-9 && e.rpe_1_m < 1e-9 && e.rpe_10_deg < 1e-9, "{e:?}");
        // Without: as far as it was moved.
        assert!(errors(&pairs, Pose2::IDENTITY).ate_rmse_m > 3.0);
        // One pose off by 1 m: ATE about sqrt(1/50), two of 49 steps wrong by 1 m.
        let mut bent = pairs;
        bent[25].1 = bent[25].1.then(Pose2::new(0.0, 1.0, 0.0));
        let e = errors(&bent, aligned);
        assert!((e.ate_rmse_m - (1.0f64 / 50.0).sqrt()).abs() < 1e-9, "{e:?}");
        assert!((e.rpe_1_m - (2.0f64 / 49.0).sqrt()).abs() < 1e-9, "{e:?}");
        assert!((e.ate_max_m - 1.0).abs() < 1e-9 && e.ate_median_m < 1e-9);
    }

    #[test]
    fn poses_are_paired_by_time() {
        let estimate = vec![(s(1.0), Pose2::new(1.0, 0.0, 0.0)), (s(1.4), Pose2::new(2.0, 0.0, 0.4))];
        // A clock that stands still: two scans of one stamp, and a third reference pose that belongs to neither.
        let truth = vec![(s(1.0), Pose2::IDENTITY); 3];
        let scans = vec![(s(1.0), Pose2::new(7.0, 0.0, 0.0)), (s(1.0), Pose2::new(8.0, 0.0, 0.0))];
        let x: Vec<f64> = pair(&truth, &scans, &estimate, 0.5).iter().map(|(_, e)| e.x_m).collect();
        assert_eq!(x, [7.0, 8.0]);
        assert_eq!(pair(&truth, &[], &estimate, 0.5).len(), 1);
        let at = |t: f64| pose_at(&estimate, s(t), 0.5);
        assert_eq!(at(0.9), None);
        assert!((at(1.1).unwrap().x_m - 1.25).abs() < 1e-6);
        assert_eq!(at(1.4), Some(estimate[1].1));
        assert_eq!(at(1.5), None);
        assert_eq!(pose_at(&estimate, s(1.1), 0.05), None);
    }

    #[test]
    fn tum_files_are_read_exactly_and_faults_name_the_line() {
        let text = "# time x y z qx qy qz qw\n1000000033.108254 0.6 -0.03 0 0 0 -0.176404537 0.984317753\n\n";
        let list = read_tum(text).unwrap();
        assert_eq!(list[0].0.nanos(), 1_000_000_033_108_254_000);
        assert!((list[0].1.yaw_rad + 2.0 * libm::asin(0.176_404_537)).abs() < 1e-8);
        assert_eq!(read_tum(&tum_line(&list[0])).unwrap()[0].0, list[0].0);
        assert!(read_tum("1 2 3\n").unwrap_err().to_string().contains("line 1: 3 fields"));
        assert!(read_tum("1 2 3 0 0 0 x 1\n").unwrap_err().to_string().contains("line 1"));
        let nanos = |time: &str| {
            let line = format!("{time} 0 0 0 0 0 0 1\n");
            read_tum(&line).map(|list| list[0].0.nanos()).map_err(|error| error.to_string())
        };
        for (time, wanted) in [
            ("-1.2", -1_200_000_000),
            ("-0.5", -500_000_000),
            ("+2.25", 2_250_000_000),
            ("1e1", 10_000_000_000),
        ] {
            assert_eq!(nanos(time), Ok(wanted), "{time}");
            let line = tum_line(&(Stamp::from_nanos(wanted), Pose2::IDENTITY));
            assert_eq!(read_tum(&line).unwrap()[0].0.nanos(), wanted, "{line}");
        }
        for time in ["1e300", "-1e300", "99999999999999999999"] {
            assert_eq!(nanos(time), Err("line 1: time out of range".to_owned()), "{time}");
        }
        let back = "5 0 0 0 0 0 0 1\n4 0 0 0 0 0 0 1\n";
        assert!(read_tum(back).unwrap_err().to_string().contains("line 2: its time"));
    }

    #[test]
    fn quaternions_are_made_one_long_and_others_are_refused() {
        let yaw_rad = |q: &str| read_tum(&format!("1 0 0 0 0 0 {q}\n")).map(|list| list[0].1.yaw_rad);
        let right = yaw_rad("0.6 0.8").unwrap();
        assert!((yaw_rad("0.612 0.816").unwrap() - right).abs() < 1e-12);
        for (q, length) in [("0 0", "0.000"), ("1.2 1.6", "2.000"), ("0.3 0.4", "0.500")] {
            let error = yaw_rad(q).unwrap_err().to_string();
            assert!(
                error.contains(&format!("line 1: the quaternion 0 0 {q} has the length {length}")),
                "{error}"
            );
        }
    }
}
