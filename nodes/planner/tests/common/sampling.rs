//! A place for the sampling controller alone: walls, posts, people, and a bent path past them.

use super::{Walker, config, grid, robot};
use outrider_foundation::data::{Component, Track};
use outrider_foundation::grid::{CostGrid, FrameId};
use outrider_foundation::{Point2, Pose2, Twist2};
use outrider_planner::mppi::{Mppi, Request};
use outrider_planner::path::Path;
use outrider_planner::safety::{Moving, Wish};

/// What a request borrows.
pub struct Place {
    pub grid: CostGrid,
    pub path: Path,
    pub tracks: Vec<Track>,
}

impl Place {
    /// 10 m × 10 m with posts and three people, as the local grid of a hall.
    pub fn busy() -> Self {
        let mut boxes = vec![[-5.0, -2.0, 5.0, -1.9], [-5.0, 2.5, 5.0, 2.6]];
        for i in 0..9 {
            let (x, y) = (f64::from(i) - 3.5, if i % 2 == 0 { 1.1 } else { -1.0 });
            boxes.push([x, y, x + 0.15, y + 0.15]);
        }
        let walkers = [
            (Point2::new(2.0, -1.5), Point2::new(0.0, 0.9)),
            (Point2::new(3.0, 1.5), Point2::new(-0.8, -0.2)),
            (Point2::new(0.5, 1.6), Point2::new(0.7, 0.0)),
        ];
        let walkers = walkers.map(|(from, velocity)| Walker { from, velocity, starts_s: 0.0, ends_s: 60.0 });
        let points: Vec<Point2> = (0..60)
            .map(|i| {
                let x = f64::from(i) * 0.1;
                Point2::new(x, 0.3 * libm::sin(1.5 * x))
            })
            .collect();
        Self {
            grid: grid([10.0, 10.0], Point2::new(-5.0, -5.0), &boxes),
            path: Path::new(FrameId::Map, &points, Some(0.0)).unwrap(),
            tracks: walkers.iter().zip(1..).map(|(w, id)| w.track(id, 0.0)).collect(),
        }
    }

    /// A straight way between two walls, and nobody.
    pub fn hall(walls: &[[f64; 4]]) -> Self {
        let points: Vec<Point2> = (-45..60).map(|i| Point2::new(f64::from(i) * 0.1, 0.0)).collect();
        Self {
            grid: grid([10.0, 10.0], Point2::new(-5.0, -5.0), walls),
            path: Path::new(FrameId::Map, &points, None).unwrap(),
            tracks: Vec::new(),
        }
    }

    /// The same with predictions that are mixtures, as of people who walk and may turn or stop.
    pub fn undecided() -> Self {
        let busy = Self::busy();
        Self { tracks: busy.tracks.into_iter().map(undecided).collect(), ..busy }
    }

    pub fn moving(&self) -> Vec<Moving<'_>> {
        Moving::all(&self.tracks, 0.0)
    }

    pub fn request<'a>(&'a self, moving: &'a [Moving<'a>], pose: Pose2, last: Twist2) -> Request<'a> {
        Request {
            pose,
            last,
            elapsed_s: 0.025,
            grid: &self.grid,
            moving,
            path: &self.path,
            from_m: self.path.project(pose.position(), 0.0, 10.0).0,
            v_max_mps: 0.9,
            w_max_radps: 1.2,
            pursuit: Wish { v_mps: 0.9, turn: 0.0, curve: true },
            standing_mps: 0.25,
        }
    }
}

pub fn controller() -> Mppi {
    let config = config();
    Mppi::new(&config.mppi, &config.safety, 0.6, &robot())
}

/// Somebody who goes on as predicted; or, less likely, stops where he is; or turns to the left.
pub fn undecided(track: Track) -> Track {
    let part = |weight: f64, sigma_m: f64, go_on: f64, turn: f64| {
        let (at, step_s) = (track.position, track.prediction_step_s);
        track.prediction.iter().zip(1..).map(move |(p, i)| {
            let t_s = step_s * f64::from(i);
            let (dx, dy) = (go_on * (p.x_m - at.x_m), go_on * (p.y_m - at.y_m));
            let (s, c) = libm::sincos(turn * t_s);
            let position = Point2::new(at.x_m + c * dx - s * dy, at.y_m + s * dx + c * dy);
            Component { weight, position, sigma_m: 0.05 + sigma_m * t_s }
        })
    };
    let mixture =
        part(0.06, 0.05, 0.1, 0.0).chain(part(0.79, 0.12, 1.0, 0.0)).chain(part(0.15, 0.3, 1.0, 0.4));
    Track { mixture: mixture.collect(), ..track }
}
