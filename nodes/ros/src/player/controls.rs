//! The player's services, with the names and types of rosbag2's player.

use super::settings::RATES;
use super::timeline::Timeline;
use futures::{FutureExt as _, Stream, StreamExt as _};
use r2r::rosbag2_interfaces::srv::{
    Burst, GetRate, IsPaused, Pause, PlayNext, Resume, Seek, SetRate, Stop, TogglePaused,
};
use std::collections::VecDeque;

/// Calls for steps that wait for their turn; those beyond wait in r2r, which holds ten and drops more (the caller gets no
/// answer).
const STEP_LIMIT: usize = 10;

type Calls<S> = Box<dyn Stream<Item = r2r::ServiceRequest<S>> + Unpin>;

/// What calls want of the player that it cannot do while it answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wishes {
    /// Go to this log time, ns.
    pub seek_ns: Option<i64>,
    /// End.
    pub stop: bool,
}

/// A call that is answered when its messages are sent.
enum Step {
    One(r2r::ServiceRequest<PlayNext::Service>),
    Many { call: r2r::ServiceRequest<Burst::Service>, left: u64, sent: u64 },
}

pub(super) struct Controls {
    pause: Calls<Pause::Service>,
    resume: Calls<Resume::Service>,
    toggle: Calls<TogglePaused::Service>,
    is_paused: Calls<IsPaused::Service>,
    get_rate: Calls<GetRate::Service>,
    set_rate: Calls<SetRate::Service>,
    play_next: Calls<PlayNext::Service>,
    burst: Calls<Burst::Service>,
    seek: Calls<Seek::Service>,
    stop: Calls<Stop::Service>,
    steps: VecDeque<Step>,
    wishes: Wishes,
}

impl Controls {
    pub(super) fn connect(ros: &mut r2r::Node) -> anyhow::Result<Self> {
        Ok(Self {
            pause: serve::<Pause::Service>(ros, "~/pause")?,
            resume: serve::<Resume::Service>(ros, "~/resume")?,
            toggle: serve::<TogglePaused::Service>(ros, "~/toggle_paused")?,
            is_paused: serve::<IsPaused::Service>(ros, "~/is_paused")?,
            get_rate: serve::<GetRate::Service>(ros, "~/get_rate")?,
            set_rate: serve::<SetRate::Service>(ros, "~/set_rate")?,
            play_next: serve::<PlayNext::Service>(ros, "~/play_next")?,
            burst: serve::<Burst::Service>(ros, "~/burst")?,
            seek: serve::<Seek::Service>(ros, "~/seek")?,
            stop: serve::<Stop::Service>(ros, "~/stop")?,
            steps: VecDeque::new(),
            wishes: Wishes::default(),
        })
    }

    /// Does what was asked since the last time, and answers; steps are answered when they are done.
    pub(super) fn answer(&mut self, line: &mut Timeline, now_ns: i64) {
        self.answer_pauses(line, now_ns);
        answer(&mut self.get_rate, |_| GetRate::Response { rate: line.rate() });
        answer(&mut self.set_rate, |request| {
            let success = RATES.contains(&request.rate) && line.set_rate(now_ns, request.rate);
            if !success {
                let (slowest, fastest) = (RATES.start(), RATES.end());
                tracing::warn!("player: rate {} refused: not within [{slowest}, {fastest}]", request.rate);
            }
            SetRate::Response { success }
        });
        let wishes = &mut self.wishes;
        answer(&mut self.seek, |request| {
            let time_ns = i64::from(request.time.sec)
                .saturating_mul(1_000_000_000)
                .saturating_add(i64::from(request.time.nanosec));
            let success = line.holds(time_ns);
            if success {
                wishes.seek_ns = Some(time_ns);
            } else {
                let (first, last) = line.bounds_ns();
                tracing::warn!("player: seek to {time_ns} ns refused: not within [{first}, {last}]");
            }
            Seek::Response { success }
        });
        answer(&mut self.stop, |_| {
            wishes.stop = true;
            Stop::Response::default()
        });
        self.take_steps(line.is_paused());
    }

    fn answer_pauses(&mut self, line: &mut Timeline, now_ns: i64) {
        answer(&mut self.pause, |_| {
            line.pause(now_ns);
            Pause::Response::default()
        });
        answer(&mut self.resume, |_| {
            line.resume(now_ns);
            Resume::Response::default()
        });
        answer(&mut self.toggle, |_| {
            if line.is_paused() {
                line.resume(now_ns)
            } else {
                line.pause(now_ns)
            }
            TogglePaused::Response::default()
        });
        answer(&mut self.is_paused, |_| IsPaused::Response { paused: line.is_paused() });
    }

    /// Steps are for a player that is paused; to others they are refused.
    fn take_steps(&mut self, paused: bool) {
        while self.steps.len() < STEP_LIMIT
            && let Some(call) = self.play_next.next().now_or_never().flatten()
        {
            self.steps.push_back(Step::One(call));
        }
        while self.steps.len() < STEP_LIMIT
            && let Some(call) = self.burst.next().now_or_never().flatten()
        {
            let left = if call.message.num_messages == 0 { u64::MAX } else { call.message.num_messages };
            self.steps.push_back(Step::Many { call, left, sent: 0 });
        }
        if !paused {
            self.end_steps();
        }
    }

    /// A message is to be sent although the player is paused.
    pub(super) fn wants_step(&self) -> bool {
        !self.steps.is_empty()
    }

    /// A message was sent.
    pub(super) fn stepped(&mut self) {
        match self.steps.pop_front() {
            Some(Step::One(call)) => respond(call, PlayNext::Response { success: true }),
            Some(Step::Many { call, left, sent }) if left > 1 => {
                self.steps.push_front(Step::Many { call, left: left - 1, sent: sent.saturating_add(1) });
            }
            Some(Step::Many { call, sent, .. }) => {
                respond(call, Burst::Response { actually_burst: sent.saturating_add(1) })
            }
            None => {}
        }
    }

    /// No more messages for those who wait for some: tells them how many there were.
    pub(super) fn end_steps(&mut self) {
        for step in self.steps.drain(..) {
            match step {
                Step::One(call) => respond(call, PlayNext::Response { success: false }),
                Step::Many { call, sent, .. } => respond(call, Burst::Response { actually_burst: sent }),
            }
        }
    }

    /// What was asked for since the last time.
    pub(super) fn take_wishes(&mut self) -> Wishes {
        std::mem::take(&mut self.wishes)
    }

    /// Somebody wants to go elsewhere or to end.
    pub(super) fn is_interrupted(&self) -> bool {
        self.wishes.stop || self.wishes.seek_ns.is_some()
    }
}

fn serve<S: r2r::WrappedServiceTypeSupport + 'static>(
    ros: &mut r2r::Node,
    name: &str,
) -> anyhow::Result<Calls<S>> {
    Ok(Box::new(ros.create_service::<S>(name, r2r::QosProfile::services_default())?))
}

fn answer<S: r2r::WrappedServiceTypeSupport + 'static>(
    calls: &mut Calls<S>,
    mut act: impl FnMut(&S::Request) -> S::Response,
) {
    while let Some(call) = calls.next().now_or_never().flatten() {
        let response = act(&call.message);
        respond(call, response);
    }
}

fn respond<S: r2r::WrappedServiceTypeSupport + 'static>(call: r2r::ServiceRequest<S>, response: S::Response) {
    if let Err(error) = call.respond(response) {
        tracing::warn!("player: a service call was not answered: {error}");
    }
}
