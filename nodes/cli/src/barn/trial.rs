//! One run of one task: when its clock starts, how it ends, and what it scores.

use super::data::Task;
use outrider_foundation::Point2;
use outrider_sim::SimNode;
use serde::Serialize;

/// The clock starts when the robot has moved so far, m.
const MOVED_M: f64 = 0.1;
/// The least time that counts, in optimal times: whoever is faster scores no more.
const FASTEST: f64 = 2.0;
/// The greatest time that counts, in optimal times.
const SLOWEST: f64 = 8.0;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Near enough to the goal, nothing touched.
    Success,
    /// It touched something.
    Collision,
    /// Out of time.
    Timeout,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// From the first move to the end, s.
    pub time_s: f64,
    /// `success · OT / clip(T, 2·OT, 8·OT)`.
    pub score: f64,
    /// Least distance to anything before the end, m; without anything, null.
    pub least_clearance_m: Option<f64>,
    /// Distance from the goal at the end, m.
    pub goal_distance_m: f64,
    /// Way of the base, m.
    pub distance_m: f64,
    /// What the robot said about itself at the end.
    pub last_words: String,
}

/// Watches the truth of a run.
pub struct Watch<'a> {
    task: &'a Task,
    begun_s: f64,
    moved_s: Option<f64>,
    least_clearance_m: f64,
    distance_m: f64,
    last: Point2,
}

/// A moment of the truth.
pub struct Moment {
    /// Since the start.
    pub t_s: f64,
    /// Where the base is.
    pub position: Point2,
    /// Distance to the nearest thing.
    pub clearance_m: f64,
    /// Times that contact began.
    pub collisions: u32,
}

impl<'a> Watch<'a> {
    /// From the moment at which the robot is given its goal.
    pub fn new(task: &'a Task, begun_s: f64) -> Self {
        let last = task.start.position();
        Self { task, begun_s, moved_s: None, least_clearance_m: f64::INFINITY, distance_m: 0.0, last }
    }

    /// Takes a moment; the end, when this is one.
    pub fn see(&mut self, moment: &Moment) -> Option<Outcome> {
        self.distance_m += self.last.distance_m(moment.position);
        self.last = moment.position;
        self.least_clearance_m = self.least_clearance_m.min(moment.clearance_m);
        if self.moved_s.is_none() && moment.position.distance_m(self.task.start.position()) >= MOVED_M {
            self.moved_s = Some(moment.t_s);
        }
        // One that never moves is out of time as well.
        let time_s = moment.t_s - self.moved_s.unwrap_or(self.begun_s);
        let goal_m = moment.position.distance_m(self.task.goal.position());
        let end = if moment.collisions > 0 {
            End::Collision
        } else if goal_m <= self.task.goal_radius_m {
            End::Success
        } else if time_s >= self.task.time_limit_s {
            End::Timeout
        } else {
            return None;
        };
        Some(Outcome {
            end,
            time_s,
            score: if end == End::Success { score(self.task.optimal_time_s, time_s) } else { 0.0 },
            // The simulator's limit stands for nothing.
            least_clearance_m: Some(self.least_clearance_m).filter(|m| *m < SimNode::CLEARANCE_LIMIT_M),
            goal_distance_m: goal_m,
            distance_m: self.distance_m,
            last_words: String::new(),
        })
    }
}

/// Score of a success.
fn score(optimal_s: f64, time_s: f64) -> f64 {
    optimal_s / time_s.clamp(FASTEST * optimal_s, SLOWEST * optimal_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_foundation::Pose2;

    fn task() -> Task {
        Task {
            world: 1,
            start: Pose2::new(0.0, 0.0, 0.0),
            goal: Pose2::new(10.0, 0.0, 0.0),
            goal_radius_m: 1.0,
            time_limit_s: 100.0,
            optimal_time_s: 5.0,
            sdf: String::new(),
            moving: Vec::new(),
            moving_radius_m: 0.5,
        }
    }

    fn moment(t_s: f64, x_m: f64, collisions: u32) -> Moment {
        Moment { t_s, position: Point2::new(x_m, 0.0), clearance_m: 1.0, collisions }
    }

    #[test]
    fn the_clock_starts_with_the_first_move() {
        let task = task();
        let mut watch = Watch::new(&task, 2.0);
        assert!(watch.see(&moment(2.5, 0.0, 0)).is_none());
        assert!(watch.see(&moment(3.0, 0.1, 0)).is_none());
        assert!(watch.see(&moment(22.0, 8.9, 0)).is_none());
        let end = watch.see(&moment(23.0, 9.0, 0)).unwrap();
        assert_eq!((end.end, end.time_s, end.score, end.distance_m), (End::Success, 20.0, 0.25, 9.0));
    }

    #[test]
    fn contact_and_time_end_it_without_a_score() {
        let task = task();
        let end = Watch::new(&task, 0.0).see(&moment(1.0, 9.5, 1)).unwrap();
        assert_eq!((end.end, end.score), (End::Collision, 0.0));
        let end = Watch::new(&task, 2.0).see(&moment(102.0, 0.0, 0)).unwrap();
        assert_eq!((end.end, end.score), (End::Timeout, 0.0));
    }

    #[test]
    fn where_nothing_stands_nothing_was_near() {
        let task = task();
        let far = |clearance_m| Moment { clearance_m, ..moment(1.0, 9.5, 0) };
        let near_m = |m| Watch::new(&task, 0.0).see(&far(m)).unwrap().least_clearance_m;
        assert_eq!((near_m(SimNode::CLEARANCE_LIMIT_M), near_m(0.5)), (None, Some(0.5)));
    }

    #[test]
    fn the_score_is_clipped() {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(near(score(5.0, 1.0), 0.5) && near(score(5.0, 10.0), 0.5) && near(score(5.0, 20.0), 0.25));
        assert!(near(score(5.0, 90.0), 0.125));
    }
}
