//! The sampling controller alone: bits, symmetry, limits, walls, people and wild input.

use crate::common::sampling::{Place, controller, undecided};
use crate::common::{Walker, config, robot};
use outrider_foundation::data::{Component, Track};
use outrider_foundation::{Point2, Pose2, Twist2};
use outrider_planner::mppi::{Answer, Level, Mppi, Outcome, STEP_LIMIT};
use outrider_planner::safety::Moving;
use proptest::prelude::*;

/// Drives as decided, with nothing else in between; gives every pose and answer.
fn drive(mppi: &mut Mppi, place: &mut Place, start: Pose2, steps: usize) -> Vec<(Pose2, Twist2, Answer)> {
    drive_among(mppi, place, start, steps, |track| track)
}

/// The same among people of whom more is known than where they go.
fn drive_among(
    mppi: &mut Mppi,
    place: &mut Place,
    start: Pose2,
    steps: usize,
    known: fn(Track) -> Track,
) -> Vec<(Pose2, Twist2, Answer)> {
    let (mut pose, mut last) = (start, Twist2::ZERO);
    let walkers: Vec<Walker> = place.tracks.iter().map(walker).collect();
    let limits = robot().limits;
    let mut way = Vec::new();
    for i in 0..steps {
        let t_s = i as f64 * 0.05;
        place.tracks = walkers.iter().zip(1..).map(|(w, id)| known(w.track(id, t_s))).collect();
        let moving = place.moving();
        let mut request = place.request(&moving, pose, last);
        request.elapsed_s = 0.05;
        let answer = mppi.decide(&request);
        let to = answer.twist;
        last.v_mps += (to.v_mps - last.v_mps).clamp(-limits.decel_mps2 * 0.05, limits.accel_mps2 * 0.05);
        last.w_radps = to.w_radps;
        pose = pose.advance(last, 0.05);
        way.push((pose, last, answer));
    }
    way
}

fn walker(track: &Track) -> Walker {
    Walker { from: track.position, velocity: track.velocity, starts_s: 0.0, ends_s: 600.0 }
}

fn digest(way: &[(Pose2, Twist2, Answer)]) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    let mut add = |numbers: &[f64]| {
        for x in numbers {
            hash = (hash ^ x.to_bits()).wrapping_mul(0x0100_0000_01B3).rotate_left(7);
        }
    };
    for (pose, twist, answer) in way {
        add(&[pose.x_m, pose.y_m, pose.yaw_rad, twist.v_mps, twist.w_radps]);
        add(&[answer.effective_samples, answer.feasible_share]);
        for c in &answer.candidates {
            add(&[c.costs.obstacles, c.costs.risk, c.costs.path, c.costs.motion, c.probability]);
        }
    }
    hash
}

/// A change of this number is a change of behaviour, or of `mppi` in `config/planner.yaml`: say so in the changelog.
const GOLDEN: u64 = 0xF6FB_7821_FFBC_9CAB;

#[test]
fn a_hundred_decisions_have_the_golden_bits_with_every_instruction_set() {
    let run = |level| {
        let (mut mppi, mut place) = (controller(), Place::busy());
        mppi.set_level(level);
        digest(&drive(&mut mppi, &mut place, Pose2::new(-0.05, 0.02, 0.1), 100))
    };
    for level in Level::available() {
        let bits = run(level);
        assert_eq!(bits, GOLDEN, "{level:?}: {bits:#018x}");
    }
}

/// The same for predictions that are mixtures.
const GOLDEN_MIXTURES: u64 = 0x6D36_FD3D_348E_968C;

#[test]
fn among_mixtures_too_and_they_are_not_what_one_gaussian_is() {
    let run = |level| {
        let (mut mppi, mut place) = (controller(), Place::undecided());
        mppi.set_level(level);
        digest(&drive_among(&mut mppi, &mut place, Pose2::new(-0.05, 0.02, 0.1), 100, undecided))
    };
    for level in Level::available() {
        let bits = run(level);
        assert_eq!(bits, GOLDEN_MIXTURES, "{level:?}: {bits:#018x}");
    }
    assert_ne!(GOLDEN, GOLDEN_MIXTURES);
}

