use super::*;
use outrider_foundation::data::Track;
use outrider_foundation::robot::{Robot, example};

/// A component as it is believed in: an ellipse, turned; and its weight.
#[derive(Clone, Copy)]
struct Ellipse {
    weight: f64,
    at: Point2,
    sigmas_m: [f64; 2],
    yaw_rad: f64,
}

impl Ellipse {
    fn draw(&self, rng: &mut outrider_foundation::rng::Rng) -> Point2 {
        let ([a, b], (s, c)) = (self.sigmas_m, libm::sincos(self.yaw_rad));
        let (u, v) = (a * rng.normal(), b * rng.normal());
        Point2::new(self.at.x_m + c * u - s * v, self.at.y_m + s * u + c * v)
    }

    fn told(&self) -> Gaussian {
        Gaussian { weight: self.weight, position: self.at, sigma_m: self.sigmas_m[0].max(self.sigmas_m[1]) }
    }

    /// Covariance: xx, xy, yy.
    fn spread(&self) -> [f64; 3] {
        let ([a, b], (s, c)) = (self.sigmas_m.map(|s| s * s), libm::sincos(self.yaw_rad));
        [a * c * c + b * s * s, (a - b) * s * c, a * s * s + b * c * c]
    }
}

/// Somebody who is so at all times.
fn track(parts: &[Ellipse], existence: f64) -> Track {
    let mean = |of: &dyn Fn(&Ellipse) -> f64| parts.iter().map(|p| p.weight * of(p)).sum::<f64>();
    let (x, y) = (mean(&|p| p.at.x_m), mean(&|p| p.at.y_m));
    let xx = mean(&|p| p.spread()[0] + (p.at.x_m - x).powi(2));
    let xy = mean(&|p| p.spread()[1] + (p.at.x_m - x) * (p.at.y_m - y));
    let yy = mean(&|p| p.spread()[2] + (p.at.y_m - y).powi(2));
    let worst_m = (0.5 * (xx + yy) + libm::hypot(0.5 * (xx - yy), xy)).sqrt();
    let points = 30;
    Track {
        state: TrackState::Confirmed,
        position: Point2::new(x, y),
        velocity: Point2::new(1.0, 0.0),
        covariance: std::array::from_fn(|i| if i % 5 == 0 { worst_m * worst_m } else { 0.0 }),
        radius_m: 0.25,
        existence,
        prediction_step_s: 0.1,
        prediction: vec![Point2::new(x, y); points],
        prediction_sigma_m: vec![worst_m; points],
        mixture: parts.iter().flat_map(|p| vec![p.told(); points]).collect(),
        ..Track::default()
    }
}

fn config() -> MppiConfig {
    let config: crate::Config =
        outrider_yaml::from_str_valid(include_str!("../../../../../config/planner.yaml")).unwrap();
    config.mppi
}

fn around(robot: &Robot) -> Around<'_> {
    Around {
        centre: Point2::default(),
        reach_m: 2.0,
        footprint: &robot.footprint,
        standing_mps: 0.25,
        unseen_growth_mps: 0.5,
    }
}

/// Greatest bound over the horizon on contact with the robot where it is.
fn bound(tracks: &[Track], pose: Pose2) -> f64 {
    let (moving, robot) = (Moving::all(tracks, 0.02), Robot::new(example::amr()).unwrap());
    let around = around(&robot);
    let (config, mut out) = (config(), Vec::new());
    fill(&config, &moving, around, &mut out).unwrap();
    let at = |i| {
        out.iter()
            .filter(|c| !c.comfort_only && c.counts[i])
            .map(|c| c.probability(i, pose, &robot.footprint))
            .sum::<f64>()
    };
    // From one prediction on: before it leads over from the present.
    (4..config.steps).map(at).fold(0.0, f64::max)
}

/// Stands with some sway; or has set off, either way along x.
fn stands() -> Vec<Ellipse> {
    let at = Point2::default();
    vec![
        Ellipse { weight: 0.85, at, sigmas_m: [0.08, 0.06], yaw_rad: 0.4 },
        Ellipse { weight: 0.15, at, sigmas_m: [0.35, 0.2], yaw_rad: -0.3 },
    ]
}

