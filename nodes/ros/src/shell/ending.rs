//! How a node ends. A gate that drives brings the robot to a stand first: a base may go on with what it was told last.

use super::{SPIN_LIMIT, Shell, next, publish, wait};
use crate::clock::{monotonic, realtime};
use anyhow::bail;
use outrider_foundation::{Span, Stamp};
use outrider_msgs::geometry_msgs::{Twist, TwistStamped};
use outrider_msgs::{CodecError, Message as _};
use outrider_runtime::{Topic, header};
use outrider_suite::topics;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// So long a node stays in the graph when it has said its last: what is still on the way from one that is gone is thrown
/// away by whoever hears first that it is gone, and a bag then lacks a message that another node has acted on.
const FAREWELL: Span = Span::from_millis(150);
/// So often calls are answered meanwhile; after the last time there is as long to send the answers.
const FAREWELL_TURN: Duration = Duration::from_millis(10);
/// On top of what a core says that it needs to come to a stand: a busy machine steps late.
const MARGIN: Span = Span::from_millis(500);
/// What waits no longer than this, unless it is told to, before it kills: `ros2 launch` (SIGTERM after 5 s, SIGKILL 5 s later), `docker
/// stop` and the demo.
const SUPERVISORS_WAIT: Span = Span::from_millis(10_000);
const WHY: &str = "stopping";

/// Turns until the node is told to end or until a turn fails; `end` comes after either. The first error is the one that is told.
pub(super) fn until_told<N>(
    node: &mut N,
    stop: &AtomicBool,
    mut turn: impl FnMut(&mut N) -> anyhow::Result<()>,
    end: impl FnOnce(&mut N) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut went = Ok(());
    while went.is_ok() && !stop.load(Ordering::Relaxed) {
        went = turn(node);
    }
    let ended = end(node);
    went.and(ended)
}

impl Shell {
    /// So long the node is stepped on at most when it was told to end.
    fn longest_way_down(&self) -> Span {
        self.core.way_down() + SPIN_LIMIT + MARGIN
    }

    /// Says so where this robot brakes for longer than it may be given.
    pub(super) fn tell_supervisors(&self) {
        if let Some(warning) = too_slow_for_supervisors(&self.core.spec().name, self.longest_way_down()) {
            tracing::warn!("{warning}");
        }
    }

    /// A node that may not end yet is told that it is to, and goes on until it may; of what comes in only the emergency stop is
    /// heard. Its steps, and what it was told, are in the journal as all others are.
    pub(super) fn wind_down(&mut self, ros: &mut r2r::Node) -> anyhow::Result<()> {
        if self.core.may_end() {
            return Ok(());
        }
        if let (Some(extras), Some(now)) = (&mut self.gate, self.clocks.now()) {
            extras.tell_to_end(now, self.core.as_mut());
        }
        let (begun, limit, mut went) = (monotonic(), self.longest_way_down(), Ok(()));
        // A step that cannot be journalled has gone down the ramp all the same.
        while !self.core.may_end() && monotonic().since(begun) <= limit {
            went = went.and(self.turn_down(ros));
        }
        if !self.core.may_end() {
            self.say_zero()?;
            let name = &self.core.spec().name;
            bail!(
                "{name}: not down its ramp {} s after it was told to end: told the robot to stand",
                limit.as_s()
            );
        }
        went
    }

    fn turn_down(&mut self, ros: &mut r2r::Node) -> anyhow::Result<()> {
        let wait = wait(self.clocks.now(), self.core.next_wakeup());
        ros.spin_once(Duration::from_nanos(wait.nanos().unsigned_abs()));
        self.receive_clock();
        self.hear_the_emergency_stop();
        self.refuse_calls(WHY);
        let Some(now) = self.clocks.now() else { return Ok(()) };
        if self.core.has_input() || self.core.next_wakeup().is_some_and(|at| at <= now.mono) {
            self.step(now)?;
        }
        Ok(())
    }

    fn hear_the_emergency_stop(&mut self) {
        let (e_stop, received) = (topics::e_stop().name, monotonic());
        for (index, stream) in self.inputs.iter_mut().enumerate() {
            let is_heard = self.core.inputs().get(index).is_some_and(|topic| topic.name == e_stop);
            while let Some(bytes) = next(stream) {
                if is_heard {
                    self.core.deliver(index, received, &bytes);
                }
            }
        }
    }

