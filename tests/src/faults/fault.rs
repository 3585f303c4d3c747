//! What strikes: actions on processes, clocks and topics at times after the strike, and a hand on every wire.

use outrider_foundation::{Span, Stamp};
use outrider_msgs::Message;
use outrider_msgs::builtin_interfaces::Time;
use outrider_msgs::nav_msgs::OccupancyGrid;
use outrider_runtime::{Resources, Topic, time_message};
use outrider_suite::wire::{Delivery, Passage};

/// Something done to the suite at one moment.
pub enum Action {
    /// kill -9.
    Kill(&'static str),
    /// kill -STOP.
    Freeze(&'static str),
    /// kill -CONT, and an end of starvation.
    Thaw(&'static str),
    /// A step only every so often.
    Starve(&'static str, Span),
    /// A new process in the place of the old, from these files.
    Restart(&'static str, Resources, u64),
    /// One more process of the same name.
    Join(&'static str, Resources, u64),
    /// The ROS clock of every node of the suite, but not the robot's, goes so much ahead; behind when negative.
    ShiftClocks(Span),
    /// The ROS clock of every node of the suite stands.
    StopClocks,
    /// The map comes again, with something changed.
    ChangeMap(fn(&mut OccupancyGrid)),
    /// Somebody publishes.
    Publish(Topic, Vec<u8>),
}

/// Looks at a message, with the time since the strike (negative before), and decides.
pub type Tamper = dyn FnMut(f64, &Passage) -> Delivery;

/// One fault, ready to strike.
#[derive(Default)]
pub struct Fault {
    /// Time after the strike, in seconds, and what is done then; in this order.
    pub actions: Vec<(f64, Action)>,
    /// The hand on the wires.
    pub tamper: Option<Box<Tamper>>,
    /// From here on the wires are sound again. `None`: they stay as they are.
    pub over_after_s: Option<f64>,
    /// From here on the robot may go on, unless it has to be armed. `None`: it may not.
    pub may_go_on_after_s: Option<f64>,
}

impl Fault {
    /// These actions.
    pub fn acts(actions: impl IntoIterator<Item = (f64, Action)>) -> Self {
        Self { actions: actions.into_iter().collect(), ..Self::default() }
    }

    /// From the strike on every message is looked at.
    pub fn wire(mut tamper: impl FnMut(&Passage) -> Delivery + 'static) -> Self {
        Self::hand(move |since_s, passage| if since_s < 0.0 { Delivery::Pass } else { tamper(passage) })
    }

    /// From the strike on every message of one topic is looked at.
    pub fn on(topic: &'static str, mut tamper: impl FnMut(&Passage) -> Delivery + 'static) -> Self {
        Self::wire(move |passage| if passage.topic == topic { tamper(passage) } else { Delivery::Pass })
    }

    /// Every message is looked at, before the strike as well.
    pub fn hand(tamper: impl FnMut(f64, &Passage) -> Delivery + 'static) -> Self {
        Self { tamper: Some(Box::new(tamper)), ..Self::default() }
    }

    /// It is over so long after the strike: the wires are sound again, and the robot may go on.
    pub fn over_after(mut self, s: f64) -> Self {
        self.over_after_s = Some(s);
        self.may_go_on_after(s)
    }

    /// What has struck stays as it is, but so long after the strike it is nothing to stand for any more.
    pub fn may_go_on_after(mut self, s: f64) -> Self {
        self.may_go_on_after_s = Some(s);
        self
    }

    /// What becomes of a message.
    pub fn carry(&mut self, since_s: f64, passage: &Passage) -> Delivery {
        let over = self.over_after_s.is_some_and(|s| since_s >= s);
        match &mut self.tamper {
            Some(tamper) if !over => tamper(since_s, passage),
            _ => Delivery::Pass,
        }
    }
}

/// The message with something changed. One that cannot be read is left as it is: the suite's own messages can be.
pub fn edit<M: Message>(passage: &Passage, change: impl FnOnce(&mut M)) -> Delivery {
    edited(passage.bytes, change).map_or(Delivery::Pass, Delivery::replaced)
}

/// As [`edit`], in bytes.
pub fn edited<M: Message>(bytes: &[u8], change: impl FnOnce(&mut M)) -> Option<Vec<u8>> {
    let mut message: M = outrider_msgs::decode(bytes).ok()?;
    change(&mut message);
    outrider_msgs::encode(&message).ok()
}

/// Moves a stamp.
pub fn shift(stamp: &mut Time, by: Span) {
    let nanos = i64::from(stamp.sec).saturating_mul(1_000_000_000).saturating_add(i64::from(stamp.nanosec));
    *stamp = time_message(Stamp::from_nanos(nanos) + by);
}