/// Walks on; or turns to the left, or stops.
fn walks() -> Vec<Ellipse> {
    vec![
        Ellipse { weight: 0.06, at: Point2::new(-1.2, 0.0), sigmas_m: [0.12, 0.1], yaw_rad: 0.0 },
        Ellipse { weight: 0.78, at: Point2::new(0.1, 0.0), sigmas_m: [0.3, 0.15], yaw_rad: 0.1 },
        Ellipse { weight: 0.16, at: Point2::new(-0.2, 0.9), sigmas_m: [0.38, 0.05], yaw_rad: 2.2 },
    ]
}

/// Monte Carlo: wherever the robot is beside somebody, contact is no more probable than the bound; also where a part of the
/// mixture reaches over the robot and the others do not.
#[test]
fn the_bound_of_a_mixture_is_one() {
    let robot = Robot::new(example::amr()).unwrap();
    let mut rng = outrider_foundation::rng::Rng::new(2, 0, 0);
    let margin_m = config().risk.margin_m;
    let (mut near, mut far) = (0, 0);
    for parts in [stands(), walks()] {
        let all = [track(&parts, 0.9)];
        for i in 0..60 {
            let (s, c) = libm::sincos(0.7 * f64::from(i));
            let d = 0.3 + 0.03 * f64::from(i);
            let pose = Pose2::new(d * c, d * s, 1.3 * f64::from(i));
            let draws = 4000;
            let mut meets = 0.0;
            for _ in 0..draws {
                let mut left = rng.uniform();
                let part = parts
                    .iter()
                    .find(|p| {
                        left -= p.weight;
                        left < 0.0
                    })
                    .unwrap_or(&parts[0]);
                let at = pose.inverse().apply(part.draw(&mut rng));
                let gap_m = robot.footprint.signed_distance_m(at) - 0.25 - margin_m;
                meets += f64::from(u8::from(gap_m < 0.0 && rng.uniform() < 0.9));
            }
            let (p, told) = (meets / f64::from(draws), bound(&all, pose));
            let error = (p * (1.0 - p) / f64::from(draws)).sqrt();
            assert!(p <= told + 4.0 * error + 1e-3, "{i}: {p} > {told}");
            near += u32::from(p > 0.05);
            far += u32::from(told < 0.05);
        }
    }
    assert!(near > 15 && far > 15, "{near} {far}");
}

/// How far the robot's side has to be from somebody's disc and the margin for the chance constraint to hold, m.
fn needed_m(track: &Track, away: Point2) -> f64 {
    let (limit, robot) = (config().risk.step_probability_max, Robot::new(example::amr()).unwrap());
    let side_m = robot.footprint.signed_distance_m(Point2::new(0.0, 1.0));
    let reach_m = 1.0 - side_m + 0.25 + config().risk.margin_m;
    let yaw_rad = libm::atan2(away.y_m, away.x_m) - std::f64::consts::FRAC_PI_2;
    let holds = |gap_m: f64| {
        let d = reach_m + gap_m;
        bound(std::slice::from_ref(track), Pose2::new(d * away.x_m, d * away.y_m, yaw_rad)) <= limit
    };
    (0..200).map(|i| 0.01 * f64::from(i)).find(|gap_m| holds(*gap_m)).unwrap()
}

#[test]
fn a_mixture_keeps_the_robot_less_far_from_who_stands_or_walks() {
    for (parts, away, at_least) in [
        (stands(), Point2::new(0.0, 1.0), 0.02),
        // On the side that he does not turn to.
        (walks(), Point2::new(0.0, -1.0), 0.04),
    ] {
        let mixed = track(&parts, 1.0);
        let single = Track { mixture: Vec::new(), ..mixed.clone() };
        let (by_mixture_m, by_one_m) = (needed_m(&mixed, away), needed_m(&single, away));
        assert!(by_mixture_m < by_one_m - at_least && by_mixture_m > 0.0, "{by_mixture_m} {by_one_m}");
    }
}