    /// The last resort, past the core: in no journal.
    fn say_zero(&mut self) -> anyhow::Result<()> {
        let command = topics::cmd_vel(true).name;
        let commands =
            self.core.outputs().iter().zip(&self.outputs).filter(|(topic, _)| topic.name == command);
        for (topic, publisher) in commands {
            let stamp = self.clocks.now().map_or_else(realtime, |now| now.ros);
            publish(publisher, &zero_for(topic, stamp)?, &mut self.publish_errors);
        }
        Ok(())
    }

    /// Stays for a while, and answers the calls that still come.
    pub(super) fn farewell(&mut self, ros: &mut r2r::Node) {
        let until = monotonic() + FAREWELL;
        while monotonic() < until {
            ros.spin_once(Duration::ZERO);
            self.refuse_calls(WHY);
            std::thread::sleep(FAREWELL_TURN);
        }
    }
}

fn too_slow_for_supervisors(name: &str, way_down: Span) -> Option<String> {
    (way_down > SUPERVISORS_WAIT).then(|| {
        format!(
            "{name}: told to end at full speed it may need {:.1} s to bring the robot to a stand; `ros2 launch` and `docker stop` kill \
             after {:.0} s: let whoever ends it wait longer (sigterm_timeout, sigkill_timeout; stop_grace_period)",
            way_down.as_s(),
            SUPERVISORS_WAIT.as_s(),
        )
    })
}

/// Standstill on a topic of velocities.
fn zero_for(topic: &Topic, stamp: Stamp) -> Result<Vec<u8>, CodecError> {
    if topic.type_name == TwistStamped::TYPE_NAME {
        let frame = outrider_foundation::robot::BASE_FRAME;
        return outrider_msgs::encode(&TwistStamped {
            header: header(stamp, frame),
            twist: Twist::default(),
        });
    }
    outrider_msgs::encode(&Twist::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_turn_that_fails_is_followed_by_the_way_down_and_is_what_is_told() {
        let never = AtomicBool::new(false);
        let drive = |fails_at: usize, end: fn() -> anyhow::Result<()>| {
            let mut did = Vec::new();
            let ended = until_told(
                &mut did,
                &never,
                |did| {
                    did.push("turn");
                    if did.len() == fails_at { Err(anyhow!("of the turn")) } else { Ok(()) }
                },
                |did| {
                    did.push("down");
                    end()
                },
            );
            (did, ended.map_err(|error| error.to_string()))
        };
        let told = || Err("of the turn".to_owned());
        assert_eq!(drive(2, || Ok(())), (vec!["turn", "turn", "down"], told()));
        assert_eq!(drive(1, || Err(anyhow!("of the way down"))), (vec!["turn", "down"], told()));
    }

    #[test]
    fn a_node_that_is_told_to_end_goes_down_once_and_tells_what_fails_there() {
        let stop = AtomicBool::new(false);
        let turn = |turns: &mut u32| {
            *turns += 1;
            stop.store(*turns == 3, Ordering::Relaxed);
            Ok(())
        };
        let mut turns = 0;
        until_told(&mut turns, &stop, turn, |turns| {
            *turns += 10;
            Ok(())
        })
        .unwrap();
        assert_eq!(turns, 13);
        let error = until_told(&mut turns, &stop, turn, |_| Err(anyhow!("no way down"))).unwrap_err();
        assert_eq!((error.to_string(), turns), ("no way down".to_owned(), 13), "no turn after it was told");
    }

    #[test]
    fn who_brakes_for_longer_than_supervisors_wait_says_both_numbers() {
        assert_eq!(too_slow_for_supervisors("gate", Span::from_millis(10_000)), None);
        let said = too_slow_for_supervisors("gate", Span::from_millis(13_870)).unwrap();
        assert!(
            said.contains("13.9 s") && said.contains("10 s") && said.contains("sigkill_timeout"),
            "{said}"
        );
    }

    #[test]
    fn a_zero_is_of_the_type_that_the_robot_takes() {
        let stamp = Stamp::from_nanos(1_500_000_000);
        let stamped = zero_for(&topics::cmd_vel(true), stamp).unwrap();
        let stamped: TwistStamped = outrider_msgs::decode(&stamped).unwrap();
        assert_eq!((stamped.header.stamp.sec, stamped.twist), (1, Twist::default()));
        let plain: Twist = outrider_msgs::decode(&zero_for(&topics::cmd_vel(false), stamp).unwrap()).unwrap();
        assert_eq!(plain, Twist::default());
    }
}