/// A robot that stays where it is, beside somebody whose mixture does not change: by hand.
#[test]
fn the_probability_of_a_mixture_is_the_weighted_sum() {
    let mut place = Place::hall(&[]);
    let mut track =
        Walker { from: Point2::new(0.0, 1.0), velocity: Point2::new(0.3, 0.0), starts_s: 0.0, ends_s: 600.0 }
            .track(1, 0.0);
    let part = |weight, y_m, sigma_m| Component { weight, position: Point2::new(0.0, y_m), sigma_m };
    let parts = [part(0.7, 1.1, 0.12), part(0.3, 0.9, 0.3)];
    track.mixture = parts.iter().flat_map(|p| vec![*p; track.prediction.len()]).collect();
    track.existence = 0.9;
    place.tracks = vec![track];
    let moving = place.moving();
    let request = place.request(&moving, Pose2::IDENTITY, Twist2::ZERO);
    let answer = controller().decide(&request);
    let stop = answer.candidates[4];
    assert_eq!(stop.name, "stop");
    // Discs stand for the outline: a little wider than that.
    let (margin_m, side_m) =
        (config().mppi.risk.margin_m, 1.0 - robot().footprint.signed_distance_m(Point2::new(0.0, 1.0)));
    let p = |wider_m: f64| -> f64 {
        let tail = |p: &Component| {
            let gap_m = p.position.y_m - side_m - 0.25 - margin_m - wider_m;
            p.weight * 0.5 * libm::erfc(gap_m / p.sigma_m / std::f64::consts::SQRT_2)
        };
        0.9 * parts.iter().map(tail).sum::<f64>()
    };
    assert!(
        stop.probability >= p(0.0) - 1e-5 && stop.probability <= p(0.03) + 1e-5,
        "{stop:?} {} {}",
        p(0.0),
        p(0.03)
    );
}