/// Existence times the sum over the components; weights change over time and between predictions.
#[test]
fn components_have_their_weights_at_every_time() {
    let mut track = track(&stands(), 0.8);
    let points = track.prediction.len();
    for i in 0..points {
        let stays = 1.0 - 0.02 * i as f64;
        (track.mixture[i].weight, track.mixture[points + i].weight) = (stays, 1.0 - stays);
    }
    let robot = Robot::new(example::amr()).unwrap();
    let tracks = [track];
    let moving = Moving::all(&tracks, 0.0);
    let around = around(&robot);
    let mut out = Vec::new();
    assert_eq!(fill(&config(), &moving, around, &mut out), Some(0));
    let parts: Vec<_> = out.iter().filter(|c| !c.comfort_only).collect();
    assert_eq!((parts.len(), parts[0].index, parts[1].index), (2, 0, 0));
    // Steps of 0.05 s, predictions every 0.1 s from 0.1 s on.
    for (i, stays) in [(0, 1.0), (1, 1.0), (2, 0.99), (3, 0.98), (21, 0.8), (55, 0.46)] {
        assert!(
            (parts[0].share[i] - stays).abs() < 1e-6 && (parts[1].share[i] - (1.0 - stays)).abs() < 1e-6,
            "{i}"
        );
        assert!((parts[0].weight[i] - 0.8 * stays).abs() < 1e-6);
    }
    let far = Pose2::new(0.0, 1.1, 0.0);
    let sum: f64 = parts.iter().map(|c| c.probability(21, far, &robot.footprint)).sum();
    let gap_m = robot.footprint.signed_distance_m(Point2::new(0.0, -1.1)) - 0.25 - config().risk.margin_m;
    let tail = |sigma_m: f64| 0.5 * libm::erfc(gap_m / sigma_m / std::f64::consts::SQRT_2);
    assert!((sum - 0.8 * (0.8 * tail(0.08) + 0.2 * tail(0.35))).abs() < 1e-5, "{sum}");
    let most = most_likely(&out, 0.05, &robot.footprint, std::iter::repeat_n(far, 56)).unwrap();
    assert!(
        most.0 == 0 && (most.1 - 2.8).abs() < 1e-9,
        "both together, when most of him has set off: {most:?}"
    );
}

/// With a crowd about the robot there is no room for all mixtures: the nearest have theirs, the others are one Gaussian each, and
/// nobody is left out who was not before.
#[test]
fn a_crowd_has_mixtures_as_far_as_there_is_room() {
    let crowd: Vec<Track> = (0..30)
        .map(|i| {
            let (s, c) = libm::sincos(f64::from(i));
            let r = 0.8 + 0.1 * f64::from(i);
            let moved = |p: Ellipse| Ellipse { at: Point2::new(p.at.x_m + r * c, p.at.y_m + r * s), ..p };
            track(&walks().into_iter().map(moved).collect::<Vec<_>>(), 1.0)
        })
        .collect();
    let plain: Vec<Track> = crowd.iter().map(|t| Track { mixture: Vec::new(), ..t.clone() }).collect();
    let robot = Robot::new(example::amr()).unwrap();
    let around = around(&robot);
    let fill = |tracks: &[Track]| {
        let mut out = Vec::new();
        let beyond = fill(&config(), &Moving::all(tracks, 0.0), around, &mut out).unwrap();
        (beyond, out)
    };
    let ((beyond, out), (beyond_plain, out_plain)) = (fill(&crowd), fill(&plain));
    assert_eq!((beyond, out_plain.len()), (beyond_plain, COMPONENT_LIMIT));
    assert!(out.len() <= COMPONENT_LIMIT + MIXTURE_ROOM && out.len() > COMPONENT_LIMIT + MIXTURE_ROOM - 3);
    let tracks = |out: &[Component]| {
        out.iter().filter(|c| !c.comfort_only).map(|c| c.index).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(tracks(&out), tracks(&out_plain));
    let count = |index| out.iter().filter(|c| c.index == index && !c.comfort_only).count();
    assert!(count(0) > 1 && count(out.iter().rev().find(|c| !c.comfort_only).unwrap().index) == 1);
}

/// Who hardly moves is taken to stay where he is, and who is out of sight is his disc: neither is taken apart.
#[test]
fn who_stays_and_who_is_lost_are_one() {
    let one = track(&stands(), 1.0);
    for other in [
        Track { velocity: Point2::new(0.2, 0.0), ..one.clone() },
        Track { state: TrackState::Reachable, reachable_m: 0.5, ..one.clone() },
        Track { mixture: Vec::new(), ..one.clone() },
    ] {
        let robot = Robot::new(example::amr()).unwrap();
        let around = around(&robot);
        let (tracks, mut out) = ([other], Vec::new());
        fill(&config(), &Moving::all(&tracks, 0.0), around, &mut out).unwrap();
        assert_eq!(out.iter().filter(|c| !c.comfort_only).count(), 1);
    }
    let mut wild = one;
    wild.mixture[40].position.x_m = f64::NAN;
    let robot = Robot::new(example::amr()).unwrap();
    let around = around(&robot);
    assert_eq!(fill(&config(), &Moving::all(&[wild], 0.0), around, &mut Vec::new()), None);
}
