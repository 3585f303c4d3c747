//! Measured: rays a second of the lidar, alone and as a whole sensor, and how fast the simulator runs by itself.
//!
//! `make bench-sim`. One core; the smallest of the rounds counts, so that a busy machine matters little.
#![allow(clippy::unwrap_used, clippy::disallowed_types, clippy::disallowed_methods, missing_docs)]

use outrider_foundation::data::CommandVelocity;
use outrider_foundation::robot::example::amr;
use outrider_foundation::{Instant, Node, Now, Outbox, Point2, Pose2, Robot, Stamp, Stamped, Twist2};
use outrider_sim::{Config, Disc, Fan, Input, Moving, Outline, RayScene, SimNode, World};
use std::f64::consts::TAU;
use std::hint::black_box;

const ROUNDS: usize = 30;

/// The least time of the rounds, in s.
fn least_s(mut work: impl FnMut()) -> f64 {
    let once = |_| {
        let begin = std::time::Instant::now();
        work();
        begin.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(once).fold(f64::INFINITY, f64::min)
}

fn rays(name: &str, scene: &RayScene, beams: usize, moving: Moving<'_>) {
    let fan = Fan::new(0.0, TAU / beams as f64, beams);
    let mut ranges = Vec::new();
    let sweeps = 200;
    let s = least_s(|| {
        for i in 0..sweeps {
            let pose = Pose2::new(-8.0 + 0.03 * f64::from(i), -4.0, 0.01 * f64::from(i));
            scene.sweep(black_box(pose), &fan, 20.0, moving, &mut ranges);
            black_box(&ranges);
        }
    });
    let per_s = f64::from(sweeps) * beams as f64 / s;
    println!("{name:<46} {:>7.1} M rays/s {:>9.1} us a sweep", per_s / 1e6, s / f64::from(sweeps) * 1e6);
}

/// A hall of many boxes.
fn many(count: usize) -> Vec<Outline> {
    let one = |i: usize| {
        let pose = Pose2::new((i % 25) as f64 * 1.5 - 18.0, (i / 25) as f64 * 1.5 - 15.0, i as f64);
        let corners = [(-0.3, -0.2), (0.3, -0.2), (0.3, 0.2), (-0.3, 0.2)];
        Outline::Polygon(corners.iter().map(|(x, y)| pose.apply(Point2::new(*x, *y))).collect())
    };
    (0..count).map(one).collect()
}

fn config(extra: &str) -> Config {
    let text = format!("{}\n{extra}", include_str!("../../../config/sim.yaml"));
    outrider_yaml::from_str(&text).unwrap()
}

fn whole(name: &str, extra: &str) {
    const DRIVEN_S: i64 = 20;
    let world = include_str!("../../../config/worlds/warehouse.sdf");
    let robot = Robot::new(amr()).unwrap();
    let start = Pose2::new(-8.9, -4.3, 0.0);
    let run = || {
        let mut sim = SimNode::new(config(extra), &robot, world, start, 1).unwrap();
        let mut out = Outbox::new(1000);
        for i in 0..DRIVEN_S * 200 {
            let now = Now { mono: Instant::from_nanos(i * 5_000_000), ros: Stamp::from_nanos(i * 5_000_000) };
            let twist = Twist2::new(0.5, 0.3);
            let value = Input::Velocity(CommandVelocity { stamp: Stamp::default(), twist });
            sim.step(now, &[Stamped { received: now.mono, value }], &mut out);
            black_box(out.drain().count());
        }
    };
    let s = (0..5).map(|_| {
        let begin = std::time::Instant::now();
        run();
        begin.elapsed().as_secs_f64()
    });
    let s = s.fold(f64::INFINITY, f64::min);
    println!("{name:<46} {:>7.0} times real time", DRIVEN_S as f64 / s);
}

fn main() {
    let world = World::load(include_str!("../../../config/worlds/warehouse.sdf")).unwrap();
    let warehouse = RayScene::new(&world.outlines(0.25));
    let people = [Disc { centre: Point2::new(-5.0, -3.0), radius_m: 0.25 }; 10];
    rays("warehouse, 720 beams", &warehouse, 720, Moving::default());
    rays("warehouse, 720 beams, 10 people", &warehouse, 720, Moving { discs: &people, boxes: &[] });
    rays("500 boxes, 720 beams", &RayScene::new(&many(500)), 720, Moving::default());
    rays("500 boxes, 4000 beams", &RayScene::new(&many(500)), 4000, Moving::default());
    whole("simulator alone, warehouse", "");
    let crowd: String = (0..10)
        .map(|i| {
            format!(
                "  - {{name: p{i}, start: [{from}, -3.3], waypoints: [[{to}, -3.3], [{from}, -3.3]], loops: true}}\n",
                from = -8 + i,
                to = 1 - i
            )
        })
        .collect();
    whole("simulator alone, 10 people who avoid", &format!("actors:\n{crowd}"));
}