#[test]
fn another_seed_draws_other_samples() {
    let run = |seed| {
        let (mut config, safety) = (config().mppi, config().safety);
        config.seed = seed;
        let mut mppi = Mppi::new(&config, &safety, 0.6, &robot());
        digest(&drive(&mut mppi, &mut Place::busy(), Pose2::IDENTITY, 5))
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn what_is_mirrored_costs_the_same() {
    let place = |side: f64| {
        let (low, high) = if side > 0.0 { (0.4, 0.6) } else { (-0.6, -0.4) };
        let mut place = Place::hall(&[[1.0, low, 1.2, high], [-5.0, -2.5, 5.0, -2.4], [-5.0, 2.4, 5.0, 2.5]]);
        let walker = Walker {
            from: Point2::new(2.0, 1.5 * side),
            velocity: Point2::new(0.0, -0.6 * side),
            starts_s: 0.0,
            ends_s: 600.0,
        };
        place.tracks = vec![walker.track(1, 0.0)];
        place
    };
    let (left, right) = (place(1.0), place(-1.0));
    let decide = |place: &Place, side: f64| {
        let moving = place.moving();
        let mut request =
            place.request(&moving, Pose2::new(0.0, 0.0, 0.3 * side), Twist2::new(0.6, 0.2 * side));
        request.pursuit.turn = 0.4 * side;
        controller().decide(&request)
    };
    let (a, b) = (decide(&left, 1.0), decide(&right, -1.0));
    // The plan before, the pursuit and the stop hold no noise.
    for i in [2, 3, 4] {
        let (a, b) = (a.candidates[i], b.candidates[i]);
        assert!(a.costs.total() > 0.1, "{a:?}");
        for (x, y) in [
            (a.costs.obstacles, b.costs.obstacles),
            (a.costs.risk, b.costs.risk),
            (a.costs.path, b.costs.path),
            (a.costs.motion, b.costs.motion),
        ] {
            assert!((x - y).abs() < 1e-3 * x.max(1.0), "{}: {a:?} {b:?}", a.name);
        }
    }
}

#[test]
fn it_follows_a_free_way_fast_and_straight() {
    let way = drive(&mut controller(), &mut Place::hall(&[]), Pose2::new(-4.0, 0.1, 0.2), 100);
    let (pose, twist, answer) = way.last().unwrap();
    assert!(pose.x_m > -0.4 && pose.y_m.abs() < 0.08 && twist.v_mps > 0.8, "{pose:?} {twist:?}");
    assert_eq!((answer.outcome, answer.constraint(&[])), (Outcome::Feasible, String::new()));
}

#[test]
fn it_goes_round_what_stands_in_the_way_and_stops_where_there_is_no_way() {
    let mut place = Place::hall(&[[2.0, -0.3, 2.2, 0.3]]);
    let way = drive(&mut controller(), &mut place, Pose2::IDENTITY, 160);
    let lethal = crate::common::lethal_cells(&place.grid);
    let clearance = |p: &Pose2| crate::common::brute_clearance_m(&robot(), &place.grid, &lethal, *p);
    let least = way.iter().map(|(p, ..)| clearance(p)).fold(1.0, f64::min);
    assert!(least > 0.03 && way.last().unwrap().0.x_m > 3.5, "{least} {:?}", way.last());
    let mut place = Place::hall(&[[2.0, -5.0, 2.2, 5.0]]);
    let way = drive(&mut controller(), &mut place, Pose2::IDENTITY, 160);
    let (pose, twist, _) = way.last().unwrap();
    let lethal = crate::common::lethal_cells(&place.grid);
    let clearance = |p: &Pose2| crate::common::brute_clearance_m(&robot(), &place.grid, &lethal, *p);
    let least = way.iter().map(|(p, ..)| clearance(p)).fold(1.0, f64::min);
    assert!(least > 0.03 && twist.v_mps.abs() < 0.1 && pose.x_m > 1.0, "{least} {pose:?} {twist:?}");
}

#[test]
fn somebody_who_crosses_is_not_met() {
    for (from, velocity) in [
        (Point2::new(2.0, -2.0), Point2::new(0.0, 0.9)),
        (Point2::new(2.0, 2.5), Point2::new(0.0, -1.2)),
        (Point2::new(4.0, 0.3), Point2::new(-0.8, 0.0)),
    ] {
        let mut place = Place::hall(&[]);
        let walker = Walker { from, velocity, starts_s: 0.0, ends_s: 600.0 };
        place.tracks = vec![walker.track(1, 0.0)];
        let way = drive(&mut controller(), &mut place, Pose2::IDENTITY, 120);
        let gaps = way.iter().enumerate().map(|(i, (pose, ..))| {
            let at = pose.inverse().apply(walker.at((i + 1) as f64 * 0.05));
            robot().footprint.signed_distance_m(at) - 0.25
        });
        let least = gaps.fold(f64::INFINITY, f64::min);
        assert!(least > 0.1, "{from:?}: {least}");
        assert!(way.last().unwrap().0.x_m > 2.5, "{:?}", way.last());
    }
}

#[test]
fn where_nothing_is_feasible_it_says_so_and_stays_sane() {
    // Somebody stands at the robot's side: whatever it does, it is too near.
    let mut place = Place::hall(&[]);
    let stands =
        Walker { from: Point2::new(0.45, 0.0), velocity: Point2::default(), starts_s: 0.0, ends_s: 0.0 };
    place.tracks = vec![stands.track(4, 0.0)];
    let moving = place.moving();
    let answer = controller().decide(&place.request(&moving, Pose2::IDENTITY, Twist2::ZERO));
    assert_eq!(answer.outcome, Outcome::NoneFeasible);
    assert!(answer.constraint(&moving).contains("person #4"), "{}", answer.constraint(&moving));
    assert!(answer.candidates.iter().all(|c| !c.feasible && c.costs.total().is_finite()));
    let mut gone = place.request(&moving, Pose2::IDENTITY, Twist2::ZERO);
    gone.from_m = 99.0;
    assert_eq!(controller().decide(&gone).outcome, Outcome::NoPath);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn plans_keep_the_limits(v0 in -0.3..0.9f64, w0 in -1.2..1.2f64, x in -1.0..2.0f64, y in -0.8..0.8f64, yaw in -3.1..3.1f64) {
        let place = Place::busy();
        let moving = place.moving();
        let mut mppi = controller();
        let last = Twist2::new(v0, w0);
        let answer = mppi.decide(&place.request(&moving, Pose2::new(x, y, yaw), last));
        prop_assert!(answer.outcome == Outcome::Feasible || answer.outcome == Outcome::NoneFeasible);
        let (limits, mut before) = (robot().limits, last);
        prop_assert_eq!(mppi.plan().count(), config().mppi.steps);
        for twist in mppi.plan() {
            prop_assert!(twist.v_mps <= 0.9 + 1e-5 && twist.v_mps >= -0.3 - 1e-5 && twist.w_radps.abs() <= 1.2 + 1e-5);
            let rate = limits.accel_mps2.max(limits.decel_mps2);
            prop_assert!((twist.v_mps - before.v_mps).abs() <= rate * 0.05 + 1e-5);
            prop_assert!((twist.w_radps - before.w_radps).abs() <= limits.alpha_radps2 * 0.05 + 1e-5);
            before = twist;
        }
    }

    #[test]
    fn wild_input_never_makes_what_is_not_a_number(
        wild in prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 1e8, 0.0]),
        place_of_it in 0..12usize,
    ) {
        let mut place = Place::busy();
        match place_of_it {
            0 => place.tracks[1].position.x_m = wild,
            1 => place.tracks[1].velocity.y_m = wild,
            2 => place.tracks[0].prediction[3].y_m = wild,
            3 => place.tracks[0].prediction_sigma_m[3] = wild,
            4 => place.tracks[2].radius_m = wild,
            5 => place.tracks[2].existence = wild,
            6 => place.path.poses[7].x_m = wild,
            7 => place.grid.origin.x_m = wild,
            _ => {}
        }
        let moving = if place_of_it == 8 { Moving::all(&place.tracks, wild) } else { place.moving() };
        let mut request = place.request(&moving, Pose2::IDENTITY, Twist2::new(0.4, 0.0));
        match place_of_it {
            9 => request.pose.x_m = wild,
            10 => request.last.v_mps = wild,
            11 => request.elapsed_s = wild,
            _ => {}
        }
        let mut mppi = controller();
        for _ in 0..3 {
            let answer = mppi.decide(&request);
            prop_assert!(answer.twist.is_finite());
            prop_assert!(answer.candidates.iter().all(|c| c.costs.total().is_finite()), "{answer:?}");
            prop_assert!(mppi.plan().all(|t| t.is_finite()));
        }
        // And it goes on as if nothing had been.
        let sound = Place::busy();
        let moving = sound.moving();
        let answer = mppi.decide(&sound.request(&moving, Pose2::IDENTITY, Twist2::new(0.4, 0.0)));
        prop_assert_eq!(answer.outcome, Outcome::Feasible);
    }
}

#[test]
fn limits_of_the_configuration_are_checked() {
    let checked = |change: fn(&mut outrider_planner::Config)| {
        let mut config = config();
        change(&mut config);
        config.check(&robot()).map_err(|e| e.to_string())
    };
    assert!(checked(|_| ()).is_ok());
    assert!(checked(|c| c.mppi.steps = 50).unwrap_err().contains("mppi.steps: 50"));
    assert!(checked(|c| c.mppi.steps = STEP_LIMIT + 4).unwrap_err().contains("steps"));
    assert!(checked(|c| (c.mppi.step_s, c.mppi.steps) = (0.2, 56)).is_ok());
    assert!(checked(|c| c.mppi.temperature = f64::NAN).unwrap_err().contains("temperature"));
    assert!(checked(|c| c.mppi.obstacles.margin_m = 0.48).unwrap_err().contains("margin_m"));
}
